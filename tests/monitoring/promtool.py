"""Prometheus' own tool accepts the metrics of a node and the files of operators, and has the alerts
fire.  What needs no such tool, ``tests/web/metrics`` holds against the table of metrics.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.web.metrics.scraping import MeasuredCase, scrape

ROOT = Path(__file__).resolve().parents[2]
CASES = "tests/web/metrics/kademlia-alerts.test.yml"


def promtool(*arguments: str, text: bytes = b"") -> str:
    """What it says; :class:`AssertionError` unless it is content."""
    done = subprocess.run(
        ("promtool", *arguments), input=text, capture_output=True, cwd=ROOT, check=False
    )
    told = (done.stdout + done.stderr).decode()
    if done.returncode:
        raise AssertionError(told)
    return told


class PromtoolTests(MeasuredCase):
    """``promtool`` on what a node tells, and on ``etc/``."""

    def test_the_metrics_of_a_node_are_as_they_should_be(self) -> None:
        self.use()
        self.assertEqual(promtool("check", "metrics", text=scrape(self.metrics).bytes()), "")

    def test_a_mistake_in_metrics_is_caught(self) -> None:
        with self.assertRaises(AssertionError):
            promtool("check", "metrics", text=b"# TYPE a_total gauge\na_total 1\n")

    def test_the_configuration_and_the_alerts_are_valid(self) -> None:
        self.assertIn("SUCCESS", promtool("check", "config", "etc/prometheus.yml"))
        self.assertIn("SUCCESS", promtool("check", "rules", "etc/kademlia-alerts.yml"))

    def test_every_alert_fires_when_its_condition_is_true_and_none_when_all_is_well(self) -> None:
        self.assertIn("SUCCESS", promtool("test", "rules", CASES))
