"""What a node remembers over a restart: its identity, its contacts, what it keeps published."""
