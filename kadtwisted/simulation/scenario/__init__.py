"""All that an experiment is told, read from TOML and from texts."""
