"""A network that is cut in two becomes one again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from tests.simulation.small import PARTITION, only


class PartitionTests(SynchronousTestCase):
    def test_two_halves_become_one(self) -> None:
        row, detail = only(run(PARTITION))
        self.assertEqual((row["keys"], row["apart_minutes"]), (2, 10))
        self.assertTrue(0 < row["known_before_percent"] <= 100)
        self.assertIsNotNone(row["merged_minutes"])
        self.assertIsNotNone(row["agreed_minutes"])
        self.assertEqual((row["values_read_most"], row["reads_failed"]), (1, 0))
        first, last = detail["course"][0], detail["course"][-1]
        self.assertLess(first["agreeing"], 2, "they were apart, and wrote other values")
        self.assertEqual(last["agreeing"], 2)
