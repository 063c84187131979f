"""What only an observer may know of a node: its tables, its storage, what it has under way.

The one place outside of ``node/`` that reaches into a node, for tests, simulations and benchmarks.
Nothing here sends a datagram or lets time pass, and all functions but :func:`settle` only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kadtwisted.dialects.native.door import NativeDoor
from kadtwisted.interfaces import IStorage
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.record import StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.node import Node
from kadtwisted.node.port.link import Link
from kadtwisted.routing.table import RoutingTable
from kadtwisted.routing.votes import NEEDED
from kadtwisted.rpc.endpoints import Endpoints

_ALL = 1 << 30
"""More records than any storage of a simulation holds."""


class Load(NamedTuple):
    """How much of each kind a node has at a moment; none of it may grow without end."""

    requests: int
    """Requests in flight."""
    operations: int
    """Operations that run or wait, and writes that go on after their receipts."""
    locks: int
    """Keys at which a record is being compared and stored."""
    vouchers: int
    """Records that another holder was seen to have."""
    endpoints: int
    """Endpoints of which something is remembered."""
    contacts: int
    """Contacts in the routing tables."""
    records: int
    """Records stored, as the node's status says."""
    tasks: int
    """Tasks of the upkeep that wait for their time."""
    sources: int
    """Senders of which a budget is remembered."""


def context_of(node: Node) -> NodeContext:
    """What all parts of a node work with: its world, parameters and dialect."""
    return node._context


def links_of(node: Node) -> Sequence[Link]:
    """Its links, one for each address family."""
    return tuple(node._links.values())


def link_of(node: Node, family: Family = Family.IPV4) -> Link:
    """Its link of one address family."""
    return node._links[family]


def table_of(node: Node, family: Family = Family.IPV4) -> RoutingTable:
    """Its routing table of one address family."""
    return link_of(node, family).table


def endpoints_of(node: Node, family: Family = Family.IPV4) -> Endpoints:
    """What it remembers of the endpoints of one family: round-trip times and tokens."""
    return link_of(node, family).protocol.door.endpoints


def storage_of(node: Node) -> IStorage:
    """Its storage."""
    return node._storage


def records_of(node: Node) -> Sequence[StoredRecord]:
    """All records in its storage, expired ones too; the storage must answer at once."""
    pages: list[Sequence[StoredRecord]] = []
    node._records.page(None, _ALL).addCallback(pages.append)
    return pages[0]


def listeners_of(node: Node) -> int:
    """How many others listen here for newer records."""
    return len(node._parts.telling.listeners)


def posts_of(node: Node) -> int:
    """At how many holders its watches listen."""
    return node._parts.watches.posts()


def load_of(node: Node) -> Load:
    """How much of each kind a node has now."""
    links, records = links_of(node), node._records
    return Load(
        requests=sum(len(link.requests) for link in links),
        operations=len(node._operations) + node._operations.rests,
        locks=records.waiting_writes(),
        vouchers=records.vouched(),
        endpoints=sum(len(link.protocol.door.endpoints) for link in links),
        contacts=sum(len(link.table) for link in links),
        records=node.status().stored_records,
        tasks=node._maintenance.tasks(),
        sources=_sources(links),
    )


def _sources(links: Sequence[Link]) -> int:
    """Senders of which a budget is remembered; the doors of a native node share their budgets."""
    doors = [link.protocol.door for link in links]
    return max(door.limits.sources() for door in doors if isinstance(door, NativeDoor))


def settle(node: Node, own: Endpoint) -> None:
    """Let a node know at which endpoint others see it, as if enough of them had told it."""
    link = link_of(node, own.family)
    for number in range(NEEDED):
        host = f"{2 + number:x}001::1" if own.family is Family.IPV6 else f"{1 + number}.1.1.1"
        link.reach.seen(Endpoint(host, own.port), own, context_of(node).world.now())
    link._asking.told = own
