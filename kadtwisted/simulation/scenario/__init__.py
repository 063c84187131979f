"""Scenarios: all settings of an experiment, read from TOML and from the command line."""
