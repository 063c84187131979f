"""What is done about address translators: asking a gateway for a mapping.  Pure."""
