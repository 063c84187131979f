"""The storage in an LMDB file: the contracts, and what can be wrong with a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import lmdb
from lmdb.verify import VerifyError
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from kadtwisted.errors import DiskFull, StorageError, UnsupportedVersion
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage
from kadtwisted.storage.guard import UnsafeFile
from kadtwisted.storage.lmdb import file as lmdb_file
from kadtwisted.storage.lmdb.backend import LMDBStorage
from kadtwisted.storage.lmdb.records import EXPIRES, FORMAT_KEY, MOMENTS, encode_where
from kadtwisted.testing.contracts.durable_storage import Clocks, DurableStorageContract
from kadtwisted.testing.contracts.storage import BoundedStorageContract, stored
from tests.storage.lmdb.harness import PAGE, LMDBCase, context, full_disk
from tests.storage.outcomes import error_of


class TestLMDBStorageContract(DurableStorageContract, BoundedStorageContract, TestCase):
    def make_storage_in(self, directory: str, clocks: Clocks) -> IStorage:
        return LMDBStorage(os.path.join(directory, "records.lmdb"), context(clocks))

    def make_bounded_storage(self, records: int) -> IStorage:
        return LMDBStorage(self.mktemp(), context(Clocks(), records))


class TestLMDBStorageContractByBytes(BoundedStorageContract, TestCase):
    """The same, where the bytes are what runs out."""

    def make_storage(self) -> IStorage:
        return LMDBStorage(self.mktemp(), context(Clocks()))

    def make_bounded_storage(self, records: int) -> IStorage:
        return LMDBStorage(self.mktemp(), context(Clocks(), 1_000, 100 * records))


class TestOpening(LMDBCase):
    async def test_only_the_owner_may_look(self) -> None:
        await self.opened()
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)
        files = sorted(each.name for each in self.directory.iterdir())
        self.assertEqual(files, ["records.lmdb", "records.lmdb-lock", "records.lmdb.lock"])
        for file in self.directory.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)

    async def test_left_overs_of_a_crash_while_it_was_made(self) -> None:
        self.directory.mkdir()
        Path(f"{self.path}.new").write_bytes(b"half a file")
        storage = await self.opened()
        self.assertEqual(await storage.usage(), StorageUsage(0, 0))
        self.assertFalse(Path(f"{self.path}.new").exists())

    async def test_no_room_to_make_it(self) -> None:
        self.directory.mkdir()
        with full_disk():
            await error_of(DiskFull, self.make().open())
        self.assertEqual([each.name for each in self.directory.iterdir()], ["records.lmdb.lock"])

    async def test_directory_in_the_place_of_the_file(self) -> None:
        self.path.mkdir(parents=True)
        sentence = await error_of(StorageError, self.make().open())
        self.assertIn("is a directory", sentence.lower())

    async def test_what_is_no_file_is_an_error_and_no_wait(self) -> None:
        self.directory.mkdir()
        for name in ("records.lmdb", "records.lmdb-lock", "records.lmdb.lock"):
            place = self.directory / name
            place.unlink(missing_ok=True)
            os.mkfifo(place)
            sentence = await error_of(StorageError, self.make().open())
            self.assertIn("it is a named pipe, not a file", sentence)
            place.unlink()

    async def test_one_that_other_users_can_change(self) -> None:
        storage = await self.opened()
        await storage.close()
        for place in (self.path, self.directory / "records.lmdb-lock"):
            place.chmod(0o606)
            sentence = await error_of(UnsafeFile, self.make().open())
            self.assertIn(f"{place} can be changed by other users; run: chmod 600", sentence)
            place.chmod(0o600)

    async def test_what_was_left_unwritten_in_a_whole_file(self) -> None:
        """Pages given up in the transaction that took them are never written: no damage."""
        storage = await self.opened(self.make(max_bytes=10_000_000))
        records = [stored(n, bytes(3000), expires=9.0 - n / 100) for n in range(400)]
        puts = [storage.put(each, 0.0) for each in records]
        await gatherResults([*puts, storage.expire(9.0, 390)], consumeErrors=True)
        await storage.close()
        with lmdb.open(str(self.path), subdir=False) as environment:
            pages = environment.info()["last_pgno"] + 1
        self.assertLess(self.path.stat().st_size, pages * PAGE)
        again = await self.opened()
        self.assertEqual((await again.usage()).records, 10)


class TestForeignAndDamaged(LMDBCase):
    async def make_file(self, records: int = 3, size: int = 10) -> None:
        storage = await self.opened()
        doing = [storage.put(stored(n, bytes(size)), 0.0) for n in range(records)]
        await gatherResults(doing, consumeErrors=True)
        await storage.close()

    async def test_newer_version(self) -> None:
        await self.make_file()
        self.change(b"meta", FORMAT_KEY, b"kad-records-2")
        self.assertIn("newer version", await self.refused(UnsupportedVersion))

    async def test_file_of_another_program(self) -> None:
        self.directory.mkdir()
        self.change(b"accounts", b"x", b"y")
        self.assertIn("another program", await self.refused(StorageError))

    async def test_other_format(self) -> None:
        await self.make_file()
        self.change(b"meta", FORMAT_KEY, b"ledger")
        self.assertIn("another program", await self.refused(StorageError))

    async def test_no_lmdb_file(self) -> None:
        self.directory.mkdir()
        for data in (b"hello", bytes(2 * PAGE), b"SQLite format 3\x00" + bytes(PAGE)):
            self.path.write_bytes(data)
            self.assertIn("move it away", await self.refused(StorageError))

    async def test_empty_file(self) -> None:
        self.directory.mkdir()
        self.path.write_bytes(b"")
        self.assertIn("it is empty", await self.refused(StorageError))

    async def test_file_cut_off(self) -> None:
        """Looking behind the end of a mapped file kills a process: noticed before."""
        await self.make_file(200, 1000)
        whole = self.path.stat().st_size
        self.assertGreater(whole, 60 * PAGE)
        for length in (whole - 50 * PAGE, 10 * PAGE, 3 * PAGE, 2 * PAGE):
            os.truncate(self.path, length)
            self.assertIn("is damaged", await self.refused(StorageError))

    async def test_file_too_strange_to_look_through(self) -> None:
        await self.make_file(200, 1000)
        os.truncate(self.path, 10 * PAGE)

        def give_up(path: str, subdir: bool) -> list[str]:
            raise VerifyError("no such layout")

        self.patch(lmdb_file, "verify", give_up)
        self.assertIn("no such layout", await self.refused(StorageError))

    async def test_index_that_does_not_fit(self) -> None:
        await self.make_file()
        self.change(b"expiry", bytes(29), b"")
        self.assertIn("index", await self.refused(StorageError))

    async def test_counters_missing(self) -> None:
        await self.make_file()
        self.change(b"meta", b"size", b"short")
        self.assertIn("wrong length", await self.refused(StorageError))

    async def test_damaged_record(self) -> None:
        """Nothing tells before it is read: then the read fails, and only that."""
        await self.make_file()
        self.change(b"records", encode_where(StorageKey(1, NodeID(1))), b"x")
        storage = await self.opened()
        self.assertIn("wrong length", await error_of(StorageError, storage.page(None, 9)))
        self.assertEqual(len(await storage.get(1, NodeID(2), 0.0)), 1)

    async def test_record_whose_key_is_cut_off(self) -> None:
        await self.make_file()
        value = MOMENTS.pack(1, 1) + b"data"
        self.change(b"records", b"\x01\x00", value)
        self.change(b"expiry", value[EXPIRES] + b"\x01\x00", b"")
        storage = await self.opened()
        self.assertIn("wrong length", await error_of(StorageError, storage.page(None, 9)))
        self.assertEqual(len(await storage.get(1, NodeID(2), 0.0)), 1)

    async def test_damaged_pages(self) -> None:
        """Pages of zeros, as a file system leaves them after a crash: no crash of ours."""
        await self.make_file(200, 1000)
        with self.path.open("r+b") as file:
            file.seek(2 * PAGE)
            file.write(bytes(self.path.stat().st_size - 2 * PAGE))
        self.assertIn("is damaged", await self.refused(StorageError))
