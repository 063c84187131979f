"""Who a node is: its key, and the ID that follows from it."""
