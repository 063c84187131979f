"""The nodes of a simulated network: how they are made, filled, replaced and turned hostile."""
