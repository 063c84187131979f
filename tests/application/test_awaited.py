"""A result that several wait for."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.application.awaited import Awaited
from kadtwisted.errors import NodeStopped


class AwaitedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.awaited: Awaited[int] = Awaited()

    def test_everybody_who_waits_has_it(self) -> None:
        first, second = self.awaited.wait(), self.awaited.wait()
        self.assertNoResult(first)
        self.awaited.come(7)
        self.assertEqual([self.successResultOf(each) for each in (first, second)], [7, 7])

    def test_who_comes_later_has_it_at_once(self) -> None:
        self.awaited.come(7)
        self.assertEqual(self.successResultOf(self.awaited.wait()), 7)
        self.awaited.come(8)
        self.assertEqual(self.successResultOf(self.awaited.wait()), 8)

    def test_one_waiter_gives_up(self) -> None:
        first, second = self.awaited.wait(), self.awaited.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.awaited.come(7)
        self.assertEqual(self.successResultOf(second), 7)

    def test_a_waiter_that_another_ends_when_the_result_comes(self) -> None:
        first, second = self.awaited.wait(), self.awaited.wait()
        first.addCallback(lambda _: second.cancel())
        self.awaited.come(7)
        self.failureResultOf(second, CancelledError)
        third, fourth = self.awaited.wait(), self.awaited.wait()
        self.assertEqual([self.successResultOf(each) for each in (third, fourth)], [7, 7])

    def test_a_waiter_that_waits_again_after_a_failure(self) -> None:
        waiting = self.awaited.wait().addErrback(lambda _: self.awaited.wait())
        self.awaited.fail(NodeStopped())
        self.assertNoResult(waiting)
        self.awaited.come(7)
        self.assertEqual(self.successResultOf(waiting), 7)

    def test_what_one_waiter_makes_of_it_is_not_the_others(self) -> None:
        first, second = self.awaited.wait(), self.awaited.wait()
        first.addCallback(str)
        self.awaited.come(7)
        self.assertEqual(self.successResultOf(first), "7")
        self.assertEqual(self.successResultOf(second), 7)

    def test_a_failure_ends_the_waiting_and_is_forgotten(self) -> None:
        waiting = self.awaited.wait()
        self.awaited.fail(NodeStopped())
        self.failureResultOf(waiting, NodeStopped)
        self.assertNoResult(self.awaited.wait())

    def test_a_result_is_forgotten_after_a_failure(self) -> None:
        self.awaited.come(7)
        self.awaited.fail(NodeStopped())
        self.assertNoResult(self.awaited.wait())
