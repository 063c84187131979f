"""Experiments that take long, with a few nodes and operations: that they run, and count."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import MINUTE
from kadtwisted.simulation.experiments.lookup_rules import RULES
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.scenario.experiment_settings import HoardSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.simulation.small import ECLIPSE, SYBIL, only


class SmallTests(SynchronousTestCase):
    def test_hops(self) -> None:
        row, detail = only(run(Scenario(nodes=(20,), operations=4)))
        self.assertEqual((row["lookups"], row["failed"]), (4, 0))
        self.assertGreaterEqual(row["hops_mean"], 1)
        self.assertEqual(sum(detail["hops_histogram"].values()), 4)

    def test_hops_of_tables_alone(self) -> None:
        row, _ = only(run(Scenario(level="table", nodes=(20,), operations=4)))
        self.assertEqual((row["lookups"], row["exact_percent"]), (4, 100))

    def test_latency(self) -> None:
        scenario = Scenario(experiment="latency", nodes=(8,), operations=1, dead=(0,), upkeep=False)
        rows = run(scenario).rows
        self.assertEqual([each["rule"] for each in rows], [each.name for each in RULES])
        for row in rows:
            self.assertEqual(row["full_failed"], 0)
            self.assertGreater(row["full_seconds_p50"], 0)

    def test_eclipse(self) -> None:
        hoard = HoardSettings(ids=8, near=1, every=30.0, lasts=MINUTE)
        outcome = run(replace(ECLIPSE, nodes=(16,), operations=2, hoard=hoard))
        self.assertEqual(len(outcome.rows), 6)
        for row in outcome.rows:
            self.assertEqual(row["displaced"], 0)

    def test_sybil(self) -> None:
        few = replace(SYBIL, nodes=(20,), operations=4, shares=(0, 40), paths=(4,))
        none, some = run(few).rows
        self.assertEqual((none["read_percent"], none["table_share_percent"]), (100, 0))
        self.assertGreater(some["table_share_percent"], 0)
