"""The names of all metrics: what each counts, its kind and its labels.

One table, which the collector, the tests and the documents read; what is not in it is not told.
Names and units are as Prometheus has them: a base unit at the end, ``_total`` for what only grows.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final, NamedTuple

PREFIX: Final = "kadtwisted_"
GAUGE, COUNTER, HISTOGRAM, INFO = "gauge", "counter", "histogram", "info"


class Metric(NamedTuple):
    """One metric: its name without the prefix (and of a counter without ``_total``), its kind, its
    labels, and what it is, in a sentence."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def full_name(self) -> str:
        """With the prefix, and without ``_total``, which the library adds."""
        return PREFIX + self.name


LATENCY_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds.  MAGIC: from a neighbour in the same rack to the longest patience with a slow disk."""
LOOKUP_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds.  MAGIC: from a network in one house to a lookup among many that are gone."""
HOP_BUCKETS: Final = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0)
"""MAGIC: a lookup takes about the logarithm of the network's size, to the base of some tens."""

METRICS: Final = (
    Metric("node", INFO, (), "The version, the network and the ID of the node"),
    Metric("health", GAUGE, ("verdict",), "1 for the verdict on the node now, 0 for all others"),
    Metric("uptime_seconds", GAUGE, (), "Since the node has started"),
    Metric(
        "clock_ahead_seconds",
        GAUGE,
        (),
        "How far the node's clock is ahead of the network's; absent while it is not known",
    ),
    Metric(
        "reachability",
        GAUGE,
        ("family", "verdict"),
        "1 for what is known of whether others can reach the node",
    ),
    Metric(
        "rpc_requests",
        COUNTER,
        ("rpc", "direction", "result"),
        "Requests: in from others, out from this node; and how they have ended",
    ),
    Metric("rpc_latency_seconds", HISTOGRAM, ("rpc",), "From a request of this node to its answer"),
    Metric("requests_in_flight", GAUGE, ("family",), "Requests whose answer is awaited"),
    Metric("datagrams", COUNTER, ("direction",), "Datagrams received and sent"),
    Metric("datagrams_dropped", COUNTER, ("reason",), "Datagrams of others that were not answered"),
    Metric("send_failures", COUNTER, ("reason",), "Datagrams that the system did not send"),
    Metric("routing_contacts", GAUGE, ("family", "state"), "Contacts in the routing table"),
    Metric("network_size_estimate", GAUGE, ("family",), "About how many nodes the network has"),
    Metric("lookups", COUNTER, ("wanted", "result"), "Lookups of this node"),
    Metric("lookup_duration_seconds", HISTOGRAM, ("wanted",), "How long lookups took"),
    Metric("lookup_hops", HISTOGRAM, ("wanted",), "How deep the best path of a lookup was"),
    Metric("store_items", GAUGE, (), "Records of the network that this node stores"),
    Metric("store_bytes", GAUGE, (), "How large these are"),
    Metric("store_full", GAUGE, (), "1 if no large record fits into the storage"),
    Metric("replication_kept", GAUGE, (), "1 while the upkeep's budget suffices to replicate"),
    Metric("own_records", GAUGE, (), "Records that this node keeps published"),
    Metric("own_records_kept", GAUGE, (), "1 while the budget suffices to publish them in time"),
    Metric("lost_records", GAUGE, (), "Records whose place the record of another has taken"),
    Metric("pinned_records", GAUGE, (), "Records that are pinned"),
    Metric("records_below_pin", GAUGE, (), "Pinned records that too few nodes hold"),
    Metric("republish", COUNTER, ("result",), "Records of this node that were published again"),
    Metric(
        "reactor_lag_seconds",
        GAUGE,
        (),
        "The most by which a timer was late within the last minute",
    ),
    Metric("http_connections", GAUGE, (), "Connections to this gateway"),
)

BY_NAME: Final = MappingProxyType({each.name: each for each in METRICS})


def label_of(name: str) -> str:
    """A word of the program as a label has it: ``FindNode`` is ``find_node``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
