"""One piece of work at a time for each key, in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock

from kadtwisted.model.ids import NodeID

T = TypeVar("T")


class Turns:
    """Whose turn it is, for each key.  As large as there are operations under way."""

    def __init__(self) -> None:
        self._locks: dict[NodeID, DeferredLock] = {}

    def taken(self, key: NodeID) -> bool:
        """Whether something is being done about a key."""
        return key in self._locks

    async def alone(self, key: NodeID, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do something about a key when nothing else that waits its turn is done about it."""
        lock = self._locks.setdefault(key, DeferredLock())
        try:
            return await lock.run(lambda: Deferred.fromCoroutine(work()))
        finally:
            if not lock.locked and not lock.waiting:
                self._locks.pop(key, None)
