"""Finds the gateway of this machine, and at which address it sees us."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kadtwisted.model.contact import Endpoint
from kadtwisted.nat.mapping import GATEWAY_PORT
from kadtwisted.node import routes


class Gateway(NamedTuple):
    """The address of the gateway, and ours on its side."""

    host: str
    our_host: str


FindGateway = Callable[[], Gateway | None]


def find_gateway() -> Gateway | None:
    """The default gateway for IPv4; ``None`` if there is none, or this system does not tell."""
    route = routes.gateway()
    if route is None:
        return None
    our_host = routes.source_address(Endpoint(route.gateway, GATEWAY_PORT))
    return Gateway(route.gateway, our_host) if our_host is not None else None
