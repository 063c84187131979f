"""The verbs that look at a node: again and again, or at all that may be wrong with it."""
