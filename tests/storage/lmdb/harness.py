"""What the tests of the LMDB storage share."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from kadtwisted.errors import StorageError
from kadtwisted.interfaces import StorageContext
from kadtwisted.storage.lmdb.backend import LMDBStorage
from kadtwisted.testing.contracts.durable_storage import Clocks
from tests.storage.outcomes import error_of

PAGE = 4096


def context(clocks: Clocks, max_records: int = 500, max_bytes: int = 1_000_000) -> StorageContext:
    return StorageContext(reactor, clocks.now, clocks.unix_time, None, max_records, max_bytes)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow behind the two pages that every one of LMDB's begins with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * PAGE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class LMDBCase(TestCase):
    """A path in a directory of its own, and storages that are closed when the test ends."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.path = self.directory / "records.lmdb"

    def make(self, max_records: int = 500, max_bytes: int = 1_000_000) -> LMDBStorage:
        return LMDBStorage(self.path, context(Clocks(), max_records, max_bytes))

    async def opened(self, storage: LMDBStorage | None = None) -> LMDBStorage:
        storage = storage or self.make()
        await storage.open()
        self.addCleanup(storage.close)
        return storage

    def change(self, name: bytes, key: bytes, value: bytes | None) -> None:
        """Write into the closed file, as another program would."""
        with lmdb.open(str(self.path), subdir=False, max_dbs=5) as environment:
            database = environment.open_db(name)
            with environment.begin(write=True) as transaction:
                if value is None:
                    transaction.drop(database)
                else:
                    transaction.put(key, value, db=database)

    async def refused(self, kind: type[StorageError]) -> str:
        """Opening fails twice in the same way, leaves the file as it is and nothing locked."""
        before = self.path.read_bytes()
        sentence = await error_of(kind, self.make().open())
        self.assertEqual(await error_of(kind, self.make().open()), sentence)
        self.assertEqual(self.path.read_bytes(), before)
        self.assertIn(str(self.path), sentence)
        return sentence
