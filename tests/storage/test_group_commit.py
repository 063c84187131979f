"""Writes in groups: order, bounds, errors, and the end of the thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import TestCase

from kadtwisted.errors import StorageBusy, StorageError
from kadtwisted.storage.group_commit import GroupCommit
from tests.leaks import Before

PATIENCE = 120.0
"""Seconds until a test that hangs gives up."""


class Disk:
    """Commits strings in the thread; while ``gate`` is closed the commit does not return."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: list[threading.Thread] = []
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def commit(self, operations: Sequence[str]) -> Sequence[Any]:
        self.batches.append(list(operations))
        self.threads.append(threading.current_thread())
        self.begun.set()
        assert self.gate.wait(PATIENCE), "nobody opened the gate"
        if "disaster" in operations:
            raise StorageError("the disk is gone")
        if "miscount" in operations:
            return []
        return [StorageError(each) if each == "bad" else each.upper() for each in operations]


class GroupCommitTests(TestCase):
    timeout = PATIENCE

    def setUp(self) -> None:
        self.disk = Disk()

    def make(self, **bounds: int) -> GroupCommit[str]:
        group = GroupCommit[str](reactor, self.disk.commit, name="test storage", **bounds)
        self.addCleanup(group.close)
        self.addCleanup(self.disk.gate.set)
        return group

    def hold(self, group: GroupCommit[str], first: str = "first") -> Deferred[Any]:
        """A commit of one operation that is under way until the gate opens."""
        self.disk.gate.clear()
        done = group.submit(first)
        self.assertTrue(self.disk.begun.wait(PATIENCE))
        return done

    async def test_result(self) -> None:
        self.assertEqual(await self.make().submit("a"), "A")

    async def test_what_comes_meanwhile_is_the_next_batch_in_order(self) -> None:
        group = self.make()
        first = self.hold(group)
        rest = [group.submit(each) for each in "abcde"]
        self.assertEqual(len(group), 5)
        self.disk.gate.set()
        self.assertEqual(await gatherResults([first, *rest]), ["FIRST", *"ABCDE"])
        self.assertEqual(self.disk.batches, [["first"], list("abcde")])
        self.assertEqual(len(group), 0)

    async def test_what_the_told_ask_for_next_is_one_batch(self) -> None:
        group = self.make()
        first = self.hold(group)
        told = [group.submit(each) for each in "abc"]
        again = [each.addCallback(lambda said: group.submit(said + "2")) for each in told]
        self.disk.gate.set()
        self.assertEqual(await gatherResults([first, *again]), ["FIRST", "A2", "B2", "C2"])
        self.assertEqual(self.disk.batches, [["first"], list("abc"), ["A2", "B2", "C2"]])

    async def test_batches_are_bounded(self) -> None:
        group = self.make(batch=2)
        first = self.hold(group)
        rest = [group.submit(each) for each in "abcde"]
        self.disk.gate.set()
        await gatherResults([first, *rest])
        self.assertEqual(self.disk.batches, [["first"], ["a", "b"], ["c", "d"], ["e"]])

    async def test_the_queue_is_bounded(self) -> None:
        group = self.make(waiting=2)
        accepted = [self.hold(group), group.submit("a"), group.submit("b")]
        error = self.failureResultOf(group.submit("c"), StorageBusy)
        self.assertIn("2 writes wait", str(error.value))
        last = group.exclusively(lambda: "ours")
        self.disk.gate.set()
        self.assertEqual(await gatherResults([*accepted, last]), ["FIRST", "A", "B", "ours"])
        self.assertEqual(await group.submit("d"), "D")

    async def test_one_operation_fails_alone(self) -> None:
        group = self.make()
        first = self.hold(group)
        good, bad, better = group.submit("good"), group.submit("bad"), group.submit("better")
        self.disk.gate.set()
        error = await self.assertFailure(bad, StorageError)
        self.assertEqual(str(error), "bad")
        self.assertEqual(await gatherResults([first, good, better]), ["FIRST", "GOOD", "BETTER"])
        self.assertEqual(len(self.disk.batches), 2)

    async def test_a_batch_fails_as_a_whole_and_the_next_does_not(self) -> None:
        for fault, expected in (("disaster", StorageError), ("miscount", AssertionError)):
            group = self.make()
            self.disk.begun.clear()
            first = self.hold(group)
            batch = [group.submit(each) for each in ("a", fault, "b")]
            self.disk.gate.set()
            for each in batch:
                await self.assertFailure(each, expected)
            self.assertEqual(await first, "FIRST")
            self.assertEqual(await group.submit("after"), "AFTER")

    async def test_exclusively_keeps_its_place(self) -> None:
        group = self.make()
        first = self.hold(group)
        group.submit("a")
        seen = group.exclusively(lambda: (threading.current_thread(), list(self.disk.batches)))
        after = group.submit("b")
        self.disk.gate.set()
        thread, batches = await seen
        await gatherResults([first, after])
        self.assertEqual(batches, [["first"], ["a"]])
        self.assertEqual(self.disk.batches, [["first"], ["a"], ["b"]])
        self.assertEqual({thread}, {*self.disk.threads})

    async def test_exclusively_fails(self) -> None:
        def work() -> None:
            raise ValueError("broken")

        group = self.make()
        await self.assertFailure(group.exclusively(work), ValueError)
        self.assertEqual(await group.submit("a"), "A")

    async def test_the_reactors_thread_does_no_work(self) -> None:
        group = self.make()
        await group.submit("a")
        self.assertNotIn(threading.current_thread(), self.disk.threads)
        self.assertTrue(self.disk.threads[0].daemon, "a process must be able to end without us")

    async def test_who_cancels_goes_unheard(self) -> None:
        group = self.make()
        first = self.hold(group)
        cancelled, other = group.submit("a"), group.submit("b")
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.disk.gate.set()
        self.assertEqual(await gatherResults([first, other]), ["FIRST", "B"])
        self.assertEqual(self.disk.batches, [["first"], ["a", "b"]])

    async def test_close_finishes_what_waits_and_ends_the_thread(self) -> None:
        group = self.make(batch=1)
        told: list[str] = []
        for each in (self.hold(group), group.submit("a"), group.submit("b")):
            each.addCallback(told.append)
        closed = [group.close(), group.close()]
        closed[0].addCallback(lambda _: told.append("closed"))
        self.failureResultOf(group.submit("late"), StorageError)
        self.failureResultOf(group.exclusively(lambda: None), StorageError)
        self.assertNoResult(closed[0])
        self.disk.gate.set()
        await gatherResults(closed)
        self.assertEqual(told, ["FIRST", "A", "B", "closed"])
        await group.close()
        self.assertFalse(any(thread.is_alive() for thread in self.disk.threads))
        error = self.failureResultOf(group.submit("late"), StorageError)
        self.assertEqual(str(error.value), "the test storage is closed")

    async def test_close_that_is_cancelled_closes(self) -> None:
        group = self.make()
        first = self.hold(group)
        cancelled = group.close()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.disk.gate.set()
        await gatherResults([first, group.close()])
        self.assertFalse(self.disk.threads[0].is_alive())

    async def test_a_system_that_grants_no_thread(self) -> None:
        group = self.make()
        with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("no thread")):
            for asked in (group.submit("a"), group.exclusively(lambda: None), group.submit("b")):
                error = self.failureResultOf(asked, StorageError)
                self.assertIn("the test storage needs a thread: no thread", str(error.value))
            self.assertEqual(len(group), 0)
        self.assertEqual(await group.submit("later"), "LATER")
        self.assertEqual(self.disk.batches, [["later"]])

    async def test_close_where_there_never_was_a_thread(self) -> None:
        group = self.make()
        with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("no thread")):
            self.failureResultOf(group.submit("a"), StorageError)
        await group.close()
        self.assertEqual(self.disk.batches, [])

    def test_close_without_use_needs_no_thread(self) -> None:
        before = Before()
        group = self.make()
        self.successResultOf(group.close())
        self.successResultOf(group.close())
        self.assertEqual(before.new_threads(), [])
