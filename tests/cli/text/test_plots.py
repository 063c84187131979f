"""``kad simulate --pictures``, and results that are shown again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.cli.verbs import simulating
from tests.cli.harness import Kad

SMALL = ("simulate", "hops", "--nodes", "40", "--set", "operations=5")


class PictureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.kad = Kad()

    def test_a_run_is_drawn(self) -> None:
        self.assertEqual(self.kad(*SMALL, "--pictures", str(self.directory / "new")), 0)
        drawn = sorted(each.name for each in (self.directory / "new").iterdir())
        self.assertEqual(drawn, ["hops.png", "hops.svg"])
        self.assertIn(f"kad: drew {self.directory}/new/hops.png\n", self.kad.said)
        self.assertIn(b"hops mean", self.kad.printed)

    def test_a_saved_result_becomes_a_table_of_another_kind(self) -> None:
        document, rows = self.mktemp() + ".json", self.mktemp() + ".csv"
        self.kad(*SMALL, "--output", document)
        self.assertEqual(Kad()("simulate", document, "--output", rows), 0)
        self.assertTrue(Path(rows).read_text().startswith("nodes,lookups,"))

    def test_a_saved_result_cannot_be_changed(self) -> None:
        for change in (("--seed", "2"), ("--set", "nodes=3"), ("--timings",)):
            kad = Kad()
            self.assertEqual(kad("simulate", "saved.json", *change), os.EX_USAGE)
            self.assertIn("leave out all changes", kad.said)


class MistakeTests(SynchronousTestCase):
    """What is wrong is told before anything is simulated."""

    def refused(self, code: int, sentence: str, *argv: str) -> None:
        kad = Kad()
        with patch.object(simulating, "run", None):
            self.assertEqual(kad("simulate", *argv), code)
        self.assertIn(sentence, kad.said)
        self.assertEqual(kad.said.count("\n"), 1, kad.said)

    def test_without_matplotlib(self) -> None:
        with patch.dict(sys.modules, {"matplotlib": None, "matplotlib.figure": None}):
            self.refused(
                os.EX_CONFIG,
                "kad: pictures need matplotlib: pip install matplotlib\n",
                *("hops", "--pictures", self.mktemp()),
            )

    def test_no_such_place(self) -> None:
        taken = Path(self.mktemp())
        taken.write_bytes(b"")
        self.refused(os.EX_OSERR, f"cannot write {taken}", "hops", "--pictures", str(taken))

    def test_what_is_no_result(self) -> None:
        for text, what in (
            ("", "is no result of kad simulate"),
            ("[]", "an object is missing"),
            ("{}", "kadtwisted is missing"),
            (json.dumps(whole() | {"rows": {}}), "rows is missing"),
            (json.dumps(whole() | {"scenario": {}}), "scenario.name is missing"),
            (json.dumps(whole() | {"rows": [{"a": 1}, {"b": 1}]}), "a figure in some of the rows"),
        ):
            path = Path(self.mktemp() + ".json")
            path.write_text(text)
            self.refused(os.EX_DATAERR, what, str(path))
        self.refused(os.EX_DATAERR, "cannot read /nonexistent/x.json", "/nonexistent/x.json")

    def test_what_cannot_be_drawn(self) -> None:
        path = Path(self.mktemp() + ".json")
        for experiment, what in (
            ("rain", "there is no picture of the experiment 'rain'"),
            ("hops", "this is no result that can be drawn: KeyError 'parameters'"),
        ):
            path.write_text(json.dumps(whole() | {"experiment": experiment}))
            self.refused(os.EX_DATAERR, what, str(path), "--pictures", self.mktemp())


def whole() -> dict[str, object]:
    """The least that counts as a result."""
    scenario = {"name": "x", "about": "", "seed": 1, "start": "stocked", "nodes": [2]}
    parts = {"rows": [], "details": [], "notes": [], "scenario": scenario}
    return parts | {"kadtwisted": "0", "experiment": "hops", "level": "stack"}
