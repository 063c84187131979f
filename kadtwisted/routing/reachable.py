"""Which endpoints may be contacted, kept and passed on: no martians.

A contact list can name any address.  The rules of this file:

* Never: port 0; "this network" (0.0.0.0/8), the unspecified address, multicast, broadcast; IPv4
  addresses written as IPv6; addresses with a scope, which have a meaning on one machine only.
* Always: public addresses.
* All others (private, loopback, link-local, shared by a carrier's customers, reserved) are as good
  as public ones in a network that lives there.  But if our own address is public, such an address
  belongs to a network that we cannot reach, or leads into our own site: then only those in a prefix
  that the operator allows.

What is public follows the special-purpose registries of IANA (RFC 6890), with one exception: the
documentation prefixes 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and 2001:db8::/32 count as
public.  No real host has such an address, so no harm is done; examples and simulations use them.

Hosts are IP addresses in their shortest text form, as sockets and codecs give them.  IPv4 text is
compared by its beginning, without parsing: each contact in each reply is checked here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network

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

_NEVER = ("0.", *(f"{each}." for each in range(224, 240)))
_BROADCAST = "255.255.255.255"


def is_public(host: str) -> bool:
    """Whether an address is on the public internet."""
    if ":" in host:
        return _is_public_ipv6(host)
    beginnings = _NOT_PUBLIC.get(host.partition(".")[0])
    return beginnings is None or not host.startswith(beginnings)


def may_contact(endpoint: Endpoint, own: Endpoint | None, allowed: Sequence[Prefix] = ()) -> bool:
    """Whether an endpoint that another node named may be contacted, kept and passed on.

    ``own`` is the endpoint at which others see us, ``None`` as long as we do not know it.
    """
    host, port = endpoint
    if not port:
        return False
    if is_public(host):
        return True
    if own is not None and is_public(own.host) and not (allowed and _is_in(host, allowed)):
        return False
    return not _is_never(host)


class Reach:
    """The endpoint at which others see us in one address family, and so which ones we may contact.

    ``own`` is that endpoint, ``None`` as long as no node told us.  Only nodes at public addresses
    are believed: on our own machine or site, others see us at another address.  We believe the
    last one that told us.  ``allow`` are prefixes as in :func:`parse_prefixes`, with its errors.
    """

    __slots__ = ("_allowed", "own")

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allowed = parse_prefixes(allow)
        self.own: Endpoint | None = None

    def seen(self, by: Endpoint, own: Endpoint) -> bool:
        """A node saw us at ``own``.  True if contacts that we admitted are martians now."""
        before = self.own
        if own == before or not is_public(by.host):
            return False
        self.own = own
        return is_public(own.host) and (before is None or not is_public(before.host))

    def admits(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint may be contacted, kept and passed on."""
        return may_contact(endpoint, self.own, self._allowed)


def parse_prefixes(texts: Iterable[str]) -> tuple[Prefix, ...]:
    """Read prefixes such as ``10.0.0.0/8`` or ``fd00::/8``; a single address is one too.

    Anything else, and a prefix with bits set beyond its length, is
    :class:`~kadtwisted.errors.ConfigurationError`.
    """
    return tuple(_parse_prefix(text) for text in texts)


def _parse_prefix(text: str) -> Prefix:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no prefix to allow: {error}") from None


def _is_public_ipv6(host: str) -> bool:
    """IANA has assigned 2000::/3 only; 2001::/23 in it is for protocols (RFC 2928)."""
    first, _, rest = host.partition(":")
    if len(first) != 4 or first[0] not in "23" or "%" in host:
        return False
    return first != "2001" or int(rest.partition(":")[0] or "0", 16) >= 0x200


def _is_never(host: str) -> bool:
    if ":" not in host:
        return host.startswith(_NEVER) or host == _BROADCAST
    if "%" in host:
        return True
    address = ipaddress.IPv6Address(host)
    mapped = address.ipv4_mapped is not None
    return mapped or address.is_multicast or address.is_unspecified


def _is_in(host: str, prefixes: Sequence[Prefix]) -> bool:
    if "%" in host:
        return False
    address = ipaddress.ip_address(host)
    return any(address in prefix for prefix in prefixes)
