"""The upkeep: what a node does without being asked, for its contacts and for records."""
