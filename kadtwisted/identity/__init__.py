"""Who a node is: its key, and the ID that the key implies."""
