"""``kad simulate sweep``: what it takes, what it shows, and what it does not take."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.cli.verbs import sweeping
from kadtwisted.simulation.sweeps.running import Ended
from tests.cli.harness import Kad
from tests.simulation.sweeps.test_running import Stub

FILE = """
name = "mine"
about = "What k does."
scenario = "hops"
seeds = 2
measures = ["rpcs_mean"]
[set]
nodes = 8
operations = 2
[grid]
parameters.k = [4, 5]
"""


class SweepingTestCase(SynchronousTestCase):
    """Tests with the file of a sweep of four runs."""

    def setUp(self) -> None:
        self.kad = Kad()
        self.place = Path(self.mktemp())
        self.file = self.mktemp() + ".toml"
        Path(self.file).write_text(FILE)

    def sweep(self, *more: str) -> int:
        directory = str(self.place)
        return self.kad("simulate", "sweep", self.file, "--directory", directory, *more)


class SweepTests(SweepingTestCase):
    def test_for_people(self) -> None:
        saved = self.mktemp() + ".json"
        self.assertEqual(self.sweep("--jobs", "1", "--output", saved), 0)
        text = self.kad.printed.decode()
        self.assertIn("mine: What k does.\n4 runs, 2 seeds\nnote: medians", text)
        self.assertRegex(text, r"(?m)^ +4 .*[\d.]+( \[[\d., ]+\])?$")
        self.assertIn("kad: running 4 simulations\nkad: 1 of 4 done\n", self.kad.said)
        again = Kad()
        self.assertEqual(again("simulate", saved), 0)
        self.assertEqual(again.printed.decode(), text)

    def test_its_file_names_the_place_of_its_results(self) -> None:
        file = Path(self.file).resolve()
        self.place.mkdir(parents=True)
        with contextlib.chdir(self.place):  # the place is relative
            self.assertEqual(self.kad("simulate", "sweep", str(file), "--jobs", "1"), 0)
        place = self.place / f"{file.stem}.results"
        self.assertEqual(len(list(place.glob("*.json"))), 5)

    def test_failures_have_an_exit_code(self) -> None:
        engine = Stub(lambda run: Ended(run, trouble="Boom"))
        with patch.object(sweeping, "Processes", lambda jobs: engine):
            code = self.sweep("--jobs", "2", "--pictures", self.mktemp())
            self.assertEqual(code, os.EX_SOFTWARE)
        self.assertIn(b"4 of the runs failed and are missing below", self.kad.printed)

    def test_a_timeout_ends_it_and_it_goes_on(self) -> None:
        engine = Stub()

        def play(run: object) -> Ended:
            self.kad.clock.advance(7)
            return Ended(engine.waiting[0], trouble="late")

        engine.play = play
        with patch.object(sweeping, "Processes", lambda jobs: engine):
            self.assertEqual(self.sweep("--jobs", "2", "--timeout", "5"), os.EX_TEMPFAIL)
        self.assertTrue(engine.closed)
        self.assertIn(f"what is done is kept in {self.place}; the same command", self.kad.said)

    def test_what_makes_no_sense(self) -> None:
        for argv, said in (
            (("sweep",), "name the file of the sweep"),
            (("sweep", self.file, "--timings"), "leave out --timings"),
            (("sweep", self.file, "--jobs", "0"), "at least 1"),
            (("sweep", self.file, "--jobs", "2", "--scheduler", "tcp://x:1"), "leave out --jobs"),
            (("hops", self.file), "one scenario at a time"),
            (("hops", "--jobs", "2"), "--jobs is for sweeps"),
            (("hops", "--directory", "x"), "--directory is for sweeps"),
            (("hops", "--scheduler", "x"), "--scheduler is for sweeps"),
        ):
            kad = Kad()
            with patch("kadtwisted.cli.streams.print_error", kad.stderr.write):
                self.assertEqual(kad("simulate", *argv), os.EX_USAGE, argv)
            self.assertIn(said, kad.said)

    def test_mistakes_in_the_file_are_told_one_a_line(self) -> None:
        Path(self.file).write_text("sedes = 2\n[set]\nnodes = 1\n[grid]\nnodes = [2]\n")
        self.assertEqual(self.sweep(), os.EX_CONFIG)
        one, two = self.kad.said.splitlines()
        self.assertIn("did you mean seeds?", one)
        self.assertIn("nodes: it is varied and set at once", two)
        self.assertFalse(self.place.exists())

    def test_the_list_of_runs_is_json(self) -> None:
        self.sweep("--jobs", "1")
        self.assertEqual(json.loads((self.place / "sweep.json").read_text())["name"], "mine")
