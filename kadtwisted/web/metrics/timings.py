"""What is known only when a request or a lookup ends: counted, and its seconds gathered.

The node tells of each (:meth:`~kadtwisted.interfaces.INode.observe`) while a gateway is open.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from kadtwisted.model.observed import (
    ANSWERED,
    NODES,
    RECORDS,
    LookupEnded,
    Observation,
    RequestEnded,
)
from kadtwisted.web.metrics.names import (
    BY_NAME,
    HOP_BUCKETS,
    LATENCY_BUCKETS,
    LOOKUP_BUCKETS,
    label_of,
)

RESULTS = ("completed", "ended_early")
"""Of lookups: the second were cancelled, mostly since another one had found what was wanted."""


class Timings:
    """The requests and lookups of one node that have ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._latency = histogram("rpc_latency_seconds", LATENCY_BUCKETS, registry)
        self._duration = histogram("lookup_duration_seconds", LOOKUP_BUCKETS, registry)
        self._hops = histogram("lookup_hops", HOP_BUCKETS, registry)
        self._requests: dict[tuple[str, str], int] = {}
        self._lookups = {(wanted, result): 0 for wanted in (NODES, RECORDS) for result in RESULTS}
        for wanted in (NODES, RECORDS):
            self._duration.labels(wanted)
            self._hops.labels(wanted)

    def hear(self, told: Observation) -> None:
        """A request or a lookup has ended; that a lookup begins is not counted."""
        if isinstance(told, RequestEnded):
            self._hear_request(told)
        elif isinstance(told, LookupEnded):
            self._hear_lookup(told)

    def _hear_request(self, told: RequestEnded) -> None:
        rpc = label_of(told.rpc)
        ending = rpc, told.result
        self._requests[ending] = self._requests.get(ending, 0) + 1
        if told.result == ANSWERED:
            self._latency.labels(rpc).observe(told.seconds)

    def _hear_lookup(self, told: LookupEnded) -> None:
        result = RESULTS[not told.completed]
        self._lookups[told.wanted, result] += 1
        if told.completed:
            self._duration.labels(told.wanted).observe(told.trace.duration)
            self._hops.labels(told.wanted).observe(told.trace.hops)

    def requests(self) -> list[tuple[tuple[str, str], int]]:
        """How many requests of this node have ended: what was asked, and how it went."""
        return sorted(self._requests.items())

    def lookups(self) -> list[tuple[tuple[str, str], int]]:
        """How many lookups have ended: what was wanted, and how."""
        return list(self._lookups.items())


def histogram(name: str, buckets: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
    """A histogram of the table."""
    metric = BY_NAME[name]
    return Histogram(
        metric.full_name, metric.text, metric.labels, registry=registry, buckets=buckets
    )
