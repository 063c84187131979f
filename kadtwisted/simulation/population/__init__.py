"""The nodes of a simulated network: made, given tables, replaced, made hostile."""
