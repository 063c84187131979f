"""What a node tells of itself: its status, its verdict and its routing tables, as they are now.

Everything here only reads.  A snapshot never changes after it is made.
"""

from __future__ import annotations

from enum import Enum, auto

from kadtwisted.model.contact import Family
from kadtwisted.model.health import Health
from kadtwisted.model.record import StorageUsage
from kadtwisted.model.status import BucketStatus, ContactStatus, LinkStatus, NodeStatus
from kadtwisted.node.assembly import Assembly, LastingParts
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.sizes import network_size
from kadtwisted.node.port.link import Link
from kadtwisted.routing.buckets import BucketView
from kadtwisted.routing.liveness import Entry
from kadtwisted.rpc.endpoints import NEVER
from kadtwisted.upkeep.health import Signs, verdict


class RunState(Enum):
    """Where a node is between its start and its stop."""

    STOPPED = auto()
    STARTING = auto()
    RUNNING = auto()
    STOPPING = auto()


def node_status(
    lasting: LastingParts, parts: Assembly, state: RunState, usage: StorageUsage, started_at: float
) -> NodeStatus:
    """The whole node; ``usage`` is what its storage last said of itself."""
    context, running = lasting.context, state is RunState.RUNNING
    settings = context.settings
    return NodeStatus(
        node_id=context.node_id,
        public_key=context.public_key,
        health=node_health(lasting, parts, state).word,
        running=running,
        read_only=parts.links.read_only,
        network=settings.network,
        private=not context.open_network,
        uptime=context.world.now() - started_at if running else 0.0,
        clock_ahead=context.clock.ahead(),
        links=tuple(link_status(link, lasting.context, parts) for link in parts.links.values()),
        stored_records=usage.records,
        stored_bytes=usage.size,
        most_records=lasting.records.ledger.capacity.records,
        most_bytes=lasting.records.ledger.capacity.size,
        storage_full=lasting.records.ledger.is_full(),
        replication_period=parts.maintenance.replication_period(),
        replication_kept=parts.maintenance.keeps_up(usage.records),
        own_records=len(parts.upkeep.publisher),
        lost_records=parts.upkeep.publisher.lost,
        pinned_records=lasting.publications.pinned_count,
        records_below_pin=lasting.publications.below_pin,
        own_records_kept=parts.upkeep.publisher.keeps_up(),
        counters=context.counters.snapshot(),
    )


def node_health(lasting: LastingParts, parts: Assembly, state: RunState) -> Health:
    """The one verdict on the node."""
    links = parts.links.values()
    heard = any(link.has_heard() for link in links)
    return verdict(
        Signs(
            running=state is RunState.RUNNING,
            started=state in (RunState.STARTING, RunState.RUNNING),
            stopping=state is RunState.STOPPING,
            contacts=sum(len(link.table) for link in links),
            first=not parts.upkeep.contacts.was_told()
            or (parts.bootstrap.found_itself and not heard),
            heard=heard,
            uplink_down=bool(links) and all(link.is_down() for link in links),
            storage_failing=lasting.records.is_failing(),
            doubled=any(link.twin is not None for link in links),
            offline=parts.upkeep.addresses.is_offline(),
            blocked=parts.upkeep.addresses.is_blocked(),
        )
    )


def link_status(link: Link, context: NodeContext, parts: Assembly) -> LinkStatus:
    """One address family."""
    entries = [e for bucket in link.table.buckets() for e in bucket.entries]
    tentative = sum(entry.tentative for entry in entries)
    return LinkStatus(
        link.family,
        link.listening,
        link.observed,
        link.observers(),
        len(entries) - tentative,
        tentative,
        len(link.requests),
        link.twin,
        parts.portmapper.shown(link.reach.own) if link.family is Family.IPV4 else None,
        parts.reaching.status(link.family),
        network_size=network_size(context, link).nodes if len(entries) > tentative else None,
    )


def bucket_statuses(link: Link, now: float) -> list[BucketStatus]:
    """The routing table of one address family."""
    return [_bucket_status(link, view, now) for view in link.table.buckets()]


def _bucket_status(link: Link, view: BucketView, now: float) -> BucketStatus:
    return BucketStatus(
        link.family,
        view.prefix,
        view.length,
        tuple(_contact_status(link, entry, now) for entry in view.entries),
        view.replacements,
        now - view.last_lookup if view.last_lookup > NEVER else None,
    )


def _contact_status(link: Link, entry: Entry, now: float) -> ContactStatus:
    state = "tentative" if entry.tentative else "suspect" if entry.suspect else "verified"
    return ContactStatus(
        entry.contact.node_id,
        entry.contact.endpoint,
        state,
        now - entry.first_seen,
        now - entry.last_seen,
        link.round_trip(entry.contact.endpoint),
        entry.failures,
    )
