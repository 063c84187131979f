"""Records in SQLite: every contract, crashes, and what goes wrong with files and disks."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from unittest import mock

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from kadtwisted.errors import StorageError, StorageFull, UnsupportedVersion
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage
from kadtwisted.storage.sqlite import backend as sqlite
from kadtwisted.storage.sqlite import file as sqlite_file
from kadtwisted.storage.sqlite.backend import SQLiteStorage
from kadtwisted.storage.sqlite.records import SCHEMA
from kadtwisted.testing.contracts.durable_storage import Clocks, DurableStorageContract
from kadtwisted.testing.contracts.storage import BoundedStorageContract, stored
from tests.storage.outcomes import PATIENCE
from tests.storage.sqlite.harness import SQLiteCase, context


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


class Opening(SQLiteCase):
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

    def test_a_file_that_must_not_be_written(self) -> None:
        self.successResultOf(self.make().open())
        self.path = self.directory / "other"
        with closing(sqlite_file.open_database(self.path, SCHEMA)):
            pass
        with mock.patch.object(os, "access", return_value=False):
            self.assertIn("permission denied", self.refusal())

    async def test_a_refused_reader_leaves_nothing_open(self) -> None:
        with mock.patch.object(sqlite, "open_reader", side_effect=StorageError(f"{self.path}")):
            self.refusal()
        await self.opened()


class ForeignFiles(SQLiteCase):
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
            connection.execute(f"PRAGMA user_version = {len(SCHEMA.versions) + 1}")
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

    async def test_damage_found_later_fails_the_read_that_meets_it(self) -> None:
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


class Migrations(SQLiteCase):
    """An older layout is what the present one is to a newer program."""

    newer = SCHEMA._replace(
        versions=(*SCHEMA.versions, ("ALTER TABLE records ADD COLUMN colour TEXT",))
    )

    async def test_an_older_layout_is_brought_up_after_a_backup(self) -> None:
        await (await self.filled()).close()
        (self.directory / f"{self.path.name}.backup-v0").touch()
        self.patch(sqlite, "SCHEMA", self.newer)
        storage = await self.opened()
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4])
        await storage.put(stored(7), 0.0)
        await storage.close()
        self.assertEqual(self.names(), ["", ".backup-v1", ".lock"])
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (2,))
            connection.execute("SELECT colour FROM records")
        self.patch(sqlite, "SCHEMA", SCHEMA)
        backup = Path(f"{self.path}.backup-v1")
        self.assertEqual(stat.S_IMODE(backup.stat().st_mode), 0o600)
        self.assertEqual(await self.keys(await self.opened(backup)), [0, 1, 2, 3, 4])

    async def test_one_that_fails_changes_nothing(self) -> None:
        await (await self.filled()).close()
        steps = (*self.newer.versions[-1], "DROP TABLE nothing")
        broken = SCHEMA._replace(versions=(*SCHEMA.versions, steps))
        self.patch(sqlite, "SCHEMA", broken)
        self.refusal()
        self.patch(sqlite, "SCHEMA", SCHEMA)
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])

    async def test_without_room_for_the_backup_nothing_is_changed(self) -> None:
        await (await self.filled()).close()
        self.patch(sqlite, "SCHEMA", self.newer)
        with mock.patch.object(Path, "replace", side_effect=OSError(28, "No space left")):
            self.refusal(StorageFull)
        self.patch(sqlite, "SCHEMA", SCHEMA)
        self.assertEqual(self.names(), ["", ".lock"])
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])


class Crashes(SQLiteCase):
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


class Trouble(SQLiteCase):
    """Disks that are full or fail while the storage runs."""

    def on_disk_full(self, storage: SQLiteStorage) -> None:
        """As if the disk had no room for a single page more."""
        (pages,) = self.writer(storage).execute("PRAGMA page_count").fetchone()
        self.writer(storage).execute(f"PRAGMA max_page_count = {pages}")

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
        self.writer(storage).execute("PRAGMA max_page_count = 100000")
        await storage.put(stored(7, bytes(5000)), 0.0)
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4, 7])

    async def test_after_an_error_the_database_is_opened_anew(self) -> None:
        storage = await self.filled()
        self.writer(storage).close()
        error = await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        self.assertIn(str(self.path), str(error))
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4])
        await storage.put(stored(8), 0.0)
        self.assertEqual(await self.keys(storage), [0, 1, 2, 3, 4, 8])
        self.assertEqual((await storage.usage()).records, 6)

    async def test_a_database_that_is_gone_is_not_made_again(self) -> None:
        storage = await self.filled()
        self.writer(storage).close()
        self.path.rename(self.directory / "elsewhere")
        await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        self.assertFalse(self.path.exists())

    async def test_a_reader_that_fails_is_opened_anew(self) -> None:
        storage = await self.filled()
        storage._file._reader.close()
        error = self.failureResultOf(storage.get(1, NodeID(1), 0.0), StorageError).value
        self.assertIn(str(self.path), str(error))
        with mock.patch.object(sqlite, "open_reader", side_effect=StorageError("no")):
            self.failureResultOf(storage.get(1, NodeID(1), 0.0), StorageError)
        self.assertEqual(len(await storage.get(1, NodeID(1), 0.0)), 1)

    async def test_a_close_that_cannot_write_still_ends(self) -> None:
        storage = await self.filled()
        self.writer(storage).execute("PRAGMA query_only = ON")
        await storage.close()
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])

    async def test_a_close_without_a_connection(self) -> None:
        storage = await self.filled()
        self.writer(storage).close()
        await self.assertFailure(storage.put(stored(7), 0.0), StorageError)
        await storage.close()
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])
