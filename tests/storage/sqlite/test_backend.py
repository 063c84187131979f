"""Records in SQLite: every contract, crashes, and what goes wrong with files and disks."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from kadtwisted.errors import ConfigurationError, StorageError, StorageFull, UnsupportedVersion
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.file_lock import FileLock, StorageInUse
from kadtwisted.storage.sqlite import backend as sqlite
from kadtwisted.storage.sqlite import file as sqlite_file
from kadtwisted.storage.sqlite.backend import SQLiteStorage
from kadtwisted.storage.sqlite.records import LAYOUT
from kadtwisted.testing.contracts.storage import (
    BoundedStorageContract,
    Clocks,
    DurableStorageContract,
    stored,
)

PATIENCE = 20.0
"""Seconds until a test that hangs gives up."""


def context(records: int = 500, size: int = 1_000_000, clocks: Clocks | None = None) -> Any:
    clocks = clocks or Clocks()
    return StorageContext(reactor, clocks.now, clocks.unix_time, None, records, size)


class SQLiteContracts(DurableStorageContract, BoundedStorageContract, TestCase):
    timeout = PATIENCE

    def make_storage_in(self, directory: str, clocks: Clocks) -> IStorage:
        return SQLiteStorage(os.path.join(directory, "records"), context(clocks=clocks))

    def make_bounded_storage(self, records: int) -> IStorage:
        return SQLiteStorage(self.mktemp(), context(records))


class SQLiteContractByBytes(BoundedStorageContract, TestCase):
    """The same, where the bytes are what runs out."""

    timeout = PATIENCE

    def make_storage(self) -> IStorage:
        return SQLiteStorage(self.mktemp(), context())

    def make_bounded_storage(self, records: int) -> IStorage:
        return SQLiteStorage(self.mktemp(), context(size=100 * records))


class Case(TestCase):
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

    async def keys(self, storage: SQLiteStorage) -> list[int]:
        return [each.where.key for each in await storage.page(None, 1000)]

    def names(self) -> list[str]:
        return sorted(each.name.removeprefix(self.path.name) for each in self.directory.iterdir())


class Opening(Case):
    def test_bounds_must_be_positive(self) -> None:
        for records, size in ((0, 1), (1, 0)):
            self.assertRaises(ConfigurationError, SQLiteStorage, self.path, context(records, size))

    async def test_making_one_touches_nothing(self) -> None:
        storage = self.make()
        self.assertEqual(self.names(), [])
        await storage.close()
        for each in (storage.get(1, NodeID(1), 0.0), storage.put(stored(1), 0.0)):
            error = self.failureResultOf(each, StorageError).value
            self.assertIn("not open", str(error))

    def test_a_start_that_goes_no_further_needs_no_reactor(self) -> None:
        storage = SQLiteStorage(self.path, context()._replace(reactor=None))
        self.successResultOf(storage.open())
        self.successResultOf(storage.close())
        self.successResultOf(self.make().open())

    async def test_is_open_when_it_returns_and_for_its_owner_only(self) -> None:
        storage = self.make()
        self.successResultOf(storage.open())
        await storage.put(stored(1), 0.0)
        for suffix in ("", "-wal", "-shm", ".lock"):
            mode = os.stat(f"{self.path}{suffix}").st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600, suffix)

    async def test_nothing_but_the_database_and_the_lock_is_left(self) -> None:
        storage = await self.filled()
        await storage.close()
        self.assertEqual(self.names(), ["", ".lock"])
        self.failureResultOf(storage.get(1, NodeID(1), 0.0), StorageError)
        self.failureResultOf(storage.put(stored(1), 0.0), StorageError)

    async def test_can_be_opened_again(self) -> None:
        storage = await self.filled()
        await storage.close()
        await storage.open()
        await storage.put(stored(9), 0.0)
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4, 9])

    async def test_while_it_closes(self) -> None:
        storage = await self.filled()
        first, second = storage.close(), storage.close()
        self.failureResultOf(storage.page(None, 5), StorageError)
        self.failureResultOf(storage.put(stored(1), 0.0), StorageError)
        first.cancel()
        first.addErrback(lambda _: None)
        await second
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])

    async def test_a_second_user_is_refused(self) -> None:
        storage = await self.filled()
        self.assertIn("another node", self.refusal(StorageInUse))
        self.assertEqual(len(await self.keys(storage)), 5)
        await storage.close()
        await self.opened()

    async def test_two_in_one_process(self) -> None:
        one, other = await self.opened(), await self.opened(self.directory / "other")
        await gatherResults([one.put(stored(1), 0.0), other.put(stored(2), 0.0)])
        self.assertEqual((await self.keys(one), await self.keys(other)), ([1], [2]))

    def test_a_missing_directory(self) -> None:
        self.path = self.directory / "missing" / "records"
        self.assertIn("no such file", self.refusal())

    def test_a_path_below_a_file(self) -> None:
        (self.directory / "file").touch()
        self.path = self.directory / "file" / "records"
        self.assertIn("not a directory", self.refusal())

    def test_a_file_that_must_not_be_written(self) -> None:
        self.successResultOf(self.make().open())
        self.path = self.directory / "other"
        with closing(sqlite_file.open_database(self.path, LAYOUT)):
            pass
        with mock.patch.object(os, "access", return_value=False):
            self.assertIn("permission denied", self.refusal())

    async def test_a_file_system_without_locks(self) -> None:
        with mock.patch.object(FileLock, "take", side_effect=OSError(95, "No locks")):
            self.assertIn("no locks", self.refusal())
        await self.opened()

    async def test_a_refused_reader_leaves_nothing_open(self) -> None:
        with mock.patch.object(sqlite, "open_reader", side_effect=StorageError(f"{self.path}")):
            self.refusal()
        await self.opened()


class ForeignFiles(Case):
    """What cannot be used is named, and not touched."""

    def refused_untouched(self, kind: type[StorageError] = StorageError) -> str:
        before = self.path.read_bytes()
        said = self.refusal(kind)
        self.assertEqual(self.path.read_bytes(), before)
        return said

    def test_not_a_database(self) -> None:
        self.path.write_bytes(b"Dear diary, " * 1000)
        self.assertIn("move it", self.refused_untouched())

    def test_an_empty_file(self) -> None:
        self.path.touch()
        self.assertIn("move it", self.refused_untouched())

    def test_a_database_of_another_program(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE recipes (name)")
        self.assertIn("choose another", self.refused_untouched())

    async def test_of_a_newer_version(self) -> None:
        await (await self.filled()).close()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(f"PRAGMA user_version = {len(LAYOUT.versions) + 1}")
        self.assertIn("newer version", self.refused_untouched(UnsupportedVersion))

    async def test_a_truncated_one(self) -> None:
        await (await self.filled()).close()
        os.truncate(self.path, self.path.stat().st_size - 4096)
        self.assertIn("damaged", self.refused_untouched())

    async def test_one_without_its_totals(self) -> None:
        await (await self.filled()).close()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("DELETE FROM state")
            connection.commit()
        self.assertIn("totals are missing", self.refused_untouched())

    async def test_one_without_its_tables(self) -> None:
        await (await self.filled()).close()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("DROP TABLE state")
        self.assertIn("no such table", self.refused_untouched())

    async def test_damage_found_later_is_told_by_whoever_meets_it(self) -> None:
        storage = await self.opened()
        await gatherResults([storage.put(stored(n, bytes(1000)), 0.0) for n in range(64)])
        await storage.close()
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.seek(12 * 4096)
            file.write(b"\xa5" * (size - 12 * 4096))
        storage = await self.opened()
        error = await self.assertFailure(storage.page(None, 64), StorageError)
        self.assertIn("restore it from a backup", str(error))


class Migrations(Case):
    """An older layout is what the present one is to a newer program."""

    newer = LAYOUT._replace(
        versions=(*LAYOUT.versions, ("ALTER TABLE records ADD COLUMN colour TEXT",))
    )

    async def test_an_older_layout_is_brought_up_after_a_backup(self) -> None:
        await (await self.filled()).close()
        (self.directory / f"{self.path.name}.backup-v0").touch()
        self.patch(sqlite, "LAYOUT", self.newer)
        storage = await self.opened()
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4])
        await storage.put(stored(7), 0.0)
        await storage.close()
        self.assertEqual(self.names(), ["", ".backup-v1", ".lock"])
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (2,))
            connection.execute("SELECT colour FROM records")
        self.patch(sqlite, "LAYOUT", LAYOUT)
        backup = Path(f"{self.path}.backup-v1")
        self.assertEqual(stat.S_IMODE(backup.stat().st_mode), 0o600)
        self.assertEqual(await self.keys(await self.opened(backup)), [0, 1, 2, 3, 4])

    async def test_one_that_fails_changes_nothing(self) -> None:
        await (await self.filled()).close()
        steps = (*self.newer.versions[-1], "DROP TABLE nothing")
        broken = LAYOUT._replace(versions=(*LAYOUT.versions, steps))
        self.patch(sqlite, "LAYOUT", broken)
        self.refusal()
        self.patch(sqlite, "LAYOUT", LAYOUT)
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])

    async def test_without_room_for_the_backup_nothing_is_changed(self) -> None:
        await (await self.filled()).close()
        self.patch(sqlite, "LAYOUT", self.newer)
        with mock.patch.object(Path, "replace", side_effect=OSError(28, "No space left")):
            self.refusal(StorageFull)
        self.patch(sqlite, "LAYOUT", LAYOUT)
        self.assertEqual(self.names(), ["", ".lock"])
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])


class Crashes(Case):
    """The files as they are at some moment are what a crash leaves."""

    async def opened_after_crash(self) -> SQLiteStorage:
        crashed = self.directory / f"crash-{len(self.names())}"
        for suffix in ("", "-wal"):
            if os.path.exists(f"{self.path}{suffix}"):
                shutil.copy(f"{self.path}{suffix}", f"{crashed}{suffix}")
        return await self.opened(crashed)

    async def test_what_was_acknowledged_is_there(self) -> None:
        storage = await self.opened()
        for n in range(12):
            await storage.put(stored(n % 5, b"%d" % n, expires=100.0 + n), 0.0)
            if n % 4 == 3:
                await storage.remove(StorageKey(1, NodeID(n % 5)))
            again = await self.opened_after_crash()
            found, expected = [await each.page(None, 100) for each in (again, storage)]
            self.assertEqual([each[:2] for each in found], [each[:2] for each in expected])
            self.assertEqual(await again.usage(), await storage.usage())
            await again.close()

    async def test_the_time_line_goes_on_from_the_last_commit(self) -> None:
        storage = await self.opened()
        self.clocks.advance(1000.0)
        now = self.clocks.now()
        await storage.put(stored(1, expires=now + 60.0), now)
        self.clocks = self.clocks.of_next_process(20.0)
        again = await self.opened_after_crash()
        (record,) = await again.page(None, 5)
        self.assertAlmostEqual(record.expires - self.clocks.now(), 40.0, 3)

    async def test_a_crash_while_it_is_made(self) -> None:
        Path(f"{self.path}.new").write_bytes(b"half of it")
        self.assertEqual(await self.keys(await self.opened()), [])
        self.assertFalse(os.path.exists(f"{self.path}.new"))


class Writes(Case):
    """Batches: what several operations that meet in one commit do to each other."""

    async def together(self, storage: SQLiteStorage, *asked: Any) -> list[Any]:
        """The outcome of each operation; all of them are one batch."""
        gate = threading.Event()
        commits = storage._commits
        assert commits is not None
        held = commits.exclusively(lambda: gate.wait(PATIENCE))
        outcomes: list[Deferred[Any]] = [each() for each in asked]
        gate.set()
        await held
        return [await each.addErrback(lambda failure: failure.value) for each in outcomes]

    async def test_one_that_finds_no_room_fails_alone(self) -> None:
        storage = await self.opened(records=3)
        results = await self.together(
            storage, *(lambda n=n: storage.put(stored(n), 0.0) for n in range(5))
        )
        self.assertEqual(results[:3], [None] * 3)
        self.assertEqual([type(each) for each in results[3:]], [StorageFull] * 2)
        self.assertEqual(await self.keys(storage), [0, 1, 2])
        self.assertEqual(await storage.usage(), StorageUsage(3, 12))

    async def test_what_can_never_fit_drives_nothing_out(self) -> None:
        storage = await self.opened(size=20)
        await storage.put(stored(1, bytes(10), expires=5.0), 0.0)
        results = await self.together(
            storage,
            lambda: storage.put(stored(2, bytes(21)), 50.0),
            lambda: storage.put(stored(3, bytes(10)), 50.0),
        )
        self.assertEqual([type(each) for each in results], [StorageFull, type(None)])
        self.assertEqual(await self.keys(storage), [1, 3])

    async def test_the_order_is_kept(self) -> None:
        storage = await self.opened()
        where = StorageKey(1, NodeID(1))
        results = await self.together(
            storage,
            lambda: storage.put(stored(1, b"first", expires=10.0), 0.0),
            lambda: storage.put(stored(1, b"second", expires=10.0), 0.0),
            lambda: storage.remove(where),
            lambda: storage.remove(where),
            lambda: storage.put(stored(1, b"third", expires=10.0), 0.0),
            lambda: storage.expire(20.0, 5),
            lambda: storage.put(stored(1, b"fourth"), 20.0),
        )
        self.assertEqual(results, [None, None, True, False, None, 1, None])
        self.assertEqual([each.data for each in await storage.page(None, 9)], [b"fourth"])
        self.assertEqual(await storage.usage(), StorageUsage(1, 6))

    async def test_batches_of_every_size(self) -> None:
        storage, oracle = await self.opened(), dict[StorageKey, StoredRecord]()
        for size in (1, 2, 8, 9, 64, 65, 130):
            records = [stored(n * size % 131, bytes(n % 7), sub=b"s") for n in range(size)]
            oracle.update((each.where, each) for each in records)
            await self.together(storage, *(lambda r=r: storage.put(r, 0.0) for r in records))
            found = await storage.page(None, 500)
            expected = [oracle[where] for where in sorted(oracle)]
            self.assertEqual([each[:2] for each in found], [each[:2] for each in expected])
            held = sum(len(each.data) for each in expected)
            self.assertEqual(await storage.usage(), StorageUsage(len(expected), held))

    async def test_nothing_to_expire_writes_nothing(self) -> None:
        storage = await self.filled()
        before = os.path.getsize(f"{self.path}-wal")
        self.assertEqual(await storage.expire(5.0, 10), 0)
        self.assertEqual(os.path.getsize(f"{self.path}-wal"), before)


class Trouble(Case):
    """Disks that are full or fail while the storage runs."""

    def on_disk_full(self, storage: SQLiteStorage) -> None:
        """As if the disk had no room for a single page more."""
        assert storage._writer is not None
        (pages,) = storage._writer.execute("PRAGMA page_count").fetchone()
        storage._writer.execute(f"PRAGMA max_page_count = {pages}")

    async def test_a_full_disk_refuses_writes_and_reads_go_on(self) -> None:
        storage = await self.filled()
        self.on_disk_full(storage)
        puts = [storage.put(stored(n, bytes(5000)), 0.0) for n in (7, 8)]
        for each in puts:
            error = await self.assertFailure(each, StorageFull)
            self.assertIn("no room left on the disk", str(error))
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4])
        self.assertEqual(await storage.usage(), StorageUsage(5, 5))
        await storage.put(stored(0, b"same"), 0.0)
        assert storage._writer is not None
        storage._writer.execute("PRAGMA max_page_count = 100000")
        await storage.put(stored(7, bytes(5000)), 0.0)
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4, 7])

    async def test_after_an_error_the_database_is_opened_anew(self) -> None:
        storage = await self.filled()
        assert storage._writer is not None
        storage._writer.close()
        error = await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        self.assertIn(str(self.path), str(error))
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4])
        await storage.put(stored(8), 0.0)
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4, 8])
        self.assertEqual((await storage.usage()).records, 6)

    async def test_a_database_that_is_gone_is_not_made_again(self) -> None:
        storage = await self.filled()
        assert storage._writer is not None
        storage._writer.close()
        self.path.rename(self.directory / "elsewhere")
        await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        self.assertFalse(self.path.exists())

    async def test_a_reader_that_fails_is_opened_anew(self) -> None:
        storage = await self.filled()
        assert storage._reader is not None
        storage._reader.close()
        error = self.failureResultOf(storage.get(1, NodeID(1), 0.0), StorageError).value
        self.assertIn(str(self.path), str(error))
        with mock.patch.object(sqlite, "open_reader", side_effect=StorageError("no")):
            self.failureResultOf(storage.get(1, NodeID(1), 0.0), StorageError)
        self.assertEqual(len(await storage.get(1, NodeID(1), 0.0)), 1)

    async def test_a_close_that_cannot_write_still_ends(self) -> None:
        storage = await self.filled()
        assert storage._writer is not None
        storage._writer.execute("PRAGMA query_only = ON")
        await storage.close()
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])

    async def test_a_close_without_a_connection(self) -> None:
        storage = await self.filled()
        assert storage._writer is not None
        storage._writer.close()
        await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        await storage.close()
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])


class Sentences(SynchronousTestCase):
    """What SQLite's codes become."""

    def test_a_reader_of_what_is_not_there(self) -> None:
        path = Path(self.mktemp()).absolute()
        error = self.assertRaises(StorageError, sqlite_file.open_reader, path, LAYOUT)
        self.assertIn(str(path), str(error))

    def test_a_reader_of_what_is_no_database(self) -> None:
        path = Path(self.mktemp()).absolute()
        path.write_bytes(b"Dear diary, " * 1000)
        error = self.assertRaises(StorageError, sqlite_file.open_reader, path, LAYOUT)
        self.assertIn("damaged", str(error))

    def said(self, code: int) -> StorageError:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        return sqlite_file.explained(error, Path(self.mktemp()), LAYOUT)

    def test_an_error_of_the_disk(self) -> None:
        error = self.said(sqlite3.SQLITE_IOERR_WRITE)
        self.assertNotIsInstance(error, StorageFull)
        self.assertIn("disk i/o error", str(error).lower())

    def test_a_quota_that_is_used_up(self) -> None:
        with mock.patch.object(Path, "write_bytes", side_effect=OSError(122, "Quota")):
            self.assertIsInstance(self.said(sqlite3.SQLITE_IOERR_WRITE), StorageFull)
        with mock.patch.object(Path, "write_bytes", side_effect=OSError(5, "I/O error")):
            self.assertNotIsInstance(self.said(sqlite3.SQLITE_IOERR_WRITE), StorageFull)

    def test_another_program(self) -> None:
        self.assertIn("another program", str(self.said(sqlite3.SQLITE_BUSY)))
