"""When another node under our key is told of, and when no more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Endpoint
from kadtwisted.upkeep.twins import AGAIN, LOOK_EVERY, MISSES, QUIET, Twins

THERE = Endpoint("192.0.2.1", 8000)
ELSEWHERE = Endpoint("192.0.2.2", 8000)


class TwinsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.twins = Twins()

    def known(self) -> float:
        """A twin that was told of; the moment."""
        self.twins.answered(THERE, 0.0)
        self.twins.answered(THERE, AGAIN)
        return AGAIN

    def test_nothing_is_asked_without_a_hint(self) -> None:
        self.assertIsNone(self.twins.due(1e9))

    def test_a_hint_is_asked_about_once(self) -> None:
        self.twins.hint(THERE, 0.0)
        self.assertEqual(self.twins.due(0.0), THERE)
        self.twins.hint(ELSEWHERE, 0.0)
        self.assertEqual(self.twins.due(0.0), THERE)
        self.twins.not_there(THERE, 1.0)
        self.assertIsNone(self.twins.due(1.0))
        self.twins.hint(ELSEWHERE, QUIET)
        self.assertIsNone(self.twins.due(QUIET))
        self.twins.hint(ELSEWHERE, 1.0 + QUIET)
        self.assertEqual(self.twins.due(1.0 + QUIET), ELSEWHERE)

    def test_hints_alone_prove_nothing(self) -> None:
        for second in range(1000):
            self.twins.hint(THERE, float(second))
            self.twins.not_there(THERE, float(second))
        self.assertIsNone(self.twins.twin)

    def test_two_answers_do(self) -> None:
        self.twins.hint(THERE, 0.0)
        self.twins.answered(THERE, 1.0)
        self.assertIsNone(self.twins.twin)
        self.assertIsNone(self.twins.due(1.0))
        self.assertEqual(self.twins.due(1.0 + AGAIN), THERE)
        self.twins.answered(THERE, 1.0 + AGAIN)
        self.assertEqual(self.twins.twin, THERE)

    def test_an_answer_here_and_one_there_are_no_two(self) -> None:
        self.twins.answered(THERE, 0.0)
        self.twins.answered(ELSEWHERE, 1.0)
        self.assertIsNone(self.twins.twin)

    def test_a_twin_is_looked_at_again_until_it_is_gone(self) -> None:
        now = self.known()
        for miss in range(MISSES):
            self.assertEqual(self.twins.twin, THERE, miss)
            now += LOOK_EVERY
            self.assertEqual(self.twins.due(now), THERE)
            self.twins.not_there(THERE, now)
        self.assertIsNone(self.twins.twin)

    def test_an_answer_between_ends_the_silence(self) -> None:
        now = self.known()
        for _ in range(10):
            for _ in range(MISSES - 1):
                self.twins.not_there(THERE, now)
            self.twins.answered(THERE, now)
        self.assertEqual(self.twins.twin, THERE)

    def test_another_one_does_not_hide_the_first(self) -> None:
        now = self.known()
        self.twins.answered(ELSEWHERE, now)
        self.twins.not_there(ELSEWHERE, now)
        self.assertEqual(self.twins.twin, THERE)

    def test_ourselves_is_no_twin(self) -> None:
        self.twins.answered(THERE, 0.0)
        self.twins.not_there(THERE, 1.0, ourselves=True)
        self.twins.answered(THERE, 2.0)
        self.assertIsNone(self.twins.twin)
