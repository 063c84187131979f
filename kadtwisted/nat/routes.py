"""The way to everywhere, read from what Linux says of its routes (proc(5), ``/proc/net/route``)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

UP = 0x1
GATEWAY = 0x2
REJECT = 0x200
"""Flags of a route (Linux, ``route.h``): it is usable, leads to a gateway, leads nowhere."""


class DefaultRoute(NamedTuple):
    """The way to all that has no route of its own: over a gateway, by an interface."""

    gateway: str
    interface: str


class _Found(NamedTuple):
    """A default route and its metric; the least one is used."""

    metric: int
    route: DefaultRoute
    flags: int


def default_route(table: str) -> DefaultRoute | None:
    """The default route for IPv4 with the least metric; ``None`` if there is none over a gateway.

    ``table`` is the text of ``/proc/net/route``: a line of headings, then a route on each line,
    with addresses as hexadecimal numbers in the byte order of this machine.
    """
    return _least(each for each in _ipv4(table) if each.flags & GATEWAY)


def way_out(table: str) -> DefaultRoute | None:
    """As :func:`default_route`, also if it leads over no gateway (a tunnel, a modem): that one's
    address is 0.0.0.0 then."""
    return _least(_ipv4(table))


def way_out_ipv6(table: str) -> DefaultRoute | None:
    """The same for IPv6; ``table`` is the text of ``/proc/net/ipv6_route``: a route on each line,
    without headings, all numbers hexadecimal, addresses as they stand in a packet."""
    return _least(_ipv6(table))


def _least(found: Iterable[_Found]) -> DefaultRoute | None:
    best = min(found, default=None)
    return best.route if best is not None else None


def _ipv4(table: str) -> Iterator[_Found]:
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        interface, destination, gateway, flags, _, _, metric, mask = words[:8]
        if int(destination, 16) or int(mask, 16) or int(flags, 16) & (UP | REJECT) != UP:
            continue
        host = IPv4Address(int(gateway, 16).to_bytes(4, sys.byteorder))
        yield _Found(int(metric), DefaultRoute(str(host), interface), int(flags, 16))


def _ipv6(table: str) -> Iterator[_Found]:
    for line in table.splitlines():
        words = line.split()
        if len(words) < 10:
            continue
        destination, length, _, _, gateway, metric, _, _, flags, interface = words[:10]
        if int(destination, 16) or int(length, 16) or int(flags, 16) & (UP | REJECT) != UP:
            continue
        host = IPv6Address(int(gateway, 16))
        yield _Found(int(metric, 16), DefaultRoute(str(host), interface), int(flags, 16))
