"""What the tests of the SQLite storage share."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from kadtwisted.errors import StorageError
from kadtwisted.interfaces import StorageContext
from kadtwisted.storage.sqlite.backend import SQLiteStorage
from kadtwisted.testing.contracts.durable_storage import Clocks
from kadtwisted.testing.contracts.storage import stored
from tests.storage.outcomes import PATIENCE


def context(records: int = 500, size: int = 1_000_000, clocks: Clocks | None = None) -> Any:
    clocks = clocks or Clocks()
    return StorageContext(reactor, clocks.now, clocks.unix_time, None, records, size)


class SQLiteCase(TestCase):
    timeout = PATIENCE

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / "records ?%.sqlite"
        self.clocks = Clocks()

    def make(self, path: Path | None = None, **bounds: int) -> SQLiteStorage:
        storage = SQLiteStorage(path or self.path, context(clocks=self.clocks, **bounds))
        self.addCleanup(storage.close)
        return storage

    async def opened(self, path: Path | None = None, **bounds: int) -> SQLiteStorage:
        storage = self.make(path, **bounds)
        await storage.open()
        return storage

    def refusal(self, kind: type[StorageError] = StorageError) -> str:
        """Opening must fail at once, with a sentence that names the file."""
        error = self.failureResultOf(self.make().open(), kind).value
        self.assertIn(str(self.path), str(error))
        return str(error)

    async def filled(self, count: int = 5) -> SQLiteStorage:
        storage = await self.opened()
        await gatherResults([storage.put(stored(n, b"%d" % n), 0.0) for n in range(count)])
        return storage

    def writer(self, storage: SQLiteStorage) -> sqlite3.Connection:
        """The connection that writes."""
        connection: sqlite3.Connection = storage._file._writer
        assert connection is not None
        return connection

    async def keys(self, storage: SQLiteStorage) -> list[int]:
        return [each.where.key for each in await storage.page(None, 1000)]

    def names(self) -> list[str]:
        return sorted(each.name.removeprefix(self.path.name) for each in self.directory.iterdir())
