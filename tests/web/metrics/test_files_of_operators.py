"""``etc/``: Prometheus' configuration, alerts and the dashboard use metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.cli.verbs.eyes.findings import FEW_CONTACTS
from kadtwisted.model.health import CLOCK_TOLERANCE, Health
from kadtwisted.model.observed import NODES, RECORDS, REQUEST_RESULTS
from kadtwisted.parameters import NodeSettings
from kadtwisted.web.metrics.collector import REPUBLISHED, STATES
from kadtwisted.web.metrics.names import COUNTER, HISTOGRAM, INFO, METRICS
from kadtwisted.web.metrics.timings import RESULTS

ETC = Path(__file__).resolve().parents[3] / "etc"
ALERTS = (ETC / "kademlia-alerts.yml").read_text()
BOARD = json.loads((ETC / "grafana" / "kademlia.json").read_text())
CASES = (Path(__file__).parent / "kademlia-alerts.test.yml").read_text()
SUFFIXES = {COUNTER: ("_total",), HISTOGRAM: ("_bucket", "_count", "_sum"), INFO: ("_info",)}
SERIES = {
    each.full_name + suffix: each for each in METRICS for suffix in SUFFIXES.get(each.kind, ("",))
}
KNOWN = {
    ("health", "verdict"): {each.word for each in Health},
    ("routing_contacts", "state"): {*STATES},
    ("rpc_requests", "direction"): {"in", "out"},
    ("rpc_requests", "result"): {*REQUEST_RESULTS, "refused"},
    ("reachability", "verdict"): {"unknown", "reachable", "unreachable", "assumed"},
    ("republish", "result"): {*REPUBLISHED},
    ("lookups", "result"): {*RESULTS},
    ("lookups", "wanted"): {NODES, RECORDS},
}
"""The values of labels that are asked for by name."""


def expressions(panel: dict[str, Any]) -> Iterator[str]:
    for target in panel.get("targets", ()):
        yield target["expr"]


def wrong_with(expression: str) -> Iterator[str]:
    """What an expression asks for that no node tells."""
    for name, selector in re.findall(r"\b(kadtwisted_\w+)(?:\{([^}]*)\})?", expression):
        metric = SERIES.get(name)
        if metric is None:
            yield f"no metric {name}"
            continue
        labels = {*metric.labels, "instance", "job", *(["le"] if metric.kind == HISTOGRAM else [])}
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            if label not in labels:
                yield f"{name} has no label {label}"
            if value not in KNOWN.get((metric.name, label), {value}):
                yield f"{label} of {name} is never {value}"


class MetricsThatExistTests(SynchronousTestCase):
    """No file asks for what is not told."""

    def test_the_alerts(self) -> None:
        self.assertIn("kadtwisted_", ALERTS)
        self.assertEqual([*wrong_with(ALERTS)], [])

    def test_the_cases_of_the_alerts(self) -> None:
        self.assertEqual([*wrong_with(CASES)], [])

    def test_the_dashboard(self) -> None:
        asked = [text for panel in BOARD["panels"] for text in expressions(panel)]
        self.assertGreater(len(asked), 20)
        self.assertEqual([each for text in asked for each in wrong_with(text)], [])
        query = BOARD["templating"]["list"][1]["query"]["query"]
        self.assertEqual([*wrong_with(query)], [])

    def test_each_metric_but_few_is_on_the_dashboard(self) -> None:
        shown = json.dumps(BOARD)
        left_out = [each.name for each in METRICS if each.full_name not in shown]
        self.assertEqual(left_out, [])

    def test_prometheus_is_told_of_the_alerts_and_the_job_they_name(self) -> None:
        text = (ETC / "prometheus.yml").read_text()
        self.assertIn("- kademlia-alerts.yml\n", text)
        for job in {*re.findall(r'job="(\w+)"', ALERTS + json.dumps(BOARD).replace("\\", ""))}:
            self.assertIn(f"job_name: {job}\n", text)

    def test_an_offender_is_caught(self) -> None:
        for bad, why in (
            ("rate(kadtwisted_rpc_request_total[5m])", "no metric kadtwisted_rpc_request_total"),
            ("kadtwisted_rpc_requests", "no metric kadtwisted_rpc_requests"),
            ('kadtwisted_health{state="x"}', "kadtwisted_health has no label state"),
            ('kadtwisted_health{verdict="well"}', "verdict of kadtwisted_health is never well"),
        ):
            self.assertEqual([*wrong_with(bad)], [why])


class DashboardTests(SynchronousTestCase):
    """The dashboard as Grafana reads it."""

    def test_panels_have_numbers_of_their_own_and_do_not_overlap(self) -> None:
        panels = BOARD["panels"]
        self.assertEqual(len({each["id"] for each in panels}), len(panels))
        taken: set[tuple[int, int]] = set()
        for each in panels:
            place = each["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            self.assertFalse(cells & taken, each["title"])
            taken |= cells

    def test_each_panel_says_what_it_shows_and_asks_the_chosen_source(self) -> None:
        for each in BOARD["panels"]:
            if each["type"] != "row":
                self.assertTrue(each["description"].endswith("."), each["title"])
                self.assertEqual(each["datasource"]["uid"], "${datasource}")


class DocumentTests(SynchronousTestCase):
    """``docs/operating.md`` and the metrics."""

    def test_it_names_every_metric_and_no_other(self) -> None:
        text = (ETC.parent / "docs" / "operating.md").read_text()
        table = text.partition("What is measured begins with `kadtwisted_`:")[2].partition("\n## ")[
            0
        ]
        cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        named = {name for cell in cells for name in re.findall(r"`(\w+)(?:\{[\w,]+\})?`", cell)}
        plain = {COUNTER: "_total", INFO: "_info"}
        self.assertEqual(named, {each.name + plain.get(each.kind, "") for each in METRICS})


class AlertTests(SynchronousTestCase):
    """What the alerts say."""

    def setUp(self) -> None:
        self.names = re.findall(r"- alert: (\w+)\n", ALERTS)

    def test_each_has_a_case_in_which_it_fires(self) -> None:
        self.assertEqual(len({*self.names}), len(self.names))
        fired = re.findall(
            r'alertname="(\w+)", alertstate="firing"\}\)\n +eval_time: \w+\n +exp_samples:\n'
            r" +- labels: '\{\}'\n +value: 1\n",
            CASES,
        )
        self.assertEqual(fired, self.names)

    def test_each_says_what_happened_how_bad_it_is_and_what_to_do(self) -> None:
        for part in re.split(r"- alert: ", ALERTS)[1:]:
            self.assertRegex(part, r"severity: (critical|warning|info)\}")
            self.assertRegex(part, r'summary: "[^"]*\$labels\.instance[^"]*"')
            self.assertRegex(part, r'description: "[^"]*\."')

    def test_the_clock_is_off_where_the_node_says_so(self) -> None:
        self.assertIn(f"abs(kadtwisted_clock_ahead_seconds) > {CLOCK_TOLERANCE:.0f}\n", ALERTS)

    def test_few_contacts_are_as_few_as_the_doctor_says(self) -> None:
        self.assertIn(
            f'(kadtwisted_routing_contacts{{state="verified"}}) < {FEW_CONTACTS}\n', ALERTS
        )

    def test_the_settings_that_are_named_exist(self) -> None:
        named = re.findall(r"\b(bounds|upkeep)\.(\w+)", ALERTS)
        self.assertTrue(named)
        for group, name in named:
            self.assertTrue(hasattr(getattr(NodeSettings(), group), name), name)
