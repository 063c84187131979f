"""Operations wait for each other, are bounded, and end with a stop."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, TooManyRequests
from kadtwisted.node.operations.limit import OperationLimit


class OperationLimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.limit = OperationLimit(at_once=2, waiting=3)
        self.limit.open()
        self.begun: list[int] = []
        self.waits = [Deferred[int]() for _ in range(4)]

    async def work(self, number: int) -> int:
        self.begun.append(number)
        return await self.waits[number]

    def run_(self, number: int) -> Deferred[int]:
        return self.limit.run(self.work(number))

    def test_so_many_at_once(self) -> None:
        running = [self.run_(number) for number in range(3)]
        self.assertEqual((self.begun, len(self.limit)), ([0, 1], 3))
        self.waits[0].callback(7)
        self.assertEqual(self.successResultOf(running[0]), 7)
        self.assertEqual((self.begun, len(self.limit)), ([0, 1, 2], 2))
        self.limit.close()
        for each in running[1:]:
            self.failureResultOf(each, NodeStopped)

    def test_so_many_waiting(self) -> None:
        running = [self.run_(number) for number in range(3)]
        self.failureResultOf(self.run_(3), TooManyRequests)
        now = self.limit.run_now(self.work(3))
        self.assertEqual(self.begun, [0, 1, 3])
        self.limit.close()
        for each in (*running, now):
            self.failureResultOf(each, NodeStopped)
        self.assertEqual(len(self.limit), 0)

    def test_who_gives_up_makes_room(self) -> None:
        first, second, third = [self.run_(number) for number in range(3)]
        third.cancel()
        self.failureResultOf(third, CancelledError)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        fourth = self.run_(3)
        self.assertEqual(self.begun, [0, 1, 3])
        self.limit.close()
        for each in (second, fourth):
            self.failureResultOf(each, NodeStopped)

    def test_none_begins_while_closed(self) -> None:
        self.limit.close()
        for run in (self.limit.run, self.limit.run_now):
            self.failureResultOf(run(self.work(0)), NodeStopped)
        self.limit.open()
        running = self.run_(0)
        self.waits[0].callback(1)
        self.assertEqual(self.successResultOf(running), 1)
        self.assertEqual(self.begun, [0])
