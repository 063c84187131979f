"""How far lookups go: of whole nodes, and of tables alone."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.parameters import Parameters
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.models.latency import LatencySettings
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.simulation.monitoring import RecordingMonitor

PAPER = Parameters(alpha=3)


class HopsTests(SynchronousTestCase):
    def test_whole_nodes(self) -> None:
        monitor = RecordingMonitor()
        scenario = Scenario(nodes=(100, 200), operations=40, parameters=PAPER)
        outcome = run(scenario, monitor)
        small, large = outcome.rows
        self.assertEqual((small["nodes"], large["nodes"]), (100, 200))
        for row in outcome.rows:
            self.assertEqual((row["lookups"], row["failed"]), (40, 0))
            self.assertGreater(row["exact_percent"], 75)  # who is slow is not waited for
            self.assertTrue(1 < row["hops_mean"] < 2)
            self.assertTrue(20 <= row["rpcs_mean"] < 23)
            self.assertLess(row["seconds_p50"], row["seconds_p95"])
        self.assertGreater(large["hops_mean"], small["hops_mean"])
        detail = outcome.details[0]
        self.assertEqual(sum(detail["hops_histogram"].values()), 40)
        self.assertEqual(len(detail["seconds_cdf"]), 101)
        self.assertGreater(monitor.rpcs, 2 * 40 * 20)

    def test_where_none_is_slow_exactly_the_nearest_are_found(self) -> None:
        constant = LatencySettings(model="constant")
        scenario = Scenario(nodes=(200,), operations=40, parameters=PAPER, latency=constant)
        (row,) = run(scenario, RecordingMonitor()).rows
        self.assertEqual((row["exact_percent"], row["failed"]), (100, 0))

    def test_tables_alone_go_about_as_far(self) -> None:
        monitor = RecordingMonitor()
        scenario = Scenario(level="table", nodes=(200,), operations=40, parameters=PAPER)
        (row,) = run(scenario, monitor).rows
        self.assertEqual(row["exact_percent"], 100)
        whole = replace(scenario, level="stack")
        (other,) = run(whole).rows
        self.assertApproximates(row["hops_mean"], other["hops_mean"], 0.25)
        self.assertApproximates(row["rpcs_mean"], other["rpcs_mean"], 1)
        self.assertEqual(monitor.rpcs, round(row["rpcs_mean"] * 40))
