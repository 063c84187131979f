"""Names in a state directory that other programs look for, without all that opens one."""

from __future__ import annotations

SOCKET_FILE = "control.sock"
"""The control socket of the node that runs with the directory."""
