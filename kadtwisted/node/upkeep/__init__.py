"""What a node does unasked: its contacts, its copies of records, what it keeps published."""
