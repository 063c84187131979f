"""Where we are, and which endpoints may be contacted, kept and passed on: no martians.

A contact list can name any address, and whoever answers us can say anything about ours.  The rules
of this file:

* Never: port 0; "this network" (0.0.0.0/8), the unspecified address, multicast, broadcast; IPv4
  addresses written as IPv6; addresses with a scope, which have a meaning on one machine only.
* Always: public addresses.
* All others (private, loopback, link-local, shared by a carrier's customers, reserved) are as good
  as public ones in a network that lives there.  But if our own address is public, such an address
  belongs to a network that we cannot reach, or leads into our own site: then only those in a prefix
  that the operator allows.
* Nobody names an address that is less public than its own: a node at a public address names public
  ones only, a node on a private network private and public ones.  Addresses of this machine are
  named by this machine alone.  Prefixes that the operator allows are exempt.
* Our own address is public if our own socket is bound to it, or if enough observers say so (see
  :mod:`~kadtwisted.routing.votes`).  An observer at a public address votes for its provider; one at
  another address for itself: an attacker elsewhere has no such address.  On this machine each port
  has a vote.

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
from kadtwisted.model.contact import Endpoint, is_loopback
from kadtwisted.routing.networks import address_of, networks_of
from kadtwisted.routing.votes import Verdict

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

MACHINE, LINK, SITE, EVERYBODY = range(4)
"""Scopes of addresses: see :func:`scope_of`."""

_LINK_LOCAL = ("169.254.", "fe8", "fe9", "fea", "feb")
_NEVER = ("0.", *(f"{each}." for each in range(224, 240)))
_BROADCAST = "255.255.255.255"


def is_public(host: str) -> bool:
    """Whether an address is on the public internet."""
    if ":" in host:
        return _is_public_ipv6(host)
    beginnings = _NOT_PUBLIC.get(host.partition(".")[0])
    return beginnings is None or not host.startswith(beginnings)


def may_contact(endpoint: Endpoint, we_are_public: bool, allowed: Sequence[Prefix] = ()) -> bool:
    """Whether an endpoint may be contacted, kept and passed on, if our own address is public or is
    not, or is not known."""
    host, port = endpoint
    if not port:
        return False
    if is_public(host):
        return True
    if we_are_public and not (allowed and _is_in(host, allowed)):
        return False
    return not _is_never(host)


class Reach:
    """Where others see us in one address family, and so which endpoints we may contact.

    ``bound`` is the address to which our own socket is bound; one that stands for all addresses
    says nothing.  ``allow`` are prefixes as in :func:`parse_prefixes`, with its errors.
    """

    __slots__ = (
        "_allowed",
        "_bound_publicly",
        "_endpoint",
        "_host",
        "bound_tells",
        "changes",
        "is_public",
    )

    def __init__(self, allow: Iterable[str] = (), bound: str = "0.0.0.0") -> None:
        self._allowed = parse_prefixes(allow)
        scope = scope_of(bound)
        self._bound_publicly = scope == EVERYBODY
        self.bound_tells = scope in (MACHINE, EVERYBODY)
        """Whether others see us where our socket is bound: no NAT has these addresses inside."""
        self._host: Verdict[str] = Verdict()
        self._endpoint: Verdict[Endpoint] = Verdict()
        self.is_public = self._bound_publicly
        """Whether our own address is known to be public."""
        self.changes = 0
        """How often that has changed."""

    @property
    def own(self) -> Endpoint | None:
        """The endpoint at which others see us by their votes, ``None`` as long as there are not
        enough.  Its port is 0 if they do not agree on one, as behind some NATs."""
        host, endpoint = self._host.answer, self._endpoint.answer
        if host is None:
            return None
        return endpoint if endpoint is not None and endpoint.host == host else Endpoint(host, 0)

    def observers(self, now: float) -> int:
        """How many have said lately that our address is the one in ``own``."""
        return self._host.agreeing(now)

    def seen(self, by: Endpoint, own: Endpoint, now: float) -> bool:
        """A node saw us at ``own``; whether the verdict about our endpoint is another one now."""
        voter = voter_of(by)
        changed = self._endpoint.cast(voter, own, now)
        if self._host.cast(voter, own.host, now):
            self._decide()
            return True
        return changed and own.host == self._host.answer

    def start_anew(self) -> None:
        """Forget what others said: we know nobody any more and may be in another network."""
        self._host.clear()
        self._endpoint.clear()
        self._decide()

    def _decide(self) -> None:
        host = self._host.answer
        public = self._bound_publicly or (host is not None and is_public(host))
        self.changes += public is not self.is_public
        self.is_public = public

    def admits(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint may be contacted, kept and passed on."""
        return may_contact(endpoint, self.is_public, self._allowed)

    def believes(self, giver: int, endpoint: Endpoint) -> bool:
        """Whether an endpoint may be contacted that was named by a node at an address of the scope
        ``giver`` (see :func:`scope_of`)."""
        host = endpoint.host
        if not may_contact(endpoint, self.is_public, self._allowed):
            return False
        return scope_of(host) >= giver or bool(self._allowed and _is_in(host, self._allowed))


def scope_of(host: str) -> int:
    """How public an address is: of this machine, of one link, of a site, of everybody."""
    if is_loopback(host):
        return MACHINE
    if host.startswith(_LINK_LOCAL):
        return LINK
    return EVERYBODY if is_public(host) else SITE


def voter_of(observer: Endpoint) -> bytes:
    """Whose vote an observer at this endpoint casts."""
    host, port = observer
    address = address_of(host)
    if is_public(host):
        return networks_of(address)[-1]
    return address + port.to_bytes(2, "big") if is_loopback(host) else address


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
