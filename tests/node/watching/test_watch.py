"""What a user holds of a watch: changes one by one, the newest of each place, and an end."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.errors import InvalidInput, NodeStopped
from kadtwisted.interfaces import IWatch
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.model.results import Change
from kadtwisted.node.watching.watch import Watch


def change(number: int, sub: bytes = b"") -> Change:
    return Change(StorageKey(1, NodeID(7), sub), number, b"%d" % number, 60)


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stopped: list[Watch] = []
        self.watch = Watch(1, bytes(20), None, self.stopped.append, 3)

    def test_it_is_what_it_promises(self) -> None:
        self.assertTrue(verifyObject(IWatch, self.watch))
        self.assertEqual((self.watch.kind, self.watch.key), (1, bytes(20)))
        self.assertEqual(repr(self.watch), f"<Watch of kind 1 under {'00' * 20}>")

    def test_changes_that_wait_and_changes_that_come(self) -> None:
        self.watch.tell(change(1))
        self.assertEqual(self.successResultOf(self.watch.next()), change(1))
        waiting = self.watch.next()
        self.assertNoResult(waiting)
        self.watch.tell(change(2))
        self.assertEqual(self.successResultOf(waiting), change(2))

    def test_of_each_place_the_newest_waits(self) -> None:
        for number in range(1000):
            self.watch.tell(change(number, b"%d" % (number % 3)))
        self.assertEqual(len(self.watch), 3)
        taken = [self.successResultOf(self.watch.next()).record for _ in range(3)]
        self.assertEqual(taken, [997, 998, 999])
        self.assertNoResult(self.watch.next())

    def test_as_many_wait_as_may_and_what_has_gone_gives_way(self) -> None:
        self.watch.tell(change(0, b"a"))
        for number in range(1, 100):
            self.watch.tell(Change(StorageKey(1, NodeID(7), b"%d" % number)))
        self.watch.tell(change(1, b"b"))
        self.watch.tell(change(2, b"c"))
        taken = [self.successResultOf(self.watch.next()).record for _ in range(3)]
        self.assertEqual(taken, [0, 1, 2])
        for number in range(10):
            self.watch.tell(change(number, b"%d" % number))
        self.assertEqual(self.successResultOf(self.watch.next()).record, 7)

    def test_one_waits_at_a_time_and_who_gives_up_loses_nothing(self) -> None:
        waiting = self.watch.next()
        self.failureResultOf(self.watch.next(), InvalidInput)
        waiting.addErrback(lambda _: None).cancel()
        self.watch.tell(change(1))
        self.assertEqual(self.successResultOf(self.watch.next()), change(1))

    def test_it_is_iterated_until_it_is_stopped(self) -> None:
        found: list[Change] = []

        async def read() -> str:
            async for each in self.watch:
                found.append(each)
            return "done"

        reading: Deferred[str] = Deferred.fromCoroutine(read())
        self.watch.tell(change(1))
        self.watch.tell(change(2))
        self.watch.stop()
        self.assertEqual(self.successResultOf(reading), "done")
        self.assertEqual(found, [change(1), change(2)])
        self.assertEqual(self.stopped, [self.watch])
        self.watch.tell(change(3))
        self.failureResultOf(self.watch.next(), StopAsyncIteration)

    def test_what_waits_is_taken_before_the_node_has_stopped(self) -> None:
        self.watch.tell(change(1))
        self.watch.end(NodeStopped())
        self.watch.end(None)
        self.assertEqual(self.successResultOf(self.watch.next()), change(1))
        self.failureResultOf(self.watch.next(), NodeStopped)
        self.watch.stop()
        self.assertEqual(self.stopped, [])

    def test_its_end_is_told_to_all_who_ask(self) -> None:
        first, second = self.watch.when_ended(), self.watch.when_ended()
        second.addErrback(lambda _: None).cancel()
        self.watch.stop()
        self.assertIsNone(self.successResultOf(first))
        self.assertIsNone(self.successResultOf(self.watch.when_ended()))


class CallbackTests(SynchronousTestCase):
    def test_each_change_calls_it_and_none_waits(self) -> None:
        told: list[Change] = []
        watch = Watch(1, bytes(20), told.append, lambda _: None)
        watch.tell(change(1))
        watch.tell(change(2))
        self.assertEqual((told, len(watch)), ([change(1), change(2)], 0))
        self.failureResultOf(watch.next(), InvalidInput)

    def test_one_that_fails_is_logged_and_called_again(self) -> None:
        calls: list[Change] = []

        def fails(each: Change) -> None:
            calls.append(each)
            raise RuntimeError("a bug of the user")

        watch = Watch(1, bytes(20), fails, lambda _: None)
        watch.tell(change(1))
        watch.tell(change(2))
        self.assertEqual(len(calls), 2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
