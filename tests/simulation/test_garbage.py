"""A simulation leaves the collector of whoever runs it as it was."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.garbage import THRESHOLDS, collecting_seldom
from kadtwisted.simulation.scenario.scenario import Scenario


class Watching:
    """A monitor that writes down how the collector is set when a phase begins."""

    def __init__(self) -> None:
        self.thresholds: list[tuple[int, int, int]] = []
        self.frozen: list[int] = []
        self.steps = self.rpcs = 0

    def phase(self, text: str, total: int) -> None:
        self.thresholds.append(gc.get_threshold())
        self.frozen.append(gc.get_freeze_count())

    def step(self, count: int = 1) -> None:
        self.steps += count

    def exchanged(self, rpcs: int) -> None:
        self.rpcs += rpcs


class GarbageTestCase(SynchronousTestCase):
    """Tests after which the collector is set as before, and nothing that lives is kept from it."""

    def setUp(self) -> None:
        self.before = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *self.before)
        if gc.get_freeze_count():  # by conftest.py
            gc.unfreeze()
            self.addCleanup(gc.freeze)
        self.addCleanup(gc.unfreeze)
        self.monitor = Watching()


class CollectingTests(GarbageTestCase):
    def test_inside_it_is_seldom_and_what_lives_is_put_away_at_each_phase(self) -> None:
        with collecting_seldom(self.monitor) as told:
            self.assertEqual(gc.get_freeze_count(), 0)
            told.phase("one", 1)
            kept = [[each] for each in range(1000)]
            told.phase("two", 1)
            told.step()
            told.step(2)
            told.exchanged(5)
        self.assertEqual(self.monitor.thresholds, [THRESHOLDS] * 2)
        one, two = self.monitor.frozen
        self.assertGreaterEqual(two - one, len(kept))
        self.assertEqual((self.monitor.steps, self.monitor.rpcs), (3, 5))

    def test_afterwards_all_is_as_before(self) -> None:
        gc.set_threshold(701, 9, 8)
        with collecting_seldom(self.monitor) as told:
            told.phase("one", 1)
        self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), ((701, 9, 8), 0))

    def test_even_after_an_error(self) -> None:
        with self.assertRaises(ZeroDivisionError), collecting_seldom(self.monitor) as told:
            told.phase("one", 1)
            raise ZeroDivisionError
        self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), (self.before, 0))

    def test_what_the_caller_has_frozen_stays_frozen_and_nothing_is_added(self) -> None:
        gc.freeze()
        frozen = gc.get_freeze_count()
        with collecting_seldom(self.monitor) as told:
            kept = [[each] for each in range(1000)]
            told.phase("one", 1)
        self.assertLess(self.monitor.frozen[0], frozen + len(kept))
        self.assertGreater(gc.get_freeze_count(), 0)

    def test_a_run_does_so(self) -> None:
        run(Scenario(level="table", nodes=(30,), operations=2), self.monitor)
        self.assertEqual(set(self.monitor.thresholds), {THRESHOLDS})
        self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), (self.before, 0))
