"""Many pieces of work, a few at a time, for all who have such work."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore

from kadtwisted.errors import KadtwistedError, NodeStopped
from kadtwisted.model.results import BulkResult
from kadtwisted.node.operations.searches import all_of

T = TypeVar("T")
W = TypeVar("W")

AT_ONCE = 32
"""MAGIC: values under way at once in one node, each with at most 60 requests: a quarter of what may
be in flight, and more than enough where a round trip takes a fifth of a second."""


class Pool:
    """Does pieces of work, :data:`AT_ONCE` at a time, whoever's they are."""

    def __init__(self) -> None:
        self._places = DeferredSemaphore(AT_ONCE)

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
        workers = [self._worker(left, work, results) for _ in range(min(AT_ONCE, len(pieces)))]
        await all_of([Deferred.fromCoroutine(each) for each in workers])
        return tuple(results[number] for number in range(len(pieces)))

    async def _worker(
        self,
        left: Iterator[list[tuple[int, W]]],
        work: Callable[[W], Coroutine[Any, Any, T]],
        results: dict[int, BulkResult[T]],
    ) -> None:
        for number, piece in chain.from_iterable(left):
            await self._places.acquire()
            try:
                results[number] = BulkResult(await work(piece))
            except (NodeStopped, CancelledError):
                raise
            except KadtwistedError as error:
                results[number] = BulkResult(None, error)
            finally:
                self._places.release()
