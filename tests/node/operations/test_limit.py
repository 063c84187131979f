"""Operations wait for each other, are bounded, and end with a stop."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, TooManyRequests
from kadtwisted.node.operations import limit
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


class RestTests(SynchronousTestCase):
    """What goes on after its operation has ended."""

    def setUp(self) -> None:
        self.limit = OperationLimit(at_once=2, waiting=3)
        self.limit.open()

    async def rest(self, waiting: Deferred[None]) -> None:
        await waiting

    def test_it_takes_no_place_of_an_operation(self) -> None:
        waits = [Deferred[None]() for _ in range(5)]
        for each in waits:
            self.assertTrue(self.limit.go_on(self.rest(each)))
        self.assertEqual((len(self.limit), self.limit.rests), (0, 5))
        for each in waits:
            each.callback(None)
        self.assertEqual(self.limit.rests, 0)

    def test_what_has_ended_already_is_not_remembered(self) -> None:
        done: Deferred[None] = Deferred()
        done.callback(None)
        self.assertTrue(self.limit.go_on(self.rest(done)))
        self.assertEqual(self.limit.rests, 0)

    def test_there_is_room_for_so_many(self) -> None:
        self.patch(limit, "MOST_RESTS", 2)
        waits = [Deferred[None]() for _ in range(3)]
        self.assertEqual([self.limit.go_on(self.rest(each)) for each in waits], [True, True, False])
        waits[0].callback(None)
        self.assertTrue(self.limit.go_on(self.rest(waits[2])))

    def test_a_stop_ends_it_in_silence(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.limit.go_on(self.rest(waiting))
        self.limit.close()
        self.assertTrue(waiting.called)
        self.assertEqual((self.limit.rests, self.flushLoggedErrors()), (0, []))
        self.assertFalse(self.limit.go_on(self.rest(Deferred())))

    def test_a_fault_of_ours_is_logged(self) -> None:
        waiting: Deferred[None] = Deferred()
        self.limit.go_on(self.rest(waiting))
        waiting.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
