"""Networks around an address: which addresses probably have one owner, and which are public.

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

What is public follows the special-purpose registries of IANA (RFC 6890), with one exception: the
documentation prefixes 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and 2001:db8::/32 count as
public.  No real host has such an address, so no harm is done; examples and simulations use them.

Hosts are IP addresses in their shortest text form, as sockets and codecs give them.  IPv4 text is
compared by its beginning, without parsing: each contact in each reply is checked here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from types import MappingProxyType

from kadtwisted.model.contact import Endpoint, is_loopback

IPV4_BYTES = 4

_IPV4 = (4, 3, 2)
_IPV6 = (8, 6, 4)
"""The bytes of an address that say which host, block and provider it belongs to."""

_LOOPBACK_IPV4 = 127
_LOOPBACK_IPV6 = b"\0" * 15 + b"\1"

_NOT_PUBLIC: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "0": ("0.",),
        "10": ("10.",),
        "100": tuple(f"100.{each}." for each in range(64, 128)),
        "127": ("127.",),
        "169": ("169.254.",),
        "172": tuple(f"172.{each}." for each in range(16, 32)),
        "192": ("192.0.0.", "192.168."),
        "198": ("198.18.", "198.19."),
        **{str(each): (f"{each}.",) for each in range(224, 256)},
    }
)
"""For each first number of an IPv4 address that needs a closer look: the beginnings of addresses
that are not public.  In order: this network and private (RFC 1122, 1918), carriers (RFC 6598),
loopback, link-local (RFC 3927), private, IETF protocols (RFC 6890) and private, benchmarks (RFC
2544), multicast and reserved (RFC 5771, 1112)."""

MACHINE, LINK, SITE, EVERYBODY = range(4)
"""Scopes of addresses: see :func:`scope_of`."""

_LINK_LOCAL = ("fe8", "fe9", "fea", "feb")


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


def provider_of(host: str) -> bytes:
    """The provider of an IP address in text form."""
    return networks_of(address_of(host))[-1]


def is_of_this_machine(address: bytes) -> bool:
    """Whether this is a loopback address, which says nothing about who is there."""
    if len(address) == IPV4_BYTES:
        return address[0] == _LOOPBACK_IPV4
    return address == _LOOPBACK_IPV6


def is_public(host: str) -> bool:
    """Whether an address is on the public internet."""
    if ":" in host:
        return _is_public_ipv6(host)
    beginnings = _NOT_PUBLIC.get(host.partition(".")[0])
    return beginnings is None or not host.startswith(beginnings)


def scope_of(host: str) -> int:
    """How public an address is: of this machine, of one link, of a site, of everybody."""
    if is_loopback(host):
        return MACHINE
    if host.startswith("169.254.") or (host[:3] in _LINK_LOCAL and host[4:5] == ":"):
        return LINK
    return EVERYBODY if is_public(host) else SITE


def _is_public_ipv6(host: str) -> bool:
    """IANA has assigned 2000::/3 only; 2001::/23 in it is for protocols (RFC 2928)."""
    first, _, rest = host.partition(":")
    if len(first) != 4 or first[0] not in "23" or "%" in host:
        return False
    return first != "2001" or int(rest.partition(":")[0] or "0", 16) >= 0x200


_NEVER = ("0.", *(f"{each}." for each in range(224, 240)), "255.255.255.255")


def may_be_a_host(endpoint: Endpoint) -> bool:
    """Whether any host at all can have this endpoint: not with port 0, in "this network", with an
    unspecified or multicast address, or the broadcast one."""
    host, port = endpoint
    if not port:
        return False
    if ":" not in host:
        return not host.startswith(_NEVER)
    address = ipaddress.IPv6Address(host)
    return not (address.is_multicast or address.is_unspecified)
