"""Pieces of work, as many at a time as the pace says."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, NotFound
from kadtwisted.model.results import BulkResult
from kadtwisted.node.bulk.pace import FIRST, Pace
from kadtwisted.node.bulk.pool import Pool


class PoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = Pool(Pace())
        self.begun: list[int] = []
        self.waiting: dict[int, Deferred[str]] = {}

    async def work(self, piece: int) -> str:
        self.begun.append(piece)
        self.waiting[piece] = Deferred()
        return await self.waiting[piece]

    def through(self, *pieces: int) -> Deferred[tuple[BulkResult[str], ...]]:
        return Deferred.fromCoroutine(self.pool.work_through(pieces, self.work, lambda e: e // 10))

    def test_in_their_order_and_a_few_at_a_time(self) -> None:
        working = self.through(50, 10, 30, 20, 40, 60)
        self.assertEqual(self.begun, [10, 20, 30, 40])
        self.assertEqual(len(self.begun), FIRST)
        self.waiting[20].callback("twenty")
        self.assertEqual(self.begun[-1], 50)
        for piece in (10, 30, 40, 50):
            self.waiting[piece].callback(str(piece))
        self.waiting[60].errback(NotFound("sixty"))
        results = self.successResultOf(working)
        self.assertEqual([e.result for e in results], ["50", "10", "30", "twenty", "40", None])
        self.assertIsInstance(results[5].error, NotFound)

    def test_those_of_one_number_one_after_the_other(self) -> None:
        working = self.through(11, 20, 12, 10)
        self.assertEqual(self.begun, [11, 20])
        for piece in (11, 12, 10):
            self.waiting[piece].callback(str(piece))
        self.assertEqual(self.begun, [11, 20, 12, 10])
        self.waiting[20].callback("20")
        self.assertEqual(
            [e.result for e in self.successResultOf(working)], ["11", "20", "12", "10"]
        )

    def test_several_callers_share_the_places(self) -> None:
        one, other = self.through(10, 20, 30), self.through(40, 50, 60)
        self.assertEqual(self.begun, [10, 20, 30, 40])
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertEqual(self.begun, [10, 20, 30, 40, 50, 60])
        for piece in (40, 50, 60):
            self.waiting[piece].callback(str(piece))
        self.assertEqual([e.result for e in self.successResultOf(other)], ["40", "50", "60"])

    def test_however_many_are_done_at_once(self) -> None:
        """Work that waits for nothing, such as reads of what this node holds itself."""

        async def echo(piece: int) -> str:
            return str(piece)

        busy = self.through(10, 20, 30, 40)
        pieces = range(1000)
        echoing = [
            Deferred.fromCoroutine(self.pool.work_through(pieces, echo, int)) for _ in range(20)
        ]
        self.waiting[10].callback("10")
        for each in echoing:
            results = self.successResultOf(each)
            self.assertEqual([e.result for e in results], [str(number) for number in pieces])
        for piece in (20, 30, 40):
            self.waiting[piece].callback(str(piece))
        self.successResultOf(busy)

    def test_a_stop_ends_all(self) -> None:
        working = self.through(10, 20, 30, 40, 50)
        self.waiting[20].errback(NodeStopped())
        self.failureResultOf(working, NodeStopped)
        self.assertTrue(all(each.called for each in self.waiting.values()))
