"""Records in an SQLite database."""
