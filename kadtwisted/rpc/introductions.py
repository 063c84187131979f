"""How often a node introduces others, and how often it lets itself be introduced.

Three limits: an *introducer* serves each host that asks it so often, and so many at once in all; a
node that is told of others sends a PING for each introducer so often.  What it sends beyond that is
also bounded as all that goes to endpoints on hearsay
(:mod:`~kadtwisted.rpc.first_contact`).

Each budget fills continuously and is one float: the moment at which it is full (the generic cell
rate algorithm, as in :mod:`~kadtwisted.rpc.limits`).  Bounded: :data:`REMEMBERED` hosts; one that
is not remembered has a full budget.
"""

from __future__ import annotations

from kadtwisted.model.contact import Endpoint, is_loopback
from kadtwisted.model.generations import Generations
from kadtwisted.model.networks import address_of, networks_of

ASKER_BURST, ASKER_SECONDS = 16, 2.0
"""An asker's host is introduced so often at once, and once more in so many seconds.  MAGIC: a node
that looks whether it can be reached asks each introducer once or twice; one that opens a path
asks each introducer of the target once.  Several nodes may share an address."""
INTRODUCER_BURST, INTRODUCER_SECONDS = 16, 0.5
"""The same for a node that introduces others to us.  MAGIC: an honest one of 1,000 nodes that all
start within an hour introduces three a second, to hundreds of others."""
AT_ONCE = 64
"""Introductions that one node has under way.  MAGIC: each takes a round trip."""
LATER = 256
"""PINGs that one node owes for later."""
LONGEST_AFTER = 300
"""Seconds: beyond any lifetime of a UDP mapping that is worth using (RFC 4787: at least 120)."""
REMEMBERED = 2048
"""MAGIC: hosts in each book."""


class Book:
    """So many at once for each host, and one more in so many ``seconds``.

    Many nodes may share a loopback address: there each endpoint is a host.
    """

    def __init__(self, burst: int, seconds: float) -> None:
        self._seconds = seconds
        self._room = burst * seconds
        self._full_at: Generations[bytes, float] = Generations(REMEMBERED)

    def __len__(self) -> int:
        return len(self._full_at)

    def spend(self, endpoint: Endpoint, now: float) -> bool:
        """Whether there is some left for the host of this endpoint; if so, it is spent."""
        host = _host_of(endpoint)
        full_at = max(now, self._full_at.find(host) or now) + self._seconds
        if full_at - now > self._room:
            return False
        self._full_at.keep(host, full_at)
        return True


def _host_of(endpoint: Endpoint) -> bytes:
    address = address_of(endpoint.host)
    if is_loopback(endpoint.host):
        return address + endpoint.port.to_bytes(2, "big")
    return networks_of(address)[0]
