"""Measurements, run by hand: they print and write figures and never assert a time."""
