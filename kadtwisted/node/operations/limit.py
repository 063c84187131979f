"""The public operations of a node that are under way: so many at once, and none after a stop.

Whoever comes when too many run waits for a turn; whoever comes when too many wait is told so.  A
stop ends them all with :class:`~kadtwisted.errors.NodeStopped`, whatever they wait for.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, fail
from twisted.python.failure import Failure

from kadtwisted.errors import NodeStopped, TooManyRequests

T = TypeVar("T")


class Turns:
    """At most ``at_once`` operations run, at most ``waiting`` run or wait; closed at first."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._most = waiting
        self._turns = DeferredSemaphore(at_once)
        self._operations: dict[Deferred[Any], None] = {}
        self._is_open = False

    def __len__(self) -> int:
        """How many run or wait."""
        return len(self._operations)

    def open(self) -> None:
        """From now on operations may begin."""
        self._is_open = True

    def close(self) -> None:
        """End all that are under way, and let none begin."""
        self._is_open = False
        for operation in list(self._operations):
            operation.cancel()

    def run(self, working: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Do this when it is its turn; ``NodeStopped`` or ``TooManyRequests`` if it never is."""
        if not self._is_open:
            working.close()
            return fail(NodeStopped())
        if len(self._operations) >= self._most:
            working.close()
            return fail(TooManyRequests(f"{len(self._operations)} operations wait; let some end"))
        return self.run_now(self._in_turn(working))

    def run_now(self, working: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Do this at once, however many others wait."""
        if not self._is_open:
            working.close()
            return fail(NodeStopped())
        operation = Deferred.fromCoroutine(working)

        def ended(result: T | Failure) -> T | Failure:
            self._operations.pop(operation, None)
            if isinstance(result, Failure) and result.check(CancelledError) and not self._is_open:
                return Failure(NodeStopped())
            return result

        self._operations[operation] = None
        operation.addBoth(ended)
        return operation

    async def _in_turn(self, working: Coroutine[Any, Any, T]) -> T:
        try:
            await self._turns.acquire()
        except BaseException:
            working.close()
            raise
        try:
            return await working
        finally:
            self._turns.release()
