"""Attacks on what is stored: records, who holds them and how long."""
