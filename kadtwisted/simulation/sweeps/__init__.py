"""Sweeps: one scenario over many seeds and settings, on all cores or many machines."""
