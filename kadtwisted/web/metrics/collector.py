"""What a node knows of itself, as metrics, at the moment when somebody asks.

Nothing here is kept up to date: the status of the node has the gauges, and its counters have the
totals.  Only what is known when a request or a lookup ends is gathered in :mod:`.timings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from kadtwisted import __version__
from kadtwisted.interfaces import INode
from kadtwisted.model.health import Health
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.status import LinkStatus, NodeStatus
from kadtwisted.web.metrics.names import BY_NAME, label_of
from kadtwisted.web.metrics.timings import Timings

IN, REFUSED, TURNED_AWAY, DROPPED = "in.", "refused.", "turned_away.", "dropped."
"""How the counters of a node begin that are told with a label."""
REPUBLISHED = ("stored", "superseded", "unavailable")
STATES = ("verified", "suspect", "tentative")

Family = CounterMetricFamily | GaugeMetricFamily | InfoMetricFamily


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
        yield self._timings.lookups()
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
        health = gauges("health")
        for each in Health:
            health.add_metric([each.word], float(each.word == status.health))
        yield health
        yield gauge("uptime_seconds", status.uptime)
        if status.clock_ahead is not None:
            yield gauge("clock_ahead_seconds", status.clock_ahead)

    def _traffic(self, counts: dict[str, int]) -> Iterator[Family]:
        requests = counters("rpc_requests")
        for name, received in _received(counts).items():
            refused = counts.get(REFUSED + name, 0)
            # A refusal may be told after its request was counted; a counter never goes back.
            answered = max(self._answered.get(name, 0), received - refused)
            self._answered[name] = answered
            requests.add_metric([label_of(name), "in", "answered"], answered)
            requests.add_metric([label_of(name), "in", "refused"], refused)
        for (rpc, result), count in self._timings.requests():
            requests.add_metric([rpc, "out", result], count)
        yield requests
        datagrams = counters("datagrams")
        datagrams.add_metric(["in"], counts.get("datagrams.in", 0))
        datagrams.add_metric(["out"], counts.get("datagrams.out", 0))
        yield datagrams
        dropped = counters("datagrams_dropped")
        for name, count in counts.items():
            if name.startswith(DROPPED):
                dropped.add_metric([name.removeprefix(DROPPED)], count)
        yield dropped
        failures = counters("send_failures")
        failures.add_metric(["error"], counts.get("send.failed", 0))
        failures.add_metric(["buffer_full"], counts.get("send.full", 0))
        yield failures
        republished = counters("republish")
        for result in REPUBLISHED:
            republished.add_metric([result], counts.get(f"republish.{result}", 0))
        yield republished

    def _links(self, status: NodeStatus) -> Iterator[Family]:
        contacts, in_flight = gauges("routing_contacts"), gauges("requests_in_flight")
        sizes, reach = gauges("network_size_estimate"), gauges("reachability")
        known = Counter(
            (bucket.family, contact.state)
            for bucket in self._node.routing().buckets
            for contact in bucket.contacts
        )
        for link in status.links:
            family = f"IPv{int(link.family)}"
            in_flight.add_metric([family], link.requests_in_flight)
            for state in STATES:
                contacts.add_metric([family, state], known[link.family, state])
            if link.network_size is not None:
                sizes.add_metric([family], link.network_size)
            if verdict := _reachability(link):
                reach.add_metric([family, verdict], 1.0)
        yield from (contacts, in_flight, sizes, reach)

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


def gauges(name: str) -> GaugeMetricFamily:
    """A gauge with labels, and no values yet."""
    metric = BY_NAME[name]
    return GaugeMetricFamily(metric.full_name, metric.text, labels=metric.labels)


def counters(name: str) -> CounterMetricFamily:
    """A counter with labels, and no values yet."""
    metric = BY_NAME[name]
    return CounterMetricFamily(metric.full_name, metric.text, labels=metric.labels)


def _received(counts: dict[str, int]) -> Counter[str]:
    """How many requests came in, by the names of their messages."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        for prefix in (IN, TURNED_AWAY):
            if name.startswith(prefix):
                found[name.removeprefix(prefix)] += count
    return found


def _reachability(link: LinkStatus) -> str:
    """What is known of whether others can reach this address family; empty where nothing says."""
    told: Any = getattr(link, "reach", None)
    return "" if told is None else str(told.verdict)
