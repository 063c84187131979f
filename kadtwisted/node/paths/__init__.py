"""Paths to nodes that others cannot reach."""
