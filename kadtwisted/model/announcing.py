"""What a node announces under a key: where it offers something, and what; and who is found so.

The bytes of announcements, and which of two wins, are ``records/``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Trace


class Announcement(NamedTuple):
    """An announcement of the node with this public key, in one address family.

    ``sequence`` is the network's time in microseconds when it was made.  ``lifetime`` is in
    seconds; with 0 it withdraws the one before it, and ``endpoint`` is ``None``.  ``own_port`` says
    that the port is the node's own UDP port.  ``attributes`` are the application's.
    """

    key: NodeID
    public_key: bytes
    sequence: int
    lifetime: int
    family: Family
    endpoint: Endpoint | None
    own_port: bool = False
    attributes: bytes = b""

    @property
    def deleted(self) -> bool:
        """Whether it withdraws the one before it."""
        return not self.lifetime

    def facts(self) -> Mapping[str, float]:
        """When it was made."""
        return {"announced_unix": self.sequence / 1_000_000}


class Offer(NamedTuple):
    """What a node wants to announce: as :class:`Announcement`; without ``lifetime`` it withdraws.

    ``after`` is the highest sequence number that it has used, as far as it knows.
    """

    key: NodeID
    family: Family
    endpoint: Endpoint | None
    own_port: bool
    attributes: bytes
    lifetime: int
    after: int = 0


class Provider(NamedTuple):
    """A node that announces something: who it is, where it says that it offers it, what the
    application says about it, for how many seconds this is good, and how many nodes returned it.

    A node with both address families is two of these.  If all were read, one that few nodes
    returned is new, or a liar's among the holders, who need not have proven its address.
    """

    node_id: NodeID
    public_key: bytes
    endpoint: Endpoint
    attributes: bytes
    remaining: int
    holders: int = 1


class Providers(NamedTuple):
    """Providers under a key, in random order; ``complete`` says whether they are all that were
    found, or a fair sample."""

    key: NodeID
    providers: tuple[Provider, ...]
    complete: bool
    trace: Trace
