"""What a node knows of itself, as metrics, at the moment when somebody asks.

Nothing here is kept up to date: the status of the node has the gauges, and its counters have the
totals.  Only what is known when a request or a lookup ends is gathered in :mod:`.timings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from kadtwisted import __version__
from kadtwisted.interfaces import INode
from kadtwisted.model.health import Health
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.status import NodeStatus
from kadtwisted.web.metrics.names import BY_NAME, label_of
from kadtwisted.web.metrics.timings import Timings

IN, REFUSED, TURNED_AWAY, DROPPED = "in.", "refused.", "turned_away.", "dropped."
"""How the counters of a node begin that are told with a label."""
REPUBLISHED = ("stored", "superseded", "unavailable")
STATES = ("verified", "suspect", "tentative")

Family = CounterMetricFamily | GaugeMetricFamily | InfoMetricFamily
Value = tuple[tuple[str, ...], float]
"""One value of a family: its labels, and the number."""


class NodeCollector:
    """Makes the metrics of one node; ``connections`` and ``lag`` tell of its gateway and
    reactor."""

    def __init__(
        self,
        node: INode,
        timings: Timings,
        connections: Callable[[], int],
        lag: Callable[[], float],
    ) -> None:
        self._node = node
        self._timings = timings
        self._connections = connections
        self._lag = lag
        self._answered: dict[str, int] = {}

    def describe(self) -> Iterator[Family]:
        """Nothing: so the registry asks the node nothing when this is registered."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        """All of them, as they are now."""
        status = self._node.status()
        yield from self._node_itself(status)
        yield from self._traffic(status.counters)
        yield counter("lookups", self._timings.lookups())
        yield from self._links(status)
        yield from self._records(status)
        yield gauge("reactor_lag_seconds", self._lag())
        yield gauge("http_connections", self._connections())

    def _node_itself(self, status: NodeStatus) -> Iterator[Family]:
        info = InfoMetricFamily(BY_NAME["node"].full_name, BY_NAME["node"].text)
        told = {
            "version": __version__,
            "network": status.network,
            "node_id": id_to_hex(status.node_id),
        }
        info.add_metric((), told)
        yield info
        yield gauges("health", [((each.word,), each.word == status.health) for each in Health])
        yield gauge("uptime_seconds", status.uptime)
        if status.clock_ahead is not None:
            yield gauge("clock_ahead_seconds", status.clock_ahead)

    def _traffic(self, counts: dict[str, int]) -> Iterator[Family]:
        yield counter("rpc_requests", [*self._of_others(counts), *self._of_ours()])
        dropped = [name for name in counts if name.startswith(DROPPED)]
        for name, labels in (
            ("datagrams", {"in": "datagrams.in", "out": "datagrams.out"}),
            (
                "datagrams_dropped",
                {each.removeprefix(DROPPED): each for each in dropped},
            ),
            ("send_failures", {"error": "send.failed", "buffer_full": "send.full"}),
            ("republish", {each: f"republish.{each}" for each in REPUBLISHED}),
        ):
            told = labels.items()
            yield counter(name, [((label,), counts.get(each, 0)) for label, each in told])

    def _of_others(self, counts: dict[str, int]) -> Iterator[Value]:
        for name, received in _received(counts).items():
            refused = counts.get(REFUSED + name, 0)
            # A refusal may be told after its request was counted; a counter never goes back.
            answered = max(self._answered.get(name, 0), received - refused)
            self._answered[name] = answered
            yield (label_of(name), "in", "answered"), answered
            yield (label_of(name), "in", "refused"), refused

    def _of_ours(self) -> Iterator[Value]:
        for (rpc, result), count in self._timings.requests():
            yield (rpc, "out", result), count

    def _links(self, status: NodeStatus) -> Iterator[Family]:
        known = Counter(
            (bucket.family, contact.state)
            for bucket in self._node.routing().buckets
            for contact in bucket.contacts
        )
        contacts: list[Value] = []
        in_flight: list[Value] = []
        sizes: list[Value] = []
        reach: list[Value] = []
        for link in status.links:
            family = f"IPv{int(link.family)}"
            contacts += [((family, state), known[link.family, state]) for state in STATES]
            in_flight.append(((family,), link.requests_in_flight))
            if link.network_size is not None:
                sizes.append(((family,), link.network_size))
            if link.reach is not None:
                reach.append(((family, link.reach.verdict), 1.0))
        yield gauges("routing_contacts", contacts)
        yield gauges("requests_in_flight", in_flight)
        yield gauges("network_size_estimate", sizes)
        yield gauges("reachability", reach)

    def _records(self, status: NodeStatus) -> Iterator[Family]:
        yield gauge("store_items", status.stored_records)
        yield gauge("store_bytes", status.stored_bytes)
        yield gauge("store_full", status.storage_full)
        yield gauge("replication_kept", status.replication_kept)
        yield gauge("own_records", status.own_records)
        yield gauge("own_records_kept", status.own_records_kept)
        yield gauge("lost_records", status.lost_records)
        yield gauge("pinned_records", status.pinned_records)
        yield gauge("records_below_pin", status.records_below_pin)


def gauge(name: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(BY_NAME[name].full_name, BY_NAME[name].text, float(value))


def gauges(name: str, values: Iterable[Value]) -> GaugeMetricFamily:
    """A gauge with labels."""
    metric = BY_NAME[name]
    family = GaugeMetricFamily(metric.full_name, metric.text, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, float(value))
    return family


def counter(name: str, values: Iterable[Value]) -> CounterMetricFamily:
    """A counter with labels."""
    metric = BY_NAME[name]
    family = CounterMetricFamily(metric.full_name, metric.text, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _received(counts: dict[str, int]) -> Counter[str]:
    """How many requests came in, by the names of their messages."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        for prefix in (IN, TURNED_AWAY):
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] += count
    return found
