"""Members crash at once: what is lost, what is read, and when there are k copies again."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from tests.simulation.small import CRASH, SMALL, only


class CrashTests(SynchronousTestCase):
    def test_if_too_many_go_values_are_lost(self) -> None:
        settings = replace(CRASH, dead=(90,), parameters=replace(SMALL, k=1))
        row, detail = only(run(settings))
        self.assertGreater(row["lost"], 2)
        self.assertIsNone(row["whole_minutes"])
        self.assertEqual(detail["course"][-1]["lost"], row["lost"])
        self.assertLess(row["read_percent"], 100)
        self.assertEqual(row["reads"], 20)
        self.assertGreater(sum(detail["failed"].values()), 0)
