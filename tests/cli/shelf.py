"""A storage ``shelf`` for runs of ``kad`` in tests: it keeps its records when it is closed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from kadtwisted.interfaces import IStorageFactory, StorageContext
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.world import steady_seconds
from kadtwisted.records.floor import floor_place
from kadtwisted.records.value import encode, floor, value_of
from kadtwisted.settings.plugin_registry import PluginRegistry
from kadtwisted.storage.memory import MemoryStorage
from tests.cli.harness import Kad

DAY = 86400.0


def a_record(key: int, data: bytes = b"value", *, age: float = 60.0) -> bytes:
    """The bytes of a record published so many seconds ago."""
    return encode(value_of(NodeID(key), data, int((time.time() - age) * 1e6)))


class Shelf(MemoryStorage):
    """``opened`` counts; ``refusal`` is what a put fails with from the ``room``-th on."""

    def __init__(self, *, room: int = 1000, refusal: Exception | None = None) -> None:
        super().__init__(room if refusal is None else 1000, 1_000_000)
        self.opened = 0
        self.closed = 0
        self._room = room
        self._refusal = refusal

    def open(self) -> Deferred[None]:
        self.opened += 1
        return super().open()

    def close(self) -> Deferred[None]:
        self.closed += 1
        return succeed(None)

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        if self._refusal is not None and len(self._records) >= self._room:
            return fail(self._refusal)
        return super().put(record, now)

    def add(
        self, key: int, data: bytes, *, lives: float = DAY, arrived: float = -5.0, sub: bytes = b""
    ) -> StoredRecord:
        """Put a record that expires and arrived so many seconds from now."""
        now = steady_seconds()
        where = StorageKey(Kind.VALUE, NodeID(key), sub)
        record = StoredRecord(where, data, now + lives, now + arrived)
        self.put(record, now - DAY)
        return record

    def add_floor(self, key: int, data: bytes) -> None:
        """Put what a record left that has expired."""
        now = steady_seconds()
        where = floor_place(StorageKey(Kind.VALUE, NodeID(key)))
        self.put(StoredRecord(where, floor(data), now + DAY, now), now)

    def all(self) -> list[StoredRecord]:
        return [self._records[where] for where in self._order]


@implementer(IStorageFactory)
class ShelfFactory:
    name = "shelf"

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.contexts: list[StorageContext] = []

    def make(self, argument: str, context: StorageContext) -> Shelf:
        self.contexts.append(context)
        return self.shelf


class Installed:
    """An entry point of another distribution."""

    value = "shelves:factory"
    dist = None

    def __init__(self, factory: ShelfFactory) -> None:
        self.name = factory.name
        self._factory = factory

    def load(self) -> ShelfFactory:
        return self._factory


def kad_with(shelf: Shelf, **keywords: Any) -> Kad:
    """A ``kad`` that knows the storage ``shelf``."""

    def find(group: str) -> Iterable[Any]:
        return [Installed(ShelfFactory(shelf))] if group == "kadtwisted.storage" else []

    kad = Kad(**keywords)
    kad.plugins = PluginRegistry(find)
    return kad


def patiently(kad: Kad, running: Deferred[int]) -> None:
    """Let the reactor turn until the verb has ended."""
    while not running.called:
        kad.clock.advance(0)
