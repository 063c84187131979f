"""Finds the gateway of this machine, and at which address it sees us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kadtwisted.model.contact import Endpoint
from kadtwisted.nat.mapping import GATEWAY_PORT
from kadtwisted.nat.routes import default_route
from kadtwisted.node.world import source_address

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
    except (OSError, ValueError):
        return None
    our_host = source_address(Endpoint(route.gateway, GATEWAY_PORT))
    return Gateway(route.gateway, our_host) if our_host is not None else None
