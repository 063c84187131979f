"""The limit on the public operations of a node: how many run at once, and how many may wait.

When too many run, the next operation waits.  When too many wait, the next one fails at once.  Some
leave a rest that goes on when they have ended: the last STOREs of a write.  A stop ends all of them
with :class:`~kadtwisted.errors.NodeStopped`, whatever they wait for.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError, NodeStopped, TooManyRequests

T = TypeVar("T")

MOST_RESTS = 256
"""MAGIC: writes that go on after their receipts.  Each has a quarter of its STOREs left at most, so
they take a third of the requests that may be in flight; a write that finds no room is heard to its
end before its receipt, and so holds up whoever writes too fast."""


class OperationLimit:
    """At most ``at_once`` operations run, and at most ``waiting`` run or wait.

    Closed at first: no operation begins before :meth:`open`.
    """

    _log = Logger(namespace="kadtwisted.node")

    def __init__(self, at_once: int, waiting: int) -> None:
        self._most = waiting
        self._places = DeferredSemaphore(at_once)
        self._operations: dict[Deferred[Any], None] = {}
        self._rests: dict[Deferred[Any], None] = {}
        self._is_open = False

    def __len__(self) -> int:
        """How many run or wait."""
        return len(self._operations)

    @property
    def rests(self) -> int:
        """How many have ended, and have a rest that goes on."""
        return len(self._rests)

    def open(self) -> None:
        """Let operations begin from now on."""
        self._is_open = True

    def close(self) -> None:
        """End all operations that run or wait, and let none begin."""
        self._is_open = False
        for operation in [*self._operations, *self._rests]:
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

    def go_on(self, rest: Coroutine[Any, Any, Any]) -> bool:
        """Let the rest of an operation go on by itself; whether there is room for it.

        Nobody hears of its end; a fault of ours is logged.
        """
        if not self._is_open or len(self._rests) >= MOST_RESTS:
            rest.close()
            return False
        running = Deferred.fromCoroutine(rest)
        if running.called:
            running.addErrback(self._rest_failed)
            return True
        self._rests[running] = None

        def ended(result: Any) -> Any:
            self._rests.pop(running, None)
            return result

        running.addBoth(ended).addErrback(self._rest_failed)
        return True

    def _rest_failed(self, failure: Failure) -> None:
        if not failure.check(KadtwistedError, CancelledError):
            self._log.failure("the rest of an operation could not go on", failure)

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
