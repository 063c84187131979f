"""A result that several callers may wait for, each with a Deferred of their own."""

from __future__ import annotations

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, succeed

T = TypeVar("T")


class Awaited(Generic[T]):
    """A result that comes once, until it is forgotten.  A caller may cancel its own waiting."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[T]] = []
        self._come: list[T] = []

    def wait(self) -> Deferred[T]:
        """Fires with the result: at once, if it has come already."""
        if self._come:
            return succeed(self._come[-1])
        deferred: Deferred[T] = Deferred(self._cancelled)
        self._waiting.append(deferred)
        return deferred

    def come(self, result: T) -> None:
        """This is the result, in place of any earlier one."""
        self._come = [result]
        for each in self._all():
            if not each.called:  # another one's callback may have cancelled it
                each.callback(result)

    def fail(self, error: BaseException) -> None:
        """Forget the result; who waits now hears of ``error``, who asks later waits anew."""
        self._come = []
        for each in self._all():
            if not each.called:
                each.errback(error)

    def _all(self) -> list[Deferred[T]]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _cancelled(self, deferred: Deferred[T]) -> None:
        if deferred in self._waiting:
            self._waiting.remove(deferred)
