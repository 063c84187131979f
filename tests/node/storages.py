"""Storages for tests: one whose Deferreds a test fires by hand, one that fails as it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail
from zope.interface.verify import verifyObject

from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StoredRecord
from kadtwisted.storage.memory import MemoryStorage


class LateStorage(MemoryStorage):
    """Reads see what is there when they are asked and tell it late; writes happen late.

    So whoever compares and stores without a lock loses writes.  ``waiting`` is what was called and
    has not been released: ``get`` and ``put`` with the key.
    """

    def __init__(self) -> None:
        super().__init__(100, 100_000)
        self.waiting: list[tuple[str, NodeID]] = []
        self._steps: list[Callable[[], object]] = []

    def get(self, kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        found = super().get(kind, key, now)
        return self._later("get", key, lambda: found)

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        writing = super().put
        return self._later("put", record.where.key, lambda: writing(record, now))

    def _later(self, what: str, key: NodeID, work: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred(lambda _: None)
        self.waiting.append((what, key))
        self._steps.append(lambda: None if answer.called else work().chainDeferred(answer))
        return answer

    def release(self, index: int = 0) -> None:
        """Let one call have its result."""
        del self.waiting[index]
        self._steps.pop(index)()

    def release_all(self) -> None:
        """Let all calls have their results, and those that they lead to."""
        while self.waiting:
            self.release()


class FailingStorage(MemoryStorage):
    """Reads well; every write fails with ``error``, while there is one."""

    def __init__(self, error: Exception) -> None:
        super().__init__(100, 100_000)
        self.error: Exception | None = error

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        return super().put(record, now) if self.error is None else fail(self.error)


verifyObject(IStorage, LateStorage())
verifyObject(IStorage, FailingStorage(OSError()))
