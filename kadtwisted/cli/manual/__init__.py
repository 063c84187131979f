"""The manual pages, made from the parsers and the option table."""
