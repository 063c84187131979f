"""Sweeps with real processes: of this machine, and of a scheduler."""
