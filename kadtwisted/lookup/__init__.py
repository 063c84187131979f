"""Whom to ask next, until the closest have answered: iterative lookups without any waiting."""
