"""From what people write (options, environment, a file) to checked settings."""
