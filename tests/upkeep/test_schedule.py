"""The heap of what is due, and the budget that paces it."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.upkeep.schedule import JITTER, SLACK, Budget, Schedule


class ScheduleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.schedule = Schedule(random.Random(1))

    def test_tasks_come_in_the_order_of_their_moments(self) -> None:
        for task, moment in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
            self.schedule.at(task, moment)
        self.assertEqual(self.schedule.wakes_at(), 1.0)
        self.assertIsNone(self.schedule.take(0.9))
        self.assertEqual([self.schedule.take(2.5) for _ in range(3)], ["a", "b", None])
        self.assertEqual(self.schedule.take(3.0), "c")
        self.assertIsNone(self.schedule.wakes_at())

    def test_setting_a_task_again_moves_it(self) -> None:
        self.schedule.at("a", 1.0)
        self.schedule.at("a", 5.0)
        self.assertEqual(len(self.schedule), 1)
        self.assertIsNone(self.schedule.take(4.0))
        self.assertEqual(self.schedule.take(5.0), "a")

    def test_a_forgotten_task_is_not_due(self) -> None:
        self.schedule.at("a", 1.0)
        self.schedule.forget("a")
        self.schedule.forget("never set")
        self.assertNotIn("a", self.schedule)
        self.assertIsNone(self.schedule.take(2.0))

    def test_periods_are_jittered_evenly(self) -> None:
        drawn = [self.schedule.jittered(100.0) for _ in range(2000)]
        self.assertGreaterEqual(min(drawn), 100 * (1 - JITTER))
        self.assertLessEqual(max(drawn), 100 * (1 + JITTER))
        self.assertLess(abs(sum(drawn) / 2000 - 100), 2)
        self.assertGreater(max(drawn) - min(drawn), 45)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["at", "forget", "take"]), st.integers(0, 9), st.floats(0, 99)
            )
        )
    )
    def test_against_a_plain_dictionary(self, steps: list[tuple[str, int, float]]) -> None:
        schedule, plain = Schedule(random.Random(1)), dict[int, float]()
        for deed, task, moment in steps:
            if deed == "at":
                schedule.at(task, moment)
                plain[task] = moment
            elif deed == "forget":
                schedule.forget(task)
                plain.pop(task, None)
            else:
                taken = schedule.take(moment)
                due = [each for each in plain.values() if each <= moment]
                self.assertEqual(taken is None, not due)
                if taken is not None:
                    self.assertEqual(plain.pop(taken), min(due))
            self.assertEqual(schedule.wakes_at(), min(plain.values(), default=None))
            self.assertEqual(len(schedule), len(plain))

    def test_the_heap_stays_small(self) -> None:
        for number in range(10_000):
            self.schedule.at(number % 3, float(number))
        self.assertLessEqual(len(self.schedule._heap), 2 * 3 + SLACK + 1)


class BudgetTests(SynchronousTestCase):
    def test_a_burst_is_free_then_the_rate_binds(self) -> None:
        budget = Budget(rate=10, burst=20, now=0.0)
        self.assertEqual(budget.spend(20, 0.0), 0.0)
        self.assertEqual(budget.spend(5, 0.0), 0.5)
        self.assertEqual(budget.spend(0, 0.5), 0.0)
        self.assertEqual(budget.spend(20, 100.0), 0.0)
        self.assertEqual(budget.spend(1, 100.0), 0.1)

    def test_in_the_long_run_no_more_than_the_rate(self) -> None:
        budget, now, spent = Budget(rate=10, burst=20, now=0.0), 0.0, 0.0
        while now < 1000:
            now += budget.spend(3, now) + 1e-9
            spent += 3
        self.assertLessEqual(spent, 20 + 10 * now + 3)
        self.assertGreater(spent, 9_900)
