"""Metrics of a node, and the files of operators that use them."""
