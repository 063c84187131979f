"""What callers wait for among the dead."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from tests.simulation.experiments.test_waiting import FEW, KINDS


class WaitingTests(SynchronousTestCase):
    def test_the_dead_are_waited_for(self) -> None:
        alive, dead = run(replace(FEW, dead=(0, 25))).rows
        for row in (alive, dead):
            self.assertEqual((row["nodes"], row["paths"], row["operations"]), (24, 1, 8))
            for kind in KINDS:
                self.assertEqual(row[f"{kind}_failed"], 0)
                self.assertGreater(row[f"{kind}_seconds_p95"], 0)
            self.assertGreaterEqual(row["complete_seconds_p50"], row["receipt_seconds_p50"])
            self.assertGreater(row["receipt_seconds_p50"], row["full_seconds_p50"])
        self.assertEqual(alive["share_percent"], 100)
        self.assertGreater(dead["full_seconds_p95"], alive["full_seconds_p95"])

    def test_an_open_network_has_paths(self) -> None:
        (row,) = run(replace(FEW, operations=2, secret=False)).rows
        self.assertEqual(row["paths"], 4)
