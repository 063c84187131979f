"""Many pieces of work, some at a time, for all who have such work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from kadtwisted.errors import KadtwistedError, NodeStopped
from kadtwisted.model.results import BulkResult
from kadtwisted.node.bulk.pace import MOST, Pace
from kadtwisted.node.operations.searches import all_of

T = TypeVar("T")
W = TypeVar("W")


class Pool:
    """Does pieces of work of one sort, whoever's they are, as many at a time as its pace says."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._under_way = 0
        self._going_on = False
        self._waiting: deque[Deferred[None]] = deque()

    async def work_through(
        self,
        pieces: Sequence[W],
        work: Callable[[W], Coroutine[Any, Any, T]],
        order: Callable[[W], int],
    ) -> tuple[BulkResult[T], ...]:
        """What came of each piece, in the order in which they are given; they are begun in the
        ``order`` of that number.  Pieces with the same number are done one after the other.

        An error of one is its result, and the others go on.  Fails with ``NodeStopped``; cancelling
        it cancels all.
        """
        results: dict[int, BulkResult[T]] = {}
        ordered = sorted(enumerate(pieces), key=lambda each: order(each[1]))
        left = iter([list(same) for _, same in groupby(ordered, lambda each: order(each[1]))])
        count = min(int(MOST), len(pieces))
        workers = [self._worker(left, work, results) for _ in range(count)]
        await all_of([Deferred.fromCoroutine(each) for each in workers])
        return tuple(results[number] for number in range(len(pieces)))

    async def _worker(
        self,
        left: Iterator[list[tuple[int, W]]],
        work: Callable[[W], Coroutine[Any, Any, T]],
        results: dict[int, BulkResult[T]],
    ) -> None:
        for number, piece in chain.from_iterable(left):
            await self._place()
            try:
                results[number] = BulkResult(await work(piece))
            except (NodeStopped, CancelledError):
                raise
            except KadtwistedError as error:
                results[number] = BulkResult(None, error)
            finally:
                self._under_way -= 1
                self._go_on()

    async def _place(self) -> None:
        """Wait until one more may be under way; then it is."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        self._go_on()
        await waiting

    def _go_on(self) -> None:
        """Begin as many as may be.

        One that ends at once comes here again and begins none, so none is begun inside another.
        """
        if self._going_on:
            return
        self._going_on = True
        while self._waiting and self._under_way < self._pace.at_once:
            self._under_way += 1
            self._waiting.popleft().callback(None)
        self._going_on = False
