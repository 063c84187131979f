"""Attacks as campaigns: ``python -m kadtwisted.testing.attacks NAME``.

Each plays one attack against real nodes, on the simulated network or against a real daemon on
loopback, prints its figures beside their bounds, and leaves with 1 if one is missed.  The attackers
are written from ``docs/protocol.md`` alone.  What each attack is about stands at the top of its
file.
"""
