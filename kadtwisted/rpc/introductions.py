"""How often a node introduces others, and how often it lets itself be introduced.

An *introducer* serves each host that asks it so often, and so many at once in all.  It tells nobody
more often than that one listens: a node that is told of others sends PINGs so often for each
introducer, and so often to each host.  What it sends to endpoints on hearsay has further bounds
(:mod:`~kadtwisted.rpc.first_contact`).

Each budget fills continuously and is one float: the moment at which it is full (the generic cell
rate algorithm, as in :mod:`~kadtwisted.rpc.limits`).  Bounded: :data:`REMEMBERED` hosts; one that
is not remembered has a full budget.  Of the places that there are, those who come from one /16 or
/32 have an eighth.
"""

from __future__ import annotations

from collections import Counter

from kadtwisted.model.contact import Endpoint, is_loopback
from kadtwisted.model.generations import Generations
from kadtwisted.model.networks import address_of, is_public, networks_of, provider_of

ASKER_BURST, ASKER_SECONDS = 16, 2.0
"""An asker's host is introduced so often at once, and once more in so many seconds.  MAGIC: a node
that looks whether it can be reached asks each introducer once or twice; one that opens a path
asks each introducer of the target once.  Several nodes may share an address."""
INTRODUCER_BURST, INTRODUCER_SECONDS = 16, 0.5
"""The same for a node that introduces others to us.  MAGIC: an honest one of 1,000 nodes that all
start within an hour introduces three a second, to hundreds of others."""
NAMED_BURST, NAMED_SECONDS = 16, 0.5
"""The same for a host to which PINGs are sent because somebody named it, whoever did."""
AT_ONCE = 64
"""Introductions that one node has under way.  MAGIC: each takes a round trip."""
LATER = 256
"""PINGs that one node owes for later."""
LONGEST_AFTER = 300
"""Seconds: beyond any lifetime of a UDP mapping that is worth using (RFC 4787: at least 120)."""
A_PROVIDER = 8
"""Those of one provider have at most this part of all places."""
REMEMBERED = 2048
"""MAGIC: hosts in each book."""


class Book:
    """So many at once for each host, and one more in so many ``seconds``.

    Many nodes may share a loopback address: there each endpoint is a host.  So it is everywhere
    with ``each_port``.
    """

    def __init__(self, burst: int, seconds: float, *, each_port: bool = False) -> None:
        self._each_port = each_port
        self._seconds = seconds
        self._room = burst * seconds
        self._full_at: Generations[bytes, float] = Generations(REMEMBERED)

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, endpoint: Endpoint, now: float) -> bool:
        """Whether there is some left for the host of this endpoint; if so, it is spent."""
        host = self._host_of(endpoint)
        full_at = max(now, self._full_at.find(host) or now) + self._seconds
        if full_at - now > self._room:
            return False
        self._full_at.keep(host, full_at)
        return True

    def _host_of(self, endpoint: Endpoint) -> bytes:
        address = address_of(endpoint.host)
        if self._each_port or is_loopback(endpoint.host):
            return address + endpoint.port.to_bytes(2, "big")
        return networks_of(address)[0]


class Places:
    """At most so many at a time; ``fair`` if anyone may join the network, so that a provider has a
    share.  Whoever takes a place gives it back."""

    def __init__(self, most: int, *, fair: bool) -> None:
        self._most = most
        self._share = max(1, most // A_PROVIDER)
        self._fair = fair
        self._taken = 0
        self._of: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return self._taken

    def take(self, endpoint: Endpoint) -> bool:
        """Whether there is a place; if so, it is taken."""
        provider = self._provider_of(endpoint)
        if self._taken >= self._most or (provider and self._of[provider] >= self._share):
            return False
        self._taken += 1
        self._of[provider] += 1
        return True

    def give_back(self, endpoint: Endpoint) -> None:
        """A place is free again."""
        provider = self._provider_of(endpoint)
        self._taken -= 1
        self._of[provider] -= 1
        if not self._of[provider]:
            del self._of[provider]

    def _provider_of(self, endpoint: Endpoint) -> bytes:
        if not (self._fair and is_public(endpoint.host)):
            return b""
        return provider_of(endpoint.host)
