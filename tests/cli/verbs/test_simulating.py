"""``kad simulate``: presets, changes, files, timings, and how a run is ended."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.cli.exit_codes import INTERRUPTED
from kadtwisted.cli.verbs import simulating
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.cli.harness import Kad

SMALL = ("simulate", "hops", "--nodes", "40", "--set", "operations=5")


class SimulateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kad = Kad()

    def test_without_a_scenario_the_presets_are_listed(self) -> None:
        self.assertEqual(self.kad("simulate", "--json"), 0)
        names = [each["name"] for each in self.kad.json["scenarios"]]
        self.assertLess({"hops", "latency"}, set(names))
        people = Kad()
        self.assertEqual(people("simulate"), 0)
        self.assertIn(b"hops", people.printed)

    def test_a_run_for_people(self) -> None:
        self.assertEqual(self.kad(*SMALL), 0)
        text = self.kad.printed.decode()
        self.assertIn("level stack, seed 1, start stocked", text)
        self.assertRegex(text, r"(?m)^hops mean +1$")
        self.assertIn("kad: looking up 5 random targets\n", self.kad.said)

    def test_a_run_as_json(self) -> None:
        self.assertEqual(self.kad(*SMALL, "--json", "--seed", "7"), 0)
        found = self.kad.json
        self.assertEqual(found["scenario"]["seed"], 7)
        self.assertEqual(found["rows"][0]["nodes"], 40)
        self.assertNotIn("machine", found)

    def test_files(self) -> None:
        document, rows = self.mktemp() + ".json", self.mktemp() + ".csv"
        self.assertEqual(self.kad(*SMALL, "--output", document), 0)
        self.assertEqual(self.kad(*SMALL, "--output", rows), 0)
        found = json.loads(Path(document).read_text())
        (row,) = csv.DictReader(Path(rows).read_text().splitlines())
        self.assertEqual(float(row["hops_mean"]), found["rows"][0]["hops_mean"])

    def test_timings_are_told_and_stand_apart(self) -> None:
        self.assertEqual(self.kad(*SMALL, "--json", "--timings"), 0)
        machine = self.kad.json["machine"]
        phases = {each["phase"]: each for each in machine["phases"]}
        self.assertGreater(phases["looking up 5 random targets"]["rpcs"], 90)
        self.assertGreater(machine["peak_memory_kib"], 10_000)
        self.assertRegex(self.kad.said, r"[\d,]+ RPCs, [\d,]+ a CPU-second, peak [\d,]+ MiB")

    def test_mistakes_are_told_one_a_line(self) -> None:
        code = self.kad("simulate", "hops", "--nodes", "1", "--set", "latency.medain=3")
        self.assertEqual(code, os.EX_CONFIG)
        nodes, latency = sorted(self.kad.said.splitlines(), reverse=True)
        self.assertTrue(nodes.startswith("kad: nodes: expected"))
        self.assertTrue(latency.endswith("did you mean latency.median?"))
        self.assertEqual(self.kad.printed, b"")

    def test_what_makes_no_sense(self) -> None:
        for wrong, what in (
            (("--port", "8000"), "leave out --port"),
            (("--state-dir", "x"), "leave out --state-dir"),
            (("--set", "nodes"), "KEY=VALUE"),
            (("--output", "result.xml"), ".json or .csv"),
        ):
            kad = Kad()
            self.assertEqual(kad("simulate", "hops", *wrong), os.EX_USAGE)
            self.assertIn(what, kad.said)

    def test_no_such_scenario_and_no_such_place(self) -> None:
        self.assertEqual(self.kad("simulate", "nonsense"), os.EX_CONFIG)
        self.assertIn("choose one of", self.kad.said)
        kad = Kad()
        self.assertNotEqual(kad(*SMALL, "--output", "/nonexistent/x.json"), 0)
        self.assertIn("cannot write /nonexistent/x.json", kad.said)


class EndingTests(SynchronousTestCase):
    """An experiment that takes for ever."""

    def play(self, step: Any, *argv: str) -> int:
        def run(scenario: Scenario, monitor: Monitor) -> Outcome:
            monitor.phase("for ever", 10)
            for _ in range(10):
                step()
                monitor.step()
            raise AssertionError("it was not ended")

        with patch.object(simulating, "run", run):
            return self.kad("simulate", "hops", *argv)

    def setUp(self) -> None:
        self.kad = Kad()

    def test_a_signal_ends_it_at_its_next_step(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        heard: list[int] = []
        signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
        self.addCleanup(signal.signal, signal.SIGINT, before)
        ours = signal.getsignal(signal.SIGINT)
        code = self.play(lambda: signal.raise_signal(signal.SIGINT))
        self.assertEqual(code, INTERRUPTED)
        self.assertEqual(heard, [signal.SIGINT])  # the reactor's handler heard it as well
        self.assertIs(signal.getsignal(signal.SIGINT), ours)

    def test_a_timeout_ends_it(self) -> None:
        code = self.play(lambda: self.kad.clock.advance(4), "--timeout", "10")
        self.assertEqual(code, os.EX_TEMPFAIL)
        self.assertIn("no result within 10 s", self.kad.said)
