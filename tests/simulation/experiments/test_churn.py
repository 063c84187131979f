"""Members come and go: whether values stay, and that a seed decides it all."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from tests.simulation.monitoring import RecordingMonitor
from tests.simulation.small import CHURN, only


class ChurnTests(SynchronousTestCase):
    def test_values_stay_though_members_go(self) -> None:
        monitor = RecordingMonitor()
        row, detail = only(run(CHURN, monitor))
        self.assertEqual((row["nodes"], row["session_minutes"], row["hours"]), (16, 5, 0.1))
        self.assertGreater(row["left"], 5)
        self.assertGreater(row["reads"], 40)
        self.assertGreaterEqual(row["read_percent"], 90)
        self.assertEqual((row["read_another"], row["unstored"]), (0, 0))
        self.assertTrue(1 < row["copies_mean"] <= 4)
        self.assertTrue(10 < row["bytes_per_node_second"] < 3000)
        course = detail["course"]
        self.assertEqual(len(course), 24)
        self.assertAlmostEqual(course[-1]["hour"], 0.1, places=2)
        self.assertEqual({each["nodes"] for each in course}, {16})
        self.assertEqual(course[-1]["lost"], row["lost"])
        self.assertGreaterEqual(monitor.steps, 48)
