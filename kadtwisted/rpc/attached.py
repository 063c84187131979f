"""Which nodes that nobody can reach hear from us: those that have asked us lately.

A node behind a NAT is in no routing table.  It asks a few others from time to time, so its NAT lets
their datagrams in.  Each of them can tell it of somebody who wants to talk to it; here they
remember where it is.  Whoever is here has proven that it receives at its endpoint.

Bounded: :data:`MOST` nodes.  On a network that anyone may join, a public host and its /16 or /32
have shares, and when all places are taken, one of the /16 or /32 with most of them gives way: so
nobody keeps the others out.  Of those who may give way it is the one that was silent for longest.
``now`` is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.networks import address_of, is_public, networks_of
from kadtwisted.rpc.crowd import Crowd

MOST = 1024
"""MAGIC: they take half a megabyte.  A node is near to few of those that ask it regularly; how many
ask a node of a live network would settle it."""
A_PROVIDER = 8
"""Those of one provider are at most this part of all."""
A_HOST = 64
"""Those of one host, an IPv4 address or IPv6 /64.  MAGIC: 16 nodes behind one NAT of a carrier that
have the same neighbour; more only if there are a thousand of them for each hundred other nodes."""
KEPT = 130.0
"""Seconds for which a node is remembered: somewhat longer than the two minutes for which a NAT
should keep a mapping (RFC 4787, REQ-5)."""


@dataclass(slots=True, eq=False)
class _Place:
    key: bytes
    endpoint: Endpoint
    heard: float
    host: bytes
    provider: bytes
    missed: bool = False


class Attached:
    """Where each node that asks, and that others cannot reach, was heard from last."""

    def __init__(self, *, fair: bool, most: int = MOST) -> None:
        self._fair = fair
        self._most = most
        self._most_of_one = max(1, most // A_PROVIDER)
        self._most_of_host = max(1, most // A_HOST)
        self._places: dict[bytes, _Place] = {}
        self._by_host: dict[bytes, dict[_Place, None]] = {}
        self._crowd: Crowd[_Place] = Crowd()

    def __len__(self) -> int:
        return len(self._places)

    def heard(self, key: bytes, endpoint: Endpoint, now: float) -> None:
        """A node has asked from there."""
        self.forget(key)
        host = provider = b""
        if self._fair and is_public(endpoint.host):
            host, _, provider = networks_of(address_of(endpoint.host))
        gives_way = self._who_gives_way(host, provider)
        if gives_way is not None:
            self.forget(gives_way.key)
        place = self._places[key] = _Place(key, endpoint, now, host, provider)
        if host:
            self._by_host.setdefault(host, {})[place] = None
            self._crowd.add(place)

    def find(self, key: bytes, now: float) -> Endpoint | None:
        """Where a node was heard from lately."""
        place = self._places.get(key)
        if place is None or now - place.heard >= KEPT:
            return None
        return place.endpoint

    def silent(self, key: bytes) -> None:
        """A node did not answer; the second time in a row it is not there any more."""
        place = self._places.get(key)
        if place is not None and place.missed:
            self.forget(key)
        elif place is not None:
            place.missed = True

    def forget(self, key: bytes) -> None:
        """A node is not there any more."""
        place = self._places.pop(key, None)
        if place is not None and place.host:
            here = self._by_host[place.host]
            del here[place]
            if not here:
                del self._by_host[place.host]
            self._crowd.remove(place)

    def _who_gives_way(self, host: bytes, provider: bytes) -> _Place | None:
        """For a newcomer from there, if anybody must."""
        neighbours = self._by_host.get(host, {})
        if len(neighbours) >= self._most_of_host:
            return next(iter(neighbours))
        if self._crowd.count(provider) >= self._most_of_one:
            return self._crowd.first_of(provider)
        if len(self._places) < self._most:
            return None
        return self._crowd.first_of_most() or next(iter(self._places.values()))
