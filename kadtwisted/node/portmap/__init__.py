"""Asks the gateway to map our port: the shell around :mod:`kadtwisted.nat`."""
