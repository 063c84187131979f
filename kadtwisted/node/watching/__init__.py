"""What a node does for those who watch records: at which holders it listens, and what they hear."""
