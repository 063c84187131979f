"""Attacks at the door of a node: floods, replays, and requests that cost more than they should."""
