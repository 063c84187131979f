"""The default gateway, read from what Linux says of its routes (proc(5), ``/proc/net/route``)."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address
from typing import NamedTuple

UP = 0x1
GATEWAY = 0x2
"""Flags of a route (Linux, ``route.h``): it is usable, and leads to a gateway."""


class DefaultRoute(NamedTuple):
    """The way to all that has no route of its own: over a gateway, by an interface."""

    gateway: str
    interface: str


def default_route(table: str) -> DefaultRoute | None:
    """The default route with the least metric; ``None`` if there is none over a gateway.

    ``table`` is the text of ``/proc/net/route``: a line of headings, then a route on each line,
    with addresses as hexadecimal numbers in the byte order of this machine.
    """
    found: list[tuple[int, DefaultRoute]] = []
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        interface, destination, gateway, flags, _, _, metric, mask = words[:8]
        if int(destination, 16) or int(mask, 16) or int(flags, 16) & (UP | GATEWAY) != UP | GATEWAY:
            continue
        host = IPv4Address(int(gateway, 16).to_bytes(4, sys.byteorder))
        found.append((int(metric), DefaultRoute(str(host), interface)))
    return min(found)[1] if found else None
