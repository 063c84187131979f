"""Which nodes that nobody can reach hear from us: those that have asked us lately.

A node behind a NAT is in no routing table.  It asks a few others from time to time, so its NAT lets
their datagrams in.  Each of them can tell it of somebody who wants to talk to it; here they
remember where it is.  Whoever is here has proven that it receives at its endpoint.

Bounded: :data:`MOST` nodes, and on a network that anyone may join an eighth of these in one /16 or
/32; whoever was silent for longest gives way.  ``now`` is an argument.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.networks import address_of, is_public, networks_of

MOST = 1024
"""MAGIC: they take 300 KB.  A node is near to few of those that ask it regularly; how many ask a
node of a live network would settle it."""
A_PROVIDER = 8
"""Those of one provider are at most this part of all."""
KEPT = 130.0
"""Seconds for which a node is remembered: somewhat longer than the two minutes for which a NAT
should keep a mapping (RFC 4787, REQ-5)."""


class _Place(NamedTuple):
    endpoint: Endpoint
    heard: float
    provider: bytes


class Attached:
    """Where each node that asks, and that others cannot reach, was heard from last."""

    def __init__(self, *, fair: bool, most: int = MOST) -> None:
        self._most = most
        self._most_of_one = max(1, most // A_PROVIDER) if fair else most
        self._places: dict[bytes, _Place] = {}
        self._crowds: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._places)

    def heard(self, key: bytes, endpoint: Endpoint, now: float) -> None:
        """A node has asked from there."""
        self.forget(key)
        provider = networks_of(address_of(endpoint.host))[-1] if is_public(endpoint.host) else b""
        if provider and self._crowds[provider] >= self._most_of_one:
            self._drop_first(provider)
        elif len(self._places) >= self._most:
            self._drop_first(None)
        self._places[key] = _Place(endpoint, now, provider)
        if provider:
            self._crowds[provider] += 1

    def find(self, key: bytes, now: float) -> Endpoint | None:
        """Where a node was heard from lately."""
        place = self._places.get(key)
        if place is None or now - place.heard >= KEPT:
            return None
        return place.endpoint

    def forget(self, key: bytes) -> None:
        """A node is not there any more."""
        place = self._places.pop(key, None)
        if place is not None and place.provider:
            self._crowds[place.provider] -= 1
            if not self._crowds[place.provider]:
                del self._crowds[place.provider]

    def _drop_first(self, provider: bytes | None) -> None:
        """The one that was silent for longest gives way, of a provider if one is named."""
        for key, place in self._places.items():
            if provider is None or place.provider == provider:
                self.forget(key)
                return
