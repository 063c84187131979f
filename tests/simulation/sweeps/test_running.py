"""What is run, run again, kept and found again; with engines that need no processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError, LocalError
from kadtwisted.simulation.monitor import NullMonitor
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.sweeps import shelf, work
from kadtwisted.simulation.sweeps.engines import Here
from kadtwisted.simulation.sweeps.plan import Plan, Run
from kadtwisted.simulation.sweeps.running import TRIES, Ended, Harvest, Sweep
from kadtwisted.simulation.sweeps.shelf import LIST, Shelf
from kadtwisted.simulation.sweeps.work import attempt, execute, name_of, this_program
from kadtwisted.storage.file_lock import FileLock
from tests.simulation.sweeps.small import planned

Play = Callable[[Run], Ended]


@cache
def text_of(scenario: Scenario) -> str:
    return execute(scenario, this_program())


def well(run: Run) -> Ended:
    return Ended(run, text_of(run.scenario))


class Stub:
    """An engine that plays two runs at a time, and ends the later one first."""

    def __init__(self, play: Play = well) -> None:
        self.play = play
        self.begun: list[int] = []
        self.waiting: list[Run] = []
        self.closed = False

    def room(self) -> int:
        return 2 - len(self.waiting)

    def begin(self, run: Run) -> None:
        assert self.room() > 0
        self.begun.append(run.number)
        self.waiting.append(run)

    def ended(self, seconds: float) -> list[Ended]:
        return [self.play(self.waiting.pop())]

    def close(self) -> None:
        self.closed = True


class Impatient(NullMonitor):
    """Ends a sweep after some runs."""

    def __init__(self, after: int) -> None:
        self.left = after

    def step(self, count: int = 1) -> None:
        self.left -= count
        if self.left < 1 and not count:
            raise KeyError("enough")


class RunningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.told: list[str] = []

    def sweep(self, engine: Stub | Here, plan: Plan | None = None, after: int = 100) -> Harvest:
        plan = plan or planned()
        kept = Shelf(self.place, plan, this_program())
        return Sweep(plan, kept, Impatient(after), self.told.append).run(lambda: engine)

    def files(self) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in self.place.glob("*.json")}

    def test_a_figure_that_is_none_is_told_by_the_first_result(self) -> None:
        plan, stub = replace(planned(), measures=("nonsuch",)), Stub()
        wrong = self.assertRaises(ConfigurationError, self.sweep, stub, plan)
        self.assertIn("nonsuch", str(wrong))
        self.assertEqual((stub.closed, len(stub.begun)), (True, 2))
        again = Stub()
        self.assertRaises(ConfigurationError, self.sweep, again, plan)
        self.assertEqual(again.begun, [])

    def test_the_results_are_the_same_bytes_in_any_order_and_engine(self) -> None:
        stub = Stub()
        harvest = self.sweep(stub)
        self.assertEqual(sorted(harvest.documents), [0, 1, 2, 3])
        self.assertEqual((stub.closed, len(self.files()), self.told), (True, 5, []))
        before = self.files()
        self.place = Path(self.mktemp())
        self.assertEqual(self.sweep(Here(NullMonitor())).documents, harvest.documents)
        self.assertEqual(self.files(), before)
        for run in planned().runs():
            text = before[name_of(run.scenario, this_program())].decode()
            self.assertEqual(text, text_of(run.scenario))

    def test_a_second_time_only_what_is_missing_is_run(self) -> None:
        first = Stub()
        self.assertRaises(KeyError, self.sweep, first, after=1)
        self.assertTrue(first.closed)
        self.assertEqual(len(self.files()), 2)
        second = Stub()
        self.assertEqual(len(self.sweep(second).documents), 4)
        self.assertEqual(sorted(second.begun), [0, 2, 3])  # the later of two ended first
        third = Stub()
        self.assertEqual(len(self.sweep(third).documents), 4)
        self.assertEqual((third.begun, self.told), ([], []))

    def test_one_that_fails_is_tried_again_and_given_up(self) -> None:
        def play(run: Run) -> Ended:
            return Ended(run, trouble="Boom") if run.number == 1 else well(run)

        engine = Stub(play)
        harvest = self.sweep(engine)
        self.assertEqual(engine.begun.count(1), TRIES)
        self.assertEqual((sorted(harvest.documents), harvest.troubles), ([0, 2, 3], {1: "Boom"}))
        self.assertEqual(len(self.told), TRIES)
        self.assertIn("parameters.k=5, seed=1 failed: Boom; it is tried again", self.told[0])
        self.assertIn("given up after 3 tries", self.told[-1])

    def test_one_that_succeeds_at_last(self) -> None:
        failures = iter(["killed"])

        def play(run: Run) -> Ended:
            trouble = next(failures, "")
            return Ended(run, trouble=trouble) if trouble else well(run)

        self.assertEqual(len(self.sweep(Stub(play)).documents), 4)
        self.assertEqual(len(self.told), 1)

    def test_hopeless_trouble_ends_it(self) -> None:
        engine = Stub(lambda run: Ended(run, trouble="another program", hopeless=True))
        wrong = self.assertRaises(LocalError, self.sweep, engine)
        self.assertEqual(
            (str(wrong), engine.closed, len(engine.begun)), ("another program", True, 2)
        )

    def test_a_changed_sweep_keeps_what_is_the_same_and_tells(self) -> None:
        self.sweep(Stub())
        engine = Stub()
        changed = planned({"grid": {"parameters": {"k": [4, 6]}}})
        self.sweep(engine, changed)
        self.assertEqual(sorted(engine.begun), [1, 3])
        (said,) = self.told
        self.assertIn("2 of its 4 runs are as before, and 2 that were there belong", said)
        self.assertEqual(len(self.files()), 7)

    def test_a_changed_program_is_told_and_runs_anew(self) -> None:
        self.sweep(Stub())
        plan, engine = planned(), Stub()
        kept = Shelf(self.place, plan, "9 (f)")
        Sweep(plan, kept, NullMonitor(), self.told.append).run(lambda: engine)
        self.assertEqual(len(engine.begun), 4)
        self.assertIn("everything is run again, and the old files stay", self.told[0])
        self.assertEqual(len(self.files()), 9)

    def test_damaged_files_are_told_and_made_again(self) -> None:
        self.sweep(Stub())
        before = self.files()
        names = [name_of(run.scenario, this_program()) for run in planned().runs()]
        (self.place / names[0]).write_bytes(before[names[0]][:100])
        (self.place / names[1]).write_bytes(before[names[2]])
        (self.place / LIST).write_text("[1]")
        engine = Stub()
        self.sweep(engine)
        self.assertEqual(sorted(engine.begun), [0, 1])
        self.assertEqual(len(self.told), 3)
        self.assertIn("damaged", self.told[0])
        self.assertIn("is the result of another scenario; it is run again", self.told[2])
        self.assertEqual(self.files(), before)

    def test_two_at_a_time_in_one_directory(self) -> None:
        self.place.mkdir()
        lock = FileLock.take(self.place / "sweep.lock")
        wrong = self.assertRaises(LocalError, self.sweep, Stub())
        self.assertIn("another sweep is working", str(wrong))
        lock.release()
        self.assertEqual(len(self.sweep(Stub()).documents), 4)

    def test_no_such_place(self) -> None:
        self.place.write_text("a file")
        self.assertIn("cannot use", str(self.assertRaises(LocalError, self.sweep, Stub())))

    def test_the_list_says_which_file_is_which(self) -> None:
        self.sweep(Stub())
        listed = json.loads((self.place / LIST).read_text())
        self.assertEqual(listed["program"], this_program())
        first = listed["runs"][0]
        self.assertEqual((first["parameters.k"], first["seed"]), (4, 1))
        found = json.loads((self.place / first["file"]).read_text())
        self.assertEqual(found["scenario"]["parameters"]["k"], 4)


class WorkTests(SynchronousTestCase):
    def test_another_program_is_hopeless(self) -> None:
        answer = attempt(planned().scenarios[0], "0 (0)")
        self.assertTrue(answer.hopeless)
        self.assertIn(f"the worker runs kadtwisted {this_program()}, not 0 (0)", answer.trouble)

    def test_what_fails_is_one_line(self) -> None:
        def fail(*_: object) -> None:
            raise MemoryError("too\nlittle")

        with patch.object(work, "run", fail):
            answer = attempt(planned().scenarios[0], this_program())
        self.assertEqual(answer, ("", "MemoryError: too little", False))

    def test_names_follow_from_scenario_seed_and_program(self) -> None:
        runs = planned().runs()
        names = [name_of(run.scenario, "1 (a)") for run in runs]
        self.assertEqual(len(set(names)), 4)
        self.assertEqual(names, [name_of(run.scenario, "1 (a)") for run in planned().runs()])
        self.assertNotIn(name_of(runs[0].scenario, "1 (b)"), names)

    def test_measured_delays_are_part_of_a_scenario(self) -> None:
        file = Path(self.mktemp())
        file.write_text("10\n")
        plan = planned({"set": {"latency": {"model": "measured", "file": str(file.absolute())}}})
        before = name_of(plan.scenarios[0], "1")
        file.write_text("20\n")
        self.assertNotEqual(name_of(plan.scenarios[0], "1"), before)
        file.unlink()
        self.assertRaises(ConfigurationError, name_of, plan.scenarios[0], "1")

    def test_here_one_run_can_be_ended(self) -> None:
        engine = Here(Impatient(0))
        engine.begin(planned().runs()[0])
        self.assertEqual(engine.room(), 0)
        self.assertRaises(KeyError, engine.ended, 0.0)

    def test_here_trouble_is_told(self) -> None:
        def fail(*_: object) -> str:
            raise ValueError

        engine = Here(NullMonitor(), fail)
        (run, *_) = planned().runs()
        engine.begin(run)
        self.assertEqual(engine.ended(0.0), [Ended(run, trouble="ValueError")])
        self.assertEqual((engine.ended(0.0), engine.room()), ([], 1))

    def test_the_place_of_the_list_is_no_result(self) -> None:
        self.assertNotRegex(shelf.LIST, r"^[0-9a-f]{16}\.json$")
