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
  has a vote.  Where our own socket is bound to a public address, nobody can say otherwise.
* Where others see us we tell who asks, but only while the last answer agrees with the verdict: a
  node that has moved must not send others to where it was.

What is public is said in :mod:`~kadtwisted.model.networks`.  Hosts are IP addresses in their
shortest text form, as sockets and codecs give them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Endpoint, is_loopback
from kadtwisted.model.networks import (
    EVERYBODY,
    MACHINE,
    address_of,
    is_public,
    networks_of,
    scope_of,
)
from kadtwisted.routing.votes import Verdict

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network

_NEVER = ("0.", *(f"{each}." for each in range(224, 240)))
_BROADCAST = "255.255.255.255"


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
        "_bound",
        "_bound_publicly",
        "_endpoint",
        "_host",
        "bound_tells",
        "changes",
        "is_public",
        "own",
        "told_to_others",
    )

    def __init__(self, allow: Iterable[str] = (), bound: str = "0.0.0.0") -> None:
        self._allowed = parse_prefixes(allow)
        scope = scope_of(bound)
        self._bound = bound
        self._bound_publicly = scope == EVERYBODY
        self.bound_tells = scope in (MACHINE, EVERYBODY)
        """Whether others see us where our socket is bound: no NAT has these addresses inside."""
        self._host: Verdict[str] = Verdict()
        self._endpoint: Verdict[Endpoint] = Verdict()
        self.is_public = self._bound_publicly
        """Whether our own address is known to be public."""
        self.changes = 0
        """How often that has changed."""
        self.own: Endpoint | None = None
        """The endpoint at which others see us by their votes, ``None`` as long as there are not
        enough.  Its port is 0 if they do not agree on one, as behind some NATs."""
        self.told_to_others: Endpoint | None = None
        """The same, ``None`` while the last answer said something else."""

    def observers(self, now: float) -> int:
        """How many have said lately that our address is the one in ``own``."""
        return self._host.agreeing(now)

    def seen(self, by: Endpoint, own: Endpoint, now: float) -> bool:
        """A node saw us at ``own``; whether the verdict about our endpoint is another one now."""
        if self.bound_tells and own.host != self._bound:
            return False
        voter, host = voters_of(by)
        changed = self._endpoint.cast(voter, own, now, host)
        moved = self._host.cast(voter, own.host, now, host)
        if moved:
            self._decide()
        if moved or changed:
            self.own = self._verdict()
        agreed = own.host == self._host.answer
        self.told_to_others = self.own if agreed else None
        return moved or (changed and agreed)

    def _verdict(self) -> Endpoint | None:
        host, endpoint = self._host.answer, self._endpoint.answer
        if host is None:
            return None
        return endpoint if endpoint is not None and endpoint.host == host else Endpoint(host, 0)

    def start_anew(self) -> None:
        """Forget what others said: we know nobody any more and may be in another network."""
        self._host.clear()
        self._endpoint.clear()
        self.own = self.told_to_others = None
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


def voters_of(observer: Endpoint) -> tuple[bytes, bytes]:
    """Whose vote an observer at this endpoint casts, and which of the hosts that cast that vote it
    is."""
    host, port = observer
    address = address_of(host)
    if is_public(host):
        networks = networks_of(address)
        return networks[-1], networks[0]
    voter = address + port.to_bytes(2, "big") if is_loopback(host) else address
    return voter, voter


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
