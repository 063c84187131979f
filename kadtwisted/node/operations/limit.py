"""The limit on the public operations of a node: how many run at once, and how many may wait.

When too many run, the next operation waits.  When too many wait, the next one fails at once.  A
stop ends all of them with :class:`~kadtwisted.errors.NodeStopped`, whatever they wait for.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, fail
from twisted.python.failure import Failure

from kadtwisted.errors import NodeStopped, TooManyRequests

T = TypeVar("T")


class OperationLimit:
    """At most ``at_once`` operations run, and at most ``waiting`` run or wait.

    Closed at first: no operation begins before :meth:`open`.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._most = waiting
        self._places = DeferredSemaphore(at_once)
        self._operations: dict[Deferred[Any], None] = {}
        self._is_open = False

    def __len__(self) -> int:
        """How many run or wait."""
        return len(self._operations)

    def open(self) -> None:
        """Let operations begin from now on."""
        self._is_open = True

    def close(self) -> None:
        """End all operations that run or wait, and let none begin."""
        self._is_open = False
        for operation in list(self._operations):
            operation.cancel()

    def run(self, working: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Run an operation, now or when others have ended.

        Fails with ``TooManyRequests`` if too many wait, and with ``NodeStopped`` if closed.
        """
        if not self._is_open:
            working.close()
            return fail(NodeStopped())
        if len(self._operations) >= self._most:
            working.close()
            return fail(TooManyRequests(f"{len(self._operations)} operations wait; let some end"))
        return self.run_now(self._when_free(working))

    def run_now(self, working: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Run an operation at once, however many others wait; ``NodeStopped`` if closed."""
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

    async def _when_free(self, working: Coroutine[Any, Any, T]) -> T:
        try:
            await self._places.acquire()
        except BaseException:
            working.close()
            raise
        try:
            return await working
        finally:
            self._places.release()
