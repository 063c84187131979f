"""LMDB files: a map that grows, writes that fail, and errors in words."""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path

import lmdb
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError, DiskFull, StorageError, UnsupportedVersion
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageUsage
from kadtwisted.plugins.builtin import lmdb as plugin
from kadtwisted.storage.capacity import Capacity
from kadtwisted.storage.lmdb.backend import LMDBStorage
from kadtwisted.storage.lmdb.file import explained, most_map
from kadtwisted.storage.lmdb.records import MAX_SUB
from kadtwisted.testing.contracts.durable_storage import Clocks
from kadtwisted.testing.contracts.storage import stored
from tests.storage.lmdb.harness import LMDBCase, context
from tests.storage.outcomes import error_of

SMALL_MAP = 64 * 1024


class Panicking:
    """An environment whose last page could not be written; nothing can be done with it any more."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self.close = environment.close

    def begin(self, write: bool = False) -> None:
        raise lmdb.PanicError("mdb_txn_begin: MDB_PANIC")


class TestPanic(LMDBCase):
    async def test_the_next_write_opens_the_file_again(self) -> None:
        storage = await self.opened()
        await storage.put(stored(1), 0.0)
        self.break_(storage)
        self.assertIn("opens it again", await error_of(StorageError, storage.usage()))
        self.assertIn("opens it again", await error_of(StorageError, storage.put(stored(2), 0.0)))
        await storage.put(stored(3), 0.0)
        self.assertEqual([each.where.key for each in await storage.page(None, 9)], [1, 3])

    async def test_as_often_as_it_takes(self) -> None:
        storage = await self.opened()
        self.break_(storage)
        await error_of(StorageError, storage.put(stored(1), 0.0))
        hidden = self.path.rename(f"{self.path}.hidden")
        for _ in range(2):
            sentence = await error_of(StorageError, storage.put(stored(2), 0.0))
            self.assertIn("no such file", sentence)
            await error_of(StorageError, storage.usage())
        hidden.rename(self.path)
        await storage.put(stored(3), 0.0)
        self.assertEqual((await storage.usage()).records, 1)

    async def test_close(self) -> None:
        storage = await self.opened()
        await storage.put(stored(1), 0.0)
        self.break_(storage)
        await storage.close()
        again = await self.opened()
        self.assertEqual((await again.usage()).records, 1)

    def break_(self, storage: LMDBStorage) -> None:
        file = storage._file.file
        file._environment = Panicking(file._environment)  # type: ignore[assignment]


class TestGrowth(LMDBCase):
    """A map that is too small doubles in the middle of a batch, under the eyes of readers."""

    def make_small(self, largest_map: int | None = None) -> LMDBStorage:
        return LMDBStorage(
            self.path,
            context(Clocks(), 5_000, 5_000_000),
            first_map=SMALL_MAP,
            largest_map=largest_map,
        )

    async def test_under_load(self) -> None:
        storage = await self.opened(self.make_small())
        records = [stored(n, b"%04d" % n * 250) for n in range(1500)]
        await storage.put(records[0], 0.0)
        reads = 0
        for start in range(1, 1500, 100):
            puts = [storage.put(each, 0.0) for each in records[start : start + 100]]
            writing = gatherResults(puts, consumeErrors=True)
            while not writing.called:
                self.assertEqual(self.successResultOf(storage.get(1, NodeID(0), 0.0)), records[:1])
                reads += 1
                await self.turn()
            await writing
        self.assertGreater(reads, 15)
        self.assertGreater(self.path.stat().st_size, 20 * SMALL_MAP)
        self.assertEqual(await storage.usage(), StorageUsage(1500, 1_500_000))
        await storage.close()
        again = await self.opened(self.make_small())
        self.assertEqual(
            [each.data for each in await again.page(None, 2000)], [each.data for each in records]
        )
        await again.put(stored(9999), 0.0)

    async def turn(self) -> None:
        """Let the reactor work once."""
        done: Deferred[None] = Deferred()
        reactor.callLater(0, done.callback, None)  # type: ignore[attr-defined]
        await done

    async def test_a_batch_larger_than_the_map(self) -> None:
        storage = await self.opened(self.make_small())
        puts = [storage.put(stored(n, bytes(1000)), 0.0) for n in range(800)]
        await gatherResults(puts, consumeErrors=True)
        self.assertEqual(await storage.usage(), StorageUsage(800, 800_000))

    async def test_no_further_than_the_bounds_explain(self) -> None:
        storage = await self.opened(self.make_small(2 * SMALL_MAP))
        await storage.put(stored(1), 0.0)
        sentence = await error_of(DiskFull, storage.put(stored(2, bytes(400_000)), 0.0))
        self.assertIn("mdb_copy", sentence)
        await storage.put(stored(3), 0.0)
        self.assertEqual((await storage.usage()).records, 2)

    async def test_the_limit_has_room_for_all_bounds(self) -> None:
        """Filled with the records that take the most room, and half of them replaced."""
        bounds = Capacity(300, 300 * 2100)
        spare = 2 * 1024 * 1024  # batches are of one record here
        storage = LMDBStorage(
            self.path,
            context(Clocks(), *bounds),
            first_map=SMALL_MAP,
            largest_map=most_map(bounds) - most_map(Capacity(0, 0)) + spare,
        )
        await self.opened(storage)
        for n in range(450):
            await storage.put(stored(n * 7919 % 300, bytes(2100), sub=bytes(MAX_SUB)), 0.0)
        self.assertEqual((await storage.usage()).records, 300)


def failed(kind: type[lmdb.Error], number: int) -> lmdb.Error:
    """An error as the library raises it for what the operating system said."""
    error = kind("mdb_txn_commit")
    error.code = number  # type: ignore[misc]
    return error


class TestSentences(SynchronousTestCase):
    def told(self, error: OSError | lmdb.Error) -> StorageError:
        return explained(error, Path("/nowhere/records.lmdb"))

    def test_by_kind(self) -> None:
        sentences = {
            lmdb.CorruptedError("get"): (StorageError, "is damaged"),
            lmdb.PanicError("commit"): (StorageError, "opens it again"),
            lmdb.VersionMismatchError("open"): (UnsupportedVersion, "version of LMDB"),
            failed(lmdb.DiskError, errno.ENOSPC): (DiskFull, "no room left"),
            failed(lmdb.Error, errno.EDQUOT): (DiskFull, "no room left"),
            lmdb.ReadersFullError("begin"): (StorageError, "cannot use"),
            OSError(errno.EACCES, "Permission denied"): (StorageError, "permission denied"),
        }
        for error, (kind, words) in sentences.items():
            told = self.told(error)
            self.assertIs(type(told), kind, error)
            self.assertIn(words, str(told))
            self.assertIn("/nowhere/records.lmdb", str(told))

    def test_a_write_that_ended_halfway(self) -> None:
        free = 10**9
        usage = type(shutil.disk_usage("/"))
        self.patch(shutil, "disk_usage", lambda _: usage(10**12, 0, free))
        halfway = failed(lmdb.Error, errno.EIO)
        self.assertIs(type(self.told(halfway)), StorageError)
        free = 4096
        self.assertIs(type(self.told(halfway)), DiskFull)

    def test_without_the_library(self) -> None:
        for name in [each for each in sys.modules if each.startswith("kadtwisted.storage.lmdb")]:
            self.patch_module(name, None, remove=True)
        self.patch_module("lmdb", None)
        error = self.assertRaises(
            ConfigurationError, plugin.make, "/nowhere/records.lmdb", context(Clocks())
        )
        self.assertIn("pip install lmdb", str(error))

    def patch_module(self, name: str, module: object, remove: bool = False) -> None:
        """Change ``sys.modules`` until the test ends."""
        before = sys.modules[name]
        self.addCleanup(sys.modules.__setitem__, name, before)
        if remove:
            del sys.modules[name]
        else:
            sys.modules[name] = module  # type: ignore[assignment]
