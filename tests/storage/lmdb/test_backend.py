"""The storage in an LMDB file: the contracts, and what can be wrong with a file."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import stat
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
from hypothesis import given, settings
from hypothesis import strategies as st
from lmdb.verify import VerifyError
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase

from kadtwisted.errors import (
    ConfigurationError,
    StorageBusy,
    StorageError,
    StorageFull,
    UnsupportedVersion,
)
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage
from kadtwisted.plugins.builtin import lmdb as plugin
from kadtwisted.storage.file_lock import StorageInUse
from kadtwisted.storage.group_commit import WAITING
from kadtwisted.storage.lmdb import file as lmdb_file
from kadtwisted.storage.lmdb.backend import LMDBStorage
from kadtwisted.storage.lmdb.batch import (
    FORMAT_KEY,
    MAX_SUB,
    Bounds,
    decode_where,
    encode_moment,
    encode_where,
)
from kadtwisted.storage.lmdb.file import explained, most_map
from kadtwisted.storage.timeline import Anchor, Timeline
from kadtwisted.testing.contracts.storage import (
    BoundedStorageContract,
    Clocks,
    DurableStorageContract,
    stored,
)

PAGE = 4096
SMALL_MAP = 64 * 1024


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

    async def fails(self, kind: type[StorageError], awaitable: Awaitable[object]) -> str:
        """The sentence that it fails with."""
        try:
            await awaitable
        except StorageError as error:
            self.assertIs(type(error), kind, error)
            return str(error)
        raise AssertionError(f"no {kind.__name__}")

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
        sentence = await self.fails(kind, self.make().open())
        self.assertEqual(await self.fails(kind, self.make().open()), sentence)
        self.assertEqual(self.path.read_bytes(), before)
        self.assertIn(str(self.path), sentence)
        return sentence


class TestOpening(LMDBCase):
    async def test_nothing_is_made_before_open(self) -> None:
        self.make()
        self.assertFalse(self.directory.exists())

    async def test_open_is_done_when_it_returns(self) -> None:
        storage = self.make()
        self.successResultOf(storage.open())
        self.successResultOf(storage.usage())
        await storage.close()

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
            await self.fails(StorageFull, self.make().open())
        self.assertEqual([each.name for each in self.directory.iterdir()], ["records.lmdb.lock"])

    async def test_second_opener(self) -> None:
        first = await self.opened()
        sentence = await self.fails(StorageInUse, self.make().open())
        self.assertIn("in use by another node", sentence)
        await first.put(stored(5), 0.0)
        await first.close()
        second = await self.opened()
        self.assertEqual((await second.usage()).records, 1)

    async def test_bounds_must_be_positive(self) -> None:
        for limits in ((0, 1), (1, 0)):
            self.assertRaises(ConfigurationError, self.make, *limits)

    async def test_directory_that_cannot_be_made(self) -> None:
        self.directory.parent.joinpath(self.directory.name).write_bytes(b"a file in the way")
        sentence = await self.fails(StorageError, self.make().open())
        self.assertIn("not a directory", sentence)

    async def test_directory_in_the_place_of_the_file(self) -> None:
        self.path.mkdir(parents=True)
        sentence = await self.fails(StorageError, self.make().open())
        self.assertIn("is a directory", sentence.lower())

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


class TestClosed(LMDBCase):
    def test_a_start_that_goes_no_further_needs_no_reactor(self) -> None:
        path = self.mktemp()
        for _ in range(2):
            storage = LMDBStorage(path, context(Clocks())._replace(reactor=None))
            self.successResultOf(storage.open())
            self.successResultOf(storage.close())

    async def test_reads_and_writes(self) -> None:
        never_opened, closed = self.make(), await self.opened()
        await closed.close()
        for storage in (never_opened, closed):
            doing: list[Deferred[object]] = [
                storage.get(1, NodeID(5), 0.0),
                storage.page(None, 1),
                storage.usage(),
                storage.put(stored(5), 0.0),
                storage.remove(StorageKey(1, NodeID(5))),
                storage.expire(0.0, 1),
            ]
            for each in doing:
                self.assertIn("is not open", str(self.failureResultOf(each, StorageError).value))

    async def test_closing_twice_at_the_same_time(self) -> None:
        storage = await self.opened()
        writing = storage.put(stored(5), 0.0)
        first, second = storage.close(), storage.close()
        late = storage.put(stored(6), 0.0)
        self.assertIn("closed", await self.fails(StorageError, late))
        await second  # has waited for the first one's work
        self.successResultOf(writing)
        again = await self.opened()
        self.assertEqual((await again.usage()).records, 1)
        await first

    async def test_close_with_a_full_queue(self) -> None:
        storage = await self.opened(self.make(max_records=5000))
        puts = [storage.put(stored(n, b""), 0.0) for n in range(WAITING + 2)]
        await self.fails(StorageBusy, puts.pop())
        await storage.close()
        await gatherResults(puts, consumeErrors=True)
        again = await self.opened(self.make(max_records=5000))
        self.assertEqual((await again.usage()).records, WAITING + 1)

    async def test_close_saves_the_moment(self) -> None:
        """The wall clock is set back between two processes: the line goes on where it was left."""
        clocks = Clocks()
        storage = await self.opened(LMDBStorage(self.path, context(clocks)))
        await storage.put(stored(5, expires=100.0), 0.0)
        clocks.advance(99.0)
        await storage.close()
        later = clocks.of_next_process(-1000.0)
        again = await self.opened(LMDBStorage(self.path, context(later)))
        (record,) = await again.get(1, NodeID(5), later.now())
        self.assertAlmostEqual(record.expires - later.now(), 1.0, places=3)


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
        self.assertIn("wrong length", await self.fails(StorageError, storage.page(None, 9)))
        self.assertEqual(len(await storage.get(1, NodeID(2), 0.0)), 1)

    async def test_damaged_pages(self) -> None:
        """Pages of zeros, as a file system leaves them after a crash: no crash of ours."""
        await self.make_file(200, 1000)
        with self.path.open("r+b") as file:
            file.seek(2 * PAGE)
            file.write(bytes(self.path.stat().st_size - 2 * PAGE))
        self.assertIn("is damaged", await self.refused(StorageError))


class TestWrites(LMDBCase):
    async def test_places_without_a_key(self) -> None:
        storage = await self.opened()
        longest = stored(5, sub=b"\xff" * MAX_SUB)
        await storage.put(longest, 0.0)
        self.assertEqual((await storage.page(None, 5))[0].where, longest.where)
        self.assertEqual(await storage.page(longest.where, 5), [])
        for record in (stored(5, sub=bytes(MAX_SUB + 1)), stored(5, kind=256)):
            self.assertIn("not 256", await self.fails(StorageError, storage.put(record, 0.0)))
            await self.fails(StorageError, storage.remove(record.where))
        await self.fails(StorageError, storage.get(256, NodeID(5), 0.0))

    async def test_who_finds_no_room_fails_alone(self) -> None:
        storage = await self.opened(self.make(max_bytes=100))
        await storage.put(stored(1, bytes(40)), 0.0)
        fits, too_large = storage.put(stored(2, bytes(40)), 0.0), stored(3, bytes(40))
        refused, removed = storage.put(too_large, 0.0), storage.remove(StorageKey(1, NodeID(1)))
        fits_then = storage.put(stored(4, bytes(60)), 0.0)
        self.assertIn("no room for 40", await self.fails(StorageFull, refused))
        await fits
        self.assertIs(await removed, True)
        await fits_then
        self.assertEqual(await storage.usage(), StorageUsage(2, 100))

    async def test_what_can_never_fit_drives_nothing_out(self) -> None:
        storage = await self.opened(self.make(max_bytes=100))
        await storage.put(stored(1, bytes(50), expires=5.0), 0.0)
        await self.fails(StorageFull, storage.put(stored(2, bytes(101)), 50.0))
        self.assertEqual(await storage.usage(), StorageUsage(1, 50))

    async def test_a_larger_replacement_needs_room(self) -> None:
        storage = await self.opened(self.make(max_bytes=20))
        await storage.put(stored(1, bytes(10)), 0.0)
        await storage.put(stored(2, bytes(10)), 0.0)
        await self.fails(StorageFull, storage.put(stored(2, bytes(11)), 0.0))
        await storage.put(stored(2, bytes(9)), 0.0)
        self.assertEqual(await storage.usage(), StorageUsage(2, 19))

    async def test_the_expired_record_itself_may_give_way(self) -> None:
        storage = await self.opened(self.make(max_bytes=20))
        await storage.put(stored(1, bytes(15), expires=5.0), 0.0)
        await storage.put(stored(1, bytes(20)), 9.0)
        self.assertEqual(await storage.usage(), StorageUsage(1, 20))

    async def test_smaller_bounds_after_a_restart(self) -> None:
        storage = await self.opened()
        for n in range(1, 9):
            await storage.put(stored(n, expires=10.0 * n), 0.0)
        await storage.close()
        storage = await self.opened(self.make(max_records=3))
        await self.fails(StorageFull, storage.put(stored(9), 35.0))
        await storage.put(stored(9), 65.0)
        self.assertEqual(await storage.usage(), StorageUsage(3, 3 * len(stored(1).data)))

    async def test_no_room_on_the_disk(self) -> None:
        storage = await self.opened()
        await storage.put(stored(1), 0.0)
        with full_disk():
            sentence = await self.fails(StorageFull, storage.put(stored(2), 0.0))
        self.assertIn("no room left on the disk", sentence)
        self.assertEqual((await storage.usage()).records, 1)
        await storage.put(stored(2), 0.0)
        await storage.close()
        self.assertEqual((await (await self.opened()).usage()).records, 2)


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
        self.assertIn("opens it again", await self.fails(StorageError, storage.usage()))
        self.assertIn("opens it again", await self.fails(StorageError, storage.put(stored(2), 0.0)))
        await storage.put(stored(3), 0.0)
        self.assertEqual([each.where.key for each in await storage.page(None, 9)], [1, 3])

    async def test_as_often_as_it_takes(self) -> None:
        storage = await self.opened()
        self.break_(storage)
        await self.fails(StorageError, storage.put(stored(1), 0.0))
        hidden = self.path.rename(f"{self.path}.hidden")
        for _ in range(2):
            sentence = await self.fails(StorageError, storage.put(stored(2), 0.0))
            self.assertIn("no such file", sentence)
            await self.fails(StorageError, storage.usage())
        hidden.rename(self.path)
        await storage.put(stored(3), 0.0)
        self.assertEqual((await storage.usage()).records, 1)

    async def test_close(self) -> None:
        storage = await self.opened()
        await storage.put(stored(1), 0.0)
        self.break_(storage)
        await self.fails(StorageError, storage.close())
        await self.opened()

    def break_(self, storage: LMDBStorage) -> None:
        assert storage._opened is not None
        file = storage._opened.file
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
        sentence = await self.fails(StorageFull, storage.put(stored(2, bytes(400_000)), 0.0))
        self.assertIn("mdb_copy", sentence)
        await storage.put(stored(3), 0.0)
        self.assertEqual((await storage.usage()).records, 2)

    async def test_the_limit_has_room_for_all_bounds(self) -> None:
        """Filled with the records that take the most room, and half of them replaced."""
        bounds = Bounds(300, 300 * 2100)
        spare = 2 * 1024 * 1024  # batches are of one record here
        storage = LMDBStorage(
            self.path,
            context(Clocks(), *bounds),
            first_map=SMALL_MAP,
            largest_map=most_map(bounds) - most_map(Bounds(0, 0)) + spare,
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
            failed(lmdb.DiskError, errno.ENOSPC): (StorageFull, "no room left"),
            failed(lmdb.Error, errno.EDQUOT): (StorageFull, "no room left"),
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
        self.assertIs(type(self.told(halfway)), StorageFull)

    def test_without_the_library(self) -> None:
        for name in [each for each in sys.modules if each.startswith("kadtwisted.storage.lmdb")]:
            self.patch_module(name, None, remove=True)
        self.patch_module("lmdb", None)
        error = self.assertRaises(
            ConfigurationError, plugin.make, "/nowhere/records.lmdb", context(Clocks())
        )
        self.assertIn("pip install 'kadtwisted[lmdb]'", str(error))

    def patch_module(self, name: str, module: object, remove: bool = False) -> None:
        """Change ``sys.modules`` until the test ends."""
        before = sys.modules[name]
        self.addCleanup(sys.modules.__setitem__, name, before)
        if remove:
            del sys.modules[name]
        else:
            sys.modules[name] = module  # type: ignore[assignment]


KEYS = st.builds(
    StorageKey,
    st.integers(0, 255),
    st.integers(0, 2**160 - 1).map(NodeID),
    st.binary(max_size=MAX_SUB),
)
MOMENTS = st.floats(-1e12, 1e12)


class TestLayout(SynchronousTestCase):
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(KEYS, KEYS)
    def test_order_of_places(self, one: StorageKey, other: StorageKey) -> None:
        self.assertEqual(encode_where(one) < encode_where(other), one < other)
        self.assertEqual(decode_where(encode_where(one)), one)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(MOMENTS, MOMENTS)
    def test_order_of_moments(self, one: float, other: float) -> None:
        timeline = Timeline(lambda: 5.0, lambda: 1e9)
        first, second = sorted((one, other))
        self.assertLessEqual(encode_moment(first, timeline), encode_moment(second, timeline))

    def test_moments_far_away(self) -> None:
        timeline = Timeline(lambda: 0.0, lambda: 0.0)
        timeline.resume(Anchor(0.0, 0.0))
        self.assertEqual(encode_moment(float("-inf"), timeline), bytes(8))
        self.assertEqual(encode_moment(float("inf"), timeline), b"\xff" * 8)
        self.assertEqual(encode_moment(1.5, timeline), (1_500_000).to_bytes(8, "big"))
