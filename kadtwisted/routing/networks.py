"""Which addresses probably have one owner: the networks around an address, smallest first.

Whoever has one address of a network can often have others of it for little money, but not those of
other networks.  So places in tables, requests on hearsay and votes are counted by network.

==========  ==============  ===============================  =========================
            IPv4            IPv6                             who has it
==========  ==============  ===============================  =========================
*host*      the address     /64: what one link has           one node, or a few
*block*     /24             /48: what one site can have      a small hosting customer
*provider*  /16             /32: what a registry gives away  a provider
==========  ==============  ===============================  =========================

A /24 is the smallest IPv4 block that is routed by itself.  The IPv6 lengths follow RFC 6177 and
RIPE-690 (a home gets a /56, and at most a /48) and RIPE-738 (a provider gets a /32).
"""

from __future__ import annotations

import ipaddress

IPV4_BYTES = 4

_IPV4 = (4, 3, 2)
_IPV6 = (8, 6, 4)
"""The bytes of an address that say which host, block and provider it belongs to."""

_LOOPBACK_IPV4 = 127
_LOOPBACK_IPV6 = b"\0" * 15 + b"\1"


def address_of(host: str) -> bytes:
    """The 4 or 16 bytes of an IP address in text form; a scope is dropped.

    ``ValueError`` if it is none.
    """
    if ":" in host:
        return ipaddress.IPv6Address(host.partition("%")[0]).packed
    return bytes(map(int, host.split(".")))


def networks_of(address: bytes) -> tuple[bytes, bytes, bytes]:
    """The host, block and provider of an address of 4 or 16 bytes, as the beginnings of it."""
    host, block, provider = _IPV4 if len(address) == IPV4_BYTES else _IPV6
    return address[:host], address[:block], address[:provider]


def is_of_this_machine(address: bytes) -> bool:
    """Whether this is a loopback address, which says nothing about who is there."""
    if len(address) == IPV4_BYTES:
        return address[0] == _LOOPBACK_IPV4
    return address == _LOOPBACK_IPV6
