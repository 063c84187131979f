"""Frozen snapshots of a running node, for people, the control socket and later HTTP.

Nothing here is live: a snapshot is made when it is asked for, and never changes.
"""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import NodeID


class LinkStatus(NamedTuple):
    """One address family: where it is bound, where others see it, and how full its table is.

    ``observed`` is ``None`` until enough others agree, or our own socket tells; its port is 0 if
    they do not agree on one.  ``observers`` counts the networks, and the neighbours on our own
    site, that have agreed lately.  ``twin`` is where another node answers under this node's key.
    ``mapping`` is ``None`` where none was asked for.  ``network_size`` is our estimate of
    how many nodes the network has in this family; ``None`` before a contact is verified.
    """

    family: Family
    listening: Endpoint | None
    observed: Endpoint | None
    observers: int
    contacts: int
    tentative: int
    requests_in_flight: int
    twin: Endpoint | None = None
    mapping: PortMapping | None = None
    reach: ReachStatus | None = None
    network_size: float | None = None


class ReachStatus(NamedTuple):
    """Whether others can reach a node in one family, and what speaks for it.

    ``verdict`` is ``unknown``, ``reachable``, ``unreachable``, or ``assumed`` where nothing is
    measured; it has stood for ``since`` seconds, and ``measured`` seconds ago something confirmed
    it (``None``: nothing yet).  Lately nodes in ``reached`` networks came unasked, and probes
    through ``failed`` networks did not.  ``nat`` is the kind of NAT: ``unknown``, ``none``,
    ``independent`` or ``dependent`` mapping.  ``read_only`` says why others are not served; it is
    empty if they are.  ``lifetime`` is for how many seconds the NAT is known to let in whom we
    wrote to; so many ``introducers`` are pinged each ``interval`` seconds (``None``: nobody).
    """

    verdict: str
    since: float
    measured: float | None
    reached: int
    failed: int
    nat: str
    read_only: str
    lifetime: float | None
    introducers: int
    interval: float | None


class PortMapping(NamedTuple):
    """How a port is mapped at the gateway: ``outer`` is where, by what the gateway says.

    ``protocol`` is empty while there is no mapping; then ``problem`` says why.  Else it says why
    the mapping may be of no use.  ``left`` is in seconds.
    """

    protocol: str
    outer: Endpoint | None
    left: float
    problem: str


class ContactStatus(NamedTuple):
    """One contact: ages in seconds, the smoothed RTT in seconds (``None`` if never measured),
    ``state`` is ``verified``, ``tentative`` or ``suspect``."""

    node_id: NodeID
    endpoint: Endpoint
    state: str
    known_for: float
    last_seen: float
    rtt: float | None
    failures: int


class BucketStatus(NamedTuple):
    """One k-bucket: the prefix it covers, its contacts, its replacement cache's size, and the
    seconds since a lookup last went through it (``None``: never)."""

    family: Family
    prefix: NodeID
    length: int
    contacts: tuple[ContactStatus, ...]
    replacements: int
    last_lookup: float | None


class NodeStatus(NamedTuple):
    """The whole node: ``health`` is the verdict on it (a word of
    :class:`~kadtwisted.model.health.Health`), ``counters`` are totals since the start, dropped
    datagrams by reason under ``dropped.REASON``; ``uptime`` and ``replication_period`` are in
    seconds; ``most_records`` and ``most_bytes`` are what the storage holds at most,
    ``storage_full`` says that it has no room for one more large record within that;
    ``replication_kept`` says whether the upkeep's budget suffices to pass records on;
    ``own_records`` counts those kept published, ``own_records_kept`` says whether it suffices to
    publish them again before they expire, ``lost_records`` counts those whose place another record
    has taken, ``pinned_records`` those that are pinned, ``records_below_pin`` those of them that
    had too few holders when they were last counted; ``clock_ahead`` is how many seconds the node's
    clock is ahead of the network's, ``None`` while fewer than three networks have told."""

    node_id: NodeID
    public_key: bytes
    health: str
    running: bool
    read_only: bool
    network: str
    private: bool
    uptime: float
    clock_ahead: float | None
    links: tuple[LinkStatus, ...]
    stored_records: int
    stored_bytes: int
    storage_full: bool
    replication_period: float
    replication_kept: bool
    own_records: int
    own_records_kept: bool
    lost_records: int
    pinned_records: int
    records_below_pin: int
    counters: dict[str, int]
    most_records: int
    most_bytes: int


class RoutingStatus(NamedTuple):
    """The routing tables of every family, bucket by bucket, farthest from our own ID first."""

    node_id: NodeID
    buckets: tuple[BucketStatus, ...]
