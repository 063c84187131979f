"""``/metrics``: by Prometheus' own parser, against the table of names and against the node."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.health import Health
from kadtwisted.model.observed import RequestEnded
from kadtwisted.testing.nodes import Swarm
from kadtwisted.web.access import Role
from kadtwisted.web.index import Rooms, Served
from kadtwisted.web.metrics.door import Metrics
from kadtwisted.web.metrics.lag import KEPT, ReactorLag
from kadtwisted.web.metrics.names import COUNTER, HISTOGRAM, INFO, METRICS, label_of
from kadtwisted.web.problems import Refused
from kadtwisted.web.routing import Route
from tests.daemon.fakes import FakeNode
from tests.web.metrics.scraping import MeasuredCase, samples_of, scrape

LATER = ("reachability", "clock_ahead_seconds")
"""Known on some networks only."""


class TableTests(MeasuredCase):
    """What is told is what the table of names says."""

    def test_who_accepts_a_version_that_is_none_gets_the_usual_one(self) -> None:
        usual = scrape(self.metrics).content_type
        for kind in ("application/openmetrics-text", "text/plain"):
            for version in ("abc", "1.x.0", "1.0.0.0.0", "", "-1", "\ufffd"):
                answer = scrape(self.metrics, f"{kind}; version={version}; escaping=none")
                self.assertTrue(answer.bytes(), version)
                if version == "abc":
                    self.assertEqual(answer.content_type, usual)

    def test_every_metric_of_the_table_is_told_and_no_other(self) -> None:
        self.use()
        suffixes = {COUNTER: "_total", HISTOGRAM: "_bucket", INFO: "_info"}
        wanted = {
            each.full_name + suffixes.get(each.kind, "")
            for each in METRICS
            if each.name not in LATER
        }
        parts = ("_count", "_sum", "_created")
        told = {
            each.name
            for each in samples_of(self.metrics)
            if each.name.startswith("kadtwisted_") and not each.name.endswith(parts)
        }
        self.assertEqual(told - {f"kadtwisted_{name}" for name in LATER}, wanted)

    def test_the_labels_are_those_of_the_table(self) -> None:
        self.use()
        labels = {each.full_name: {*each.labels} for each in METRICS if each.kind != INFO}
        for sample in samples_of(self.metrics):
            known = labels.get(sample.name.removesuffix("_total"))
            if known is not None:
                self.assertEqual({*sample.labels}, known, sample.name)

    def test_names_end_as_the_conventions_have_them(self) -> None:
        for each in METRICS:
            self.assertRegex(each.full_name, r"\A[a-z]+(_[a-z]+)*\Z")
            self.assertFalse(each.name.endswith("_total"), each.name)

    def test_words_of_the_program_become_labels(self) -> None:
        self.assertEqual([label_of(each) for each in ("Ping", "FindNode")], ["ping", "find_node"])


class TrafficTests(MeasuredCase):
    """Requests, datagrams and lookups."""

    def test_requests_of_others_are_counted_by_how_they_were_answered(self) -> None:
        self.refuse(self.other, self.node)
        counts = self.node.status().counters
        told = self.value("rpc_requests_total", rpc="ping", direction="in", result="answered")
        self.assertEqual(told, counts["in.Ping"])
        for result, number in ("answered", counts["in.FindValue"] - 1), ("refused", 1):
            labels = {"rpc": "find_value", "direction": "in", "result": result}
            self.assertEqual(self.value("rpc_requests_total", **labels), number)

    def test_requests_that_were_turned_away_came_in_and_were_refused(self) -> None:
        self.node.counters.add("turned_away.Store", 2)
        self.node.counters.add("refused.Store", 2)
        for result, number in ("answered", 0), ("refused", 2):
            labels = {"rpc": "store", "direction": "in", "result": result}
            self.assertEqual(self.value("rpc_requests_total", **labels), number)

    def test_a_counter_never_goes_back_though_a_refusal_is_told_late(self) -> None:
        labels = {"rpc": "store", "direction": "in", "result": "answered"}
        self.node.counters.add("in.Store", 5)
        self.assertEqual(self.value("rpc_requests_total", **labels), 5)
        self.node.counters.add("refused.Store", 2)
        self.assertEqual(self.value("rpc_requests_total", **labels), 5)
        self.node.counters.add("in.Store", 4)
        self.assertEqual(self.value("rpc_requests_total", **labels), 7)

    def test_requests_of_ours_are_counted_and_timed(self) -> None:
        pong = self.swarm.wait(self.node.ping(self.swarm.address_of(self.other)))
        labels = {"rpc": "ping", "direction": "out", "result": "answered"}
        self.assertEqual(self.value("rpc_requests_total", **labels), 1)
        self.assertEqual(self.value("rpc_latency_seconds_count", rpc="ping"), 1)
        seconds = self.value("rpc_latency_seconds_sum", rpc="ping")
        assert seconds is not None
        self.assertAlmostEqual(seconds, pong.rtt, 6)

    def test_silence_counts_and_is_no_latency(self) -> None:
        address = self.swarm.address_of(self.other)
        self.swarm.wait(self.other.stop())
        self.swarm_ended(self.node.ping(address)).addErrback(lambda _: None)
        labels = {"rpc": "ping", "direction": "out", "result": "timed_out"}
        self.assertGreaterEqual(self.value("rpc_requests_total", **labels) or 0, 1)

    def test_lookups_are_timed_by_what_they_want(self) -> None:
        self.swarm.wait(self.node.find_node(7))  # type: ignore[arg-type]
        self.assertEqual(self.value("lookups_total", wanted="nodes", result="completed"), 1)
        self.assertEqual(self.value("lookup_duration_seconds_count", wanted="nodes"), 1)
        self.assertEqual(self.value("lookup_hops_count", wanted="records"), 0)

    def test_dropped_datagrams_are_told_by_their_reason(self) -> None:
        self.use()
        counts = self.node.status().counters
        dropped = {k.removeprefix("dropped."): v for k, v in counts.items() if "dropped." in k}
        self.assertTrue(dropped)
        for reason, count in dropped.items():
            self.assertEqual(self.value("datagrams_dropped_total", reason=reason), count)


class StateTests(MeasuredCase):
    """What the status of a node says."""

    def test_one_verdict_is_1_and_it_is_that_of_the_status(self) -> None:
        told = {each.word: self.value("health", verdict=each.word) for each in Health}
        self.assertEqual([word for word, value in told.items() if value], ["serving"])
        self.swarm.wait(self.node.stop())
        self.assertEqual(self.value("health", verdict="stopped"), 1)

    def test_contacts_are_those_of_the_routing_table(self) -> None:
        told = self.value("routing_contacts", family="IPv4", state="verified")
        self.assertEqual(told, self.node.status().links[0].contacts)
        self.assertEqual(self.value("network_size_estimate", family="IPv4"), 5)

    def test_records_and_connections(self) -> None:
        self.swarm.wait(self.node.put("name", b"value", keep=True))
        self.assertEqual(self.value("own_records"), 1)
        self.assertEqual(self.value("store_full"), 0)
        self.assertEqual(self.value("http_connections"), 3)

    def test_republications_are_counted(self) -> None:
        self.swarm.wait(self.node.put("name", b"value", keep=True, lifetime=600))
        self.swarm.clock.advance(400)
        self.assertEqual(self.value("republish_total", result="stored"), 1)

    def test_reachability_is_told_if_it_is_known(self) -> None:
        status = self.node.status()
        link = SimpleNamespace(
            **status.links[0]._asdict() | {"reach": SimpleNamespace(verdict="unreachable")}
        )
        with patch.object(self.node, "status", lambda: status._replace(links=(link,))):  # type: ignore[arg-type]
            told = self.value("reachability", family="IPv4", verdict="unreachable")
        self.assertEqual(told, 1)

    def test_the_process_is_measured_too(self) -> None:
        self.assertIn("process_resident_memory_bytes", {e.name for e in samples_of(self.metrics)})


class DoorTests(MeasuredCase):
    """The route itself."""

    def test_each_node_has_a_registry_of_its_own(self) -> None:
        second = self.measured(self.other)
        self.swarm.wait(self.other.find_node(7))  # type: ignore[arg-type]
        labels = {"wanted": "nodes", "result": "completed"}
        self.assertEqual(self.value("lookups_total", **labels), 0)
        self.metrics = second
        self.assertEqual(self.value("lookups_total", **labels), 1)

    def test_both_formats_by_what_is_accepted(self) -> None:
        self.assertIn("text/plain", scrape(self.metrics).content_type)
        answer = scrape(self.metrics, "application/openmetrics-text; version=1.0.0")
        self.assertIn("openmetrics", answer.content_type)
        self.assertTrue(answer.bytes().endswith(b"# EOF\n"))

    def test_after_the_stop_nothing_is_measured_and_nobody_observes(self) -> None:
        self.metrics.stop()
        self.metrics.stop()
        with self.assertRaisesRegex(Refused, "does not run") as caught:
            scrape(self.metrics)
        self.assertEqual(caught.exception.status, 501)

    def test_without_the_library_it_says_what_to_install(self) -> None:
        node = FakeNode()
        metrics = Metrics(node)
        with patch.dict(sys.modules, {"prometheus_client": None}):  # type: ignore[dict-item]
            metrics.start(Clock(), lambda: 0)
        with self.assertRaisesRegex(Refused, r"pip install 'kadtwisted\[metrics\]'"):
            scrape(metrics)
        self.assertEqual(node.observers, [])

    def test_it_stands_in_the_table_of_routes_for_readers(self) -> None:
        (route,) = [each for each in self.rooms() if each.path == "/metrics"]
        self.assertEqual((route.method, route.role), ("GET", Role.READ))

    def rooms(self) -> tuple[Route, ...]:
        return Rooms(Served(self.node, self.swarm.clock)).routes

    def test_a_node_is_observed_only_while_it_is_measured(self) -> None:
        node = FakeNode()
        metrics = Metrics(node)
        self.assertEqual(node.observers, [])
        metrics.start(Clock(), lambda: 0)
        (observer,) = node.observers
        observer(RequestEnded("Ping", "answered", 0.01))
        metrics.stop()
        self.assertEqual(node.observers, [])


class LagTests(SynchronousTestCase):
    """How late timers are."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lag = ReactorLag(self.clock)
        self.lag.start()
        self.addCleanup(self.lag.stop)

    def test_timers_in_time_have_none(self) -> None:
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.lag.seconds(), 0.0)

    def test_the_worst_of_a_minute_is_told_and_then_forgotten(self) -> None:
        self.clock.advance(1.7)
        self.clock.pump([1.0] * (KEPT - 1))
        self.assertAlmostEqual(self.lag.seconds(), 0.7)
        self.clock.advance(1.0)
        self.assertAlmostEqual(self.lag.seconds(), 0.0)

    def test_it_leaves_no_timer(self) -> None:
        self.lag.start()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.lag.stop()
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class EarlyTests(SynchronousTestCase):
    """A node that knows nobody yet."""

    def test_it_can_be_measured(self) -> None:
        swarm = Swarm(1, seed=7)
        self.addCleanup(swarm.stop)
        metrics = Metrics(swarm.nodes[0])
        metrics.start(swarm.clock, lambda: 0)
        self.addCleanup(metrics.stop)
        self.assertTrue(samples_of(metrics))
