"""What the benchmarks compute from what they measured; they themselves are run by hand."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import bulk, http, lookup, serve, startup
from benchmarks.harness.load import Sample
from benchmarks.harness.others_datagrams import query
from benchmarks.servers import nodes
from benchmarks.servers.others import ASKER
from kadtwisted.model import bencode
from kadtwisted.testing.inspect import table_of
from kadtwisted.testing.nodes import Swarm


def samples(*per_cpu_second: float) -> list[Sample]:
    return [Sample(each, 1.0, 100.0, 0, 1.0, 2.0) for each in per_cpu_second]


class ServerTests(SynchronousTestCase):
    def test_tables_can_be_wide(self) -> None:
        swarm = Swarm(1)
        with nodes.wide_tables():
            swarm.add()
        for node, wanted in zip(swarm.nodes, (nodes.CONTACTS, nodes.MANY_CONTACTS), strict=True):
            nodes.fill(table_of(node), wanted, 0.0)
            self.assertEqual(len(table_of(node)), wanted)
        swarm.stop()


class HttpTests(SynchronousTestCase):
    def test_ratios_are_to_the_bare_resource_of_the_same_method(self) -> None:
        found = {
            "bare get": [90.0, 100.0, 500.0],
            "bare put": [200.0],
            "get": [50.0],
            "put": [20.0],
        }
        told = http.summary(found, [0.001, 0.002, 0.003], [0.001])
        self.assertEqual(told["rows"]["get"], {"per_cpu_second": 50, "to_bare": 0.5})
        self.assertEqual(told["rows"]["put"]["to_bare"], 0.1)
        self.assertEqual(told["watch_ms"]["event"], {"p50": 2.0, "p99": 2.0})

    def test_requests_are_whole(self) -> None:
        text = http.request("PUT", "/k", b"v", {"X": "y"})
        self.assertTrue(text.startswith(b"PUT /k HTTP/1.1\r\nHost: localhost\r\n"))
        self.assertTrue(text.endswith(b"X: y\r\nContent-Length: 1\r\n\r\nv"))


class ServeTests(SynchronousTestCase):
    def test_ratios_are_those_of_medians(self) -> None:
        rows = serve.summary(
            {
                "echo": samples(90.0, 100.0, 500.0),
                "sealed FIND_NODE token": samples(20.0, 24.0, 90.0),
                f"{serve.LARGE} FIND_NODE token": samples(20.0, 20.0, 20.0),
                "bmuller find_node": samples(4.0, 1.0, 6.0),
            }
        )
        self.assertEqual(rows["sealed FIND_NODE token"]["to_echo"], 0.24)
        found = serve.ratios(rows)
        self.assertEqual(list(found.values()), [6.0, 1.2])  # none to what was not measured
        self.assertEqual(next(iter(found)), "sealed FIND_NODE to bmuller's")

    def test_a_query_of_mainline(self) -> None:
        self.assertEqual(
            bencode.decode(query(b"find_node", target=b"t" * 20)),
            {
                b"a": {b"id": ASKER, b"target": b"t" * 20},
                b"q": b"find_node",
                b"ro": 1,
                b"t": b"aa",
                b"y": b"q",
            },
        )
        self.assertEqual(len(ASKER), 20)


class LookupTests(SynchronousTestCase):
    def test_rpcs_and_time_belong_to_the_phase_that_goes_on(self) -> None:
        moments = iter((10.0, 12.0, 17.0))
        self.patch(lookup.time, "process_time", lambda: next(moments))
        watch = lookup.Stopwatch()
        watch.phase("making 5 nodes", 5)
        watch.phase("looking up things", 3)
        watch.exchanged(7)
        watch.exchanged(1)
        watch.end()
        self.assertEqual(watch.seconds, {"making": 2.0, "looking": 5.0})
        self.assertEqual(watch.rpcs, {"looking": 8})


class BulkTests(SynchronousTestCase):
    def test_ratios_are_to_those_one_by_one(self) -> None:
        def measured(requests: float, speed: float) -> dict[str, float]:
            return {"requests_a_value": requests, "values_a_second": speed}

        told = bulk.with_ratios(
            {
                "many": {"put": measured(20.0, 30.0), "get": measured(10.0, 60.0)},
                "one_by_one": {"put": measured(40.0, 20.0), "get": measured(20.0, 20.0)},
            }
        )
        self.assertEqual(told["ratios"]["put"], {"requests": 0.5, "speed": 1.5})
        self.assertEqual(told["ratios"]["get"], {"requests": 0.5, "speed": 3.0})
        self.assertEqual(told["ratios"]["requests_of_both"], 0.5)


class StartupTests(SynchronousTestCase):
    def test_ratios_are_to_the_reactor(self) -> None:
        found = startup.summary({startup.REACTOR: [0.25, 0.125, 0.9], "kad": [0.375, 0.5, 0.125]})
        self.assertEqual(found["kad"], {"ratio": 1.5, "ms": 375.0, "slowest_ms": 500.0})
