"""How long lookups take among the dead."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.lookup_rules import RULES
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.scenario.scenario import Scenario


class LatencyTests(SynchronousTestCase):
    def test_dead_contacts_cost_most_where_they_are_waited_for_longest(self) -> None:
        scenario = Scenario(
            experiment="latency", nodes=(40,), operations=12, dead=(0, 30), upkeep=False
        )
        rows = run(scenario).rows
        self.assertEqual(len(rows), 6)
        rules = [each.name for each in RULES]
        self.assertEqual([each["rule"] for each in rows], 2 * rules)
        alive, dead = rows[:3], rows[3:]
        for row in rows:
            self.assertLessEqual(row["first_failed"], 1)
            self.assertEqual(row["full_failed"], 0)
        for before, after in zip(alive, dead, strict=True):
            self.assertLess(before["full_seconds_p50"], 1)
            self.assertGreater(after["full_seconds_p50"], before["full_seconds_p50"])
        ours, plain, rounds = (each["full_seconds_p50"] for each in dead)
        self.assertLess(ours, plain)
        self.assertGreater(plain, 1)
        self.assertGreater(rounds, 5)
        self.assertLess(dead[0]["first_seconds_mean"], dead[2]["first_seconds_mean"])
