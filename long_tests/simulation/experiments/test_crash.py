"""Members crash at once: what is left, and when there are k copies again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from tests.simulation.small import CRASH


class CrashTests(SynchronousTestCase):
    def test_of_nobody_and_of_half(self) -> None:
        outcome = run(CRASH)
        nobody, half = outcome.rows
        self.assertEqual([each["dead_percent"] for each in outcome.rows], [0, 50])
        self.assertEqual(nobody["lost"], 0)
        self.assertLessEqual(nobody["whole_minutes"], 0.1)
        self.assertGreaterEqual(nobody["left_least"], 4)
        self.assertLess(half["left_least"], nobody["left_least"])
        self.assertEqual(nobody["read_percent"], 100)
        course = outcome.details[1]["course"]
        self.assertLess(course[0]["copies_mean"], 4)
        self.assertGreater(course[-1]["copies_mean"], course[0]["copies_mean"])
        self.assertLessEqual(course[-1]["minute"], 11)
