"""What this machine says of its ways out: from which address it would send, and over which gateway.

Nothing here sends anything, and nothing raises.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from kadtwisted.model.contact import Endpoint, Family, ip_literal
from kadtwisted.model.networks import LINK, scope_of
from kadtwisted.nat.routes import DefaultRoute, default_route, way_out, way_out_ipv6

ROUTES = Path("/proc/net/route")
ROUTES_IPV6 = Path("/proc/net/ipv6_route")
"""Linux; other systems have another way to tell, and say nothing here."""

_FAMILIES = MappingProxyType({Family.IPV4: socket.AF_INET, Family.IPV6: socket.AF_INET6})


def source_address(endpoint: Endpoint) -> str | None:
    """Ask the system: a connected UDP socket has a name, and nothing is sent.

    An address of one link only leads nowhere else (RFC 4291, 2.5.6; RFC 3927, 2.7): a machine whose
    only other address has gone has no way there, though the system would send.
    """
    try:
        with socket.socket(_FAMILIES[endpoint.family], socket.SOCK_DGRAM) as asking:
            asking.connect(tuple(endpoint))
            found = ip_literal(asking.getsockname()[0].partition("%")[0])
    except (OSError, OverflowError, ValueError):  # no route, no such family, no address, no port
        return None
    stays = found is not None and scope_of(found) == LINK < scope_of(endpoint.host)
    return None if stays else found


def gateway() -> DefaultRoute | None:
    """The default gateway for IPv4; ``None`` if there is none, or this system does not tell."""
    return _read(ROUTES, default_route)


def default_way(family: Family) -> str:
    """Over which gateway and interface everywhere is reached; empty if that cannot be told."""
    found = _read(ROUTES, way_out) if family is Family.IPV4 else _read(ROUTES_IPV6, way_out_ipv6)
    return f"{found.gateway} by {found.interface}" if found is not None else ""


def _read(place: Path, choose: Callable[[str], DefaultRoute | None]) -> DefaultRoute | None:
    try:
        return choose(place.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
