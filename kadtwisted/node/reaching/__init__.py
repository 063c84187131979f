"""Whether others can reach this node, and what follows: the shell around :mod:`kadtwisted.nat`."""
