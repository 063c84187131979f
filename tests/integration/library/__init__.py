"""Real nodes in programs that are no daemon."""
