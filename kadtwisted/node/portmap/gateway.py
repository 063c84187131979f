"""Finds the gateway of this machine, and at which address it sees us."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kadtwisted.nat.mapping import GATEWAY_PORT
from kadtwisted.nat.routes import default_route

ROUTES = Path("/proc/net/route")
"""Linux; other systems have another way to tell, and get no mapping."""


class Gateway(NamedTuple):
    """The address of the gateway, and ours on its side."""

    host: str
    our_host: str


FindGateway = Callable[[], Gateway | None]


def find_gateway() -> Gateway | None:
    """The default gateway for IPv4; ``None`` if there is none, or this system does not tell."""
    try:
        route = default_route(ROUTES.read_text(encoding="ascii"))
        if route is None:
            return None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((route.gateway, GATEWAY_PORT))  # of UDP: sends nothing
            return Gateway(route.gateway, asking.getsockname()[0])
    except (OSError, ValueError):
        return None
