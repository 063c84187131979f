"""What a machine's network does to nodes: addresses, families, names."""
