"""PINGs that are waited for by the keys of their senders."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.node.reaching.arrivals import NOTED, Arrivals

A, B = b"a" * 32, b"b" * 32


class ArrivalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.arrivals = Arrivals(self.clock)

    def test_who_comes_in_time(self) -> None:
        for quiet in (True, False):
            waiting = self.arrivals.of(A, 3.0)
            self.assertTrue(self.arrivals.awaits(A))
            self.clock.advance(2.0)
            self.arrivals.came(B, True)
            self.assertNoResult(waiting)
            self.arrivals.came(A, quiet)
            self.assertIs(self.successResultOf(waiting), quiet)
            self.arrivals.forget()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_came_before_the_promise(self) -> None:
        self.arrivals.came(A, False)
        self.assertIs(self.successResultOf(self.arrivals.of(A, 3.0)), False)
        self.arrivals.forget()
        self.assertNoResult(waiting := self.arrivals.of(A, 3.0))
        self.clock.advance(3.0)
        self.assertIsNone(self.successResultOf(waiting))
        self.assertFalse(self.arrivals.awaits(A))

    def test_whoever_waits_may_give_up(self) -> None:
        waiting = self.arrivals.of(A, 3.0)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.arrivals.came(A, True)

    def test_it_is_bounded(self) -> None:
        for number in range(NOTED + 1):
            self.arrivals.came(number.to_bytes(32, "big"), True)
        first, last = (number.to_bytes(32, "big") for number in (0, NOTED))
        self.assertIs(self.successResultOf(self.arrivals.of(first, 3.0)), True)
        waiting = self.arrivals.of(last, 3.0)
        self.assertNoResult(waiting)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
