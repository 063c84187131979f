"""What a node does for its user: lookups, puts and gets, joining the network."""
