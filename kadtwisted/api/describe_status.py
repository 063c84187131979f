"""The state of a node as JSON values: its status, and its routing tables."""

from __future__ import annotations

from kadtwisted.api.describe import Described, of_endpoint, rounded
from kadtwisted.model.contact import Address, Endpoint
from kadtwisted.model.health import Health
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.status import (
    BucketStatus,
    ContactStatus,
    LinkStatus,
    NodeStatus,
    PortMapping,
    ReachStatus,
    RoutingStatus,
)


def of_status(status: NodeStatus) -> Described:
    """A running node."""
    return {
        "node_id": id_to_hex(status.node_id),
        "public_key": status.public_key.hex(),
        "addresses": [
            address_to_share(status.public_key, each.listening)
            for each in status.links
            if each.listening is not None
        ],
        "health": status.health,
        "health_sentence": Health.named(status.health).sentence,
        "running": status.running,
        "read_only": status.read_only,
        "network": status.network,
        "private": status.private,
        "uptime_seconds": round(status.uptime, 3),
        "clock_ahead_seconds": rounded(status.clock_ahead),
        "links": [_link(each) for each in status.links],
        "stored_records": status.stored_records,
        "stored_bytes": status.stored_bytes,
        "most_records": status.most_records,
        "most_bytes": status.most_bytes,
        "storage_full": status.storage_full,
        "own_records": status.own_records,
        "own_records_kept": status.own_records_kept,
        "lost_records": status.lost_records,
        "pinned_records": status.pinned_records,
        "records_below_pin": status.records_below_pin,
        "replication_period_seconds": round(status.replication_period, 3),
        "replication_kept": status.replication_kept,
        "counters": dict(status.counters),
    }


def of_verdict(verdict: Health) -> Described:
    """The verdict on a node, and what it means."""
    return {"health": verdict.word, "sentence": verdict.sentence}


def of_routing(status: RoutingStatus) -> Described:
    """The routing tables, bucket by bucket."""
    return {
        "node_id": id_to_hex(status.node_id),
        "buckets": [_bucket(each) for each in status.buckets],
    }


def address_to_share(public_key: bytes, endpoint: Endpoint) -> str:
    """``KEY@HOST:PORT`` for others to copy; a wildcard address becomes the loopback address."""
    wildcards = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = wildcards.get(endpoint.host, endpoint.host)
    return str(Address(host, endpoint.port, public_key))


def _link(link: LinkStatus) -> Described:
    return {
        "family": f"IPv{int(link.family)}",
        "listening": of_endpoint(link.listening),
        "observed": of_endpoint(link.observed),
        "observers": link.observers,
        "contacts": link.contacts,
        "tentative": link.tentative,
        "requests_in_flight": link.requests_in_flight,
        "twin": of_endpoint(link.twin),
        "mapping": _mapping(link.mapping),
        "network_size": None if link.network_size is None else round(link.network_size),
        "reachability": _reach(link.reach),
    }


def _reach(reach: ReachStatus | None) -> Described | None:
    if reach is None:
        return None
    return {
        "verdict": reach.verdict,
        "since_seconds": round(reach.since, 3),
        "measured_seconds": rounded(reach.measured),
        "networks_reached": reach.reached,
        "networks_failed": reach.failed,
        "nat": reach.nat,
        "read_only_because": reach.read_only or None,
        "nat_lifetime_seconds": reach.lifetime,
        "introducers": reach.introducers,
        "keep_alive_seconds": reach.interval,
    }


def _mapping(mapping: PortMapping | None) -> Described | None:
    if mapping is None:
        return None
    return {
        "protocol": mapping.protocol or None,
        "outer": of_endpoint(mapping.outer),
        "left_seconds": round(mapping.left, 3),
        "problem": mapping.problem or None,
    }


def _bucket(bucket: BucketStatus) -> Described:
    return {
        "family": f"IPv{int(bucket.family)}",
        "prefix": id_to_hex(bucket.prefix),
        "length": bucket.length,
        "replacements": bucket.replacements,
        "last_lookup_seconds": rounded(bucket.last_lookup),
        "contacts": [_bucket_contact(each) for each in bucket.contacts],
    }


def _bucket_contact(contact: ContactStatus) -> Described:
    return {
        "node_id": id_to_hex(contact.node_id),
        "endpoint": str(contact.endpoint),
        "state": contact.state,
        "known_for_seconds": round(contact.known_for, 3),
        "last_seen_seconds": round(contact.last_seen, 3),
        "rtt_seconds": contact.rtt,
        "failures": contact.failures,
    }
