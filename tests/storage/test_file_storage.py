"""The life of a storage in a file: the same tests for each backend that keeps one."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from kadtwisted.errors import ConfigurationError, StorageBusy, StorageError, StorageFull
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage
from kadtwisted.storage.file_lock import FileLock, StorageInUse
from kadtwisted.storage.file_storage import FileStorage
from kadtwisted.storage.group_commit import WAITING
from kadtwisted.storage.guard import UnsafeFile
from kadtwisted.storage.lmdb.backend import LMDBStorage
from kadtwisted.storage.sqlite.backend import SQLiteStorage
from kadtwisted.testing.contracts.durable_storage import Clocks
from kadtwisted.testing.contracts.storage import stored
from tests.storage.outcomes import PATIENCE, error_of, together

if TYPE_CHECKING:
    Case = TestCase
else:
    Case = object


def context(clocks: Clocks, max_records: int = 500, max_bytes: int = 1_000_000) -> StorageContext:
    return StorageContext(reactor, clocks.now, clocks.unix_time, None, max_records, max_bytes)


class Harness(Case):
    """A path in a directory of its own that is there, and storages that are closed at the end."""

    timeout = PATIENCE
    maker: type[FileStorage]

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.path = self.directory / "records"

    def make(self, path: Path | None = None, clocks: Clocks | None = None, **bounds: int) -> Any:
        storage = self.maker(path or self.path, context(clocks or Clocks(), **bounds))
        self.addCleanup(storage.close)
        return storage

    async def opened(
        self, path: Path | None = None, clocks: Clocks | None = None, **bounds: int
    ) -> FileStorage:
        storage = self.make(path, clocks, **bounds)
        await storage.open()
        return storage

    async def filled(self, count: int = 5) -> FileStorage:
        storage = await self.opened()
        await gatherResults([storage.put(stored(n, b"%d" % n), 0.0) for n in range(count)])
        return storage

    async def keys(self, storage: FileStorage) -> list[int]:
        return [each.where.key for each in await storage.page(None, 1000)]

    def names(self) -> list[str]:
        return sorted(each.name for each in self.directory.iterdir())


class OpeningTests(Harness):
    def test_interface(self) -> None:
        self.assertTrue(verifyObject(IStorage, self.make()))

    def test_bounds_must_be_positive(self) -> None:
        for records, size in ((0, 1), (1, 0)):
            bounds = context(Clocks(), records, size)
            self.assertRaises(ConfigurationError, self.maker, self.path, bounds)

    def test_nothing_is_made_before_open(self) -> None:
        self.make()
        self.make(self.directory / "missing" / "records")
        self.assertEqual(self.names(), [])

    async def test_open_is_done_when_it_returns(self) -> None:
        storage = self.make()
        self.successResultOf(storage.open())
        self.successResultOf(storage.usage())
        await storage.close()

    def test_a_start_that_goes_no_further_needs_no_reactor(self) -> None:
        without = context(Clocks())._replace(reactor=None)
        for _ in range(2):
            storage = self.maker(self.path, without)
            self.successResultOf(storage.open())
            self.successResultOf(storage.close())

    async def test_missing_directories_are_made_for_its_user_alone(self) -> None:
        path = self.directory / "missing" / "too" / "records"
        storage = await self.opened(path)
        await storage.put(stored(1), 0.0)
        for made in (path.parent, path.parent.parent):
            self.assertEqual(stat.S_IMODE(made.stat().st_mode), 0o700, made)
        for file in path.parent.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)

    async def test_a_directory_that_is_there_keeps_its_mode(self) -> None:
        self.directory.chmod(0o750)
        await self.opened()
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o750)

    async def test_a_path_below_a_file(self) -> None:
        (self.directory / "file").touch()
        for path in ("file/records", "file/deeper/records"):
            told = await error_of(StorageError, self.make(self.directory / path).open())
            self.assertIn("not a directory", told)
            self.assertIn(str(self.directory / path), told)

    async def test_a_directory_that_everybody_can_change(self) -> None:
        elsewhere, link = self.directory / "elsewhere", self.directory / "link"
        elsewhere.mkdir()
        elsewhere.chmod(0o777)
        link.symlink_to(elsewhere / "file")
        (elsewhere / "file").touch(mode=0o600)
        for path in (elsewhere / "file", link):
            told = await error_of(UnsafeFile, self.make(path).open())
            self.assertIn(f"can be changed by all users; run: chmod o-w {elsewhere}", told)
        elsewhere.chmod(0o1777)  # as /tmp
        await self.opened(elsewhere / "another")

    async def test_a_file_system_without_locks(self) -> None:
        with mock.patch.object(FileLock, "take", side_effect=OSError(95, "No locks")):
            self.assertIn("no locks", await error_of(StorageError, self.make().open()))
        await self.opened()

    async def test_a_second_user_is_refused(self) -> None:
        first = await self.filled()
        told = await error_of(StorageInUse, self.make().open())
        self.assertIn(f"{self.path} is in use by another node", told)
        self.assertEqual(len(await self.keys(first)), 5)
        await first.close()
        self.assertEqual(len(await self.keys(await self.opened())), 5)

    async def test_another_name_of_the_file_is_no_way_in(self) -> None:
        """Neither a link to the file nor one to its directory is another storage."""
        first = await self.filled()
        link, below = self.directory / "link", self.directory / "below"
        link.symlink_to(self.path.name)
        below.symlink_to(self.directory)
        for other in (link, below / self.path.name, below / "link"):
            told = await error_of(StorageInUse, self.make(other).open())
            self.assertIn(str(other), told)
        await first.close()
        second = await self.opened(link)
        self.assertEqual(len(await self.keys(second)), 5)
        await error_of(StorageInUse, self.make().open())

    async def test_two_in_one_process(self) -> None:
        one, other = await self.opened(), await self.opened(self.directory / "other")
        await gatherResults([one.put(stored(1), 0.0), other.put(stored(2), 0.0)])
        self.assertEqual((await self.keys(one), await self.keys(other)), ([1], [2]))


class ClosingTests(Harness):
    async def test_reads_and_writes_of_what_is_not_open(self) -> None:
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

    async def test_what_was_never_opened_can_be_closed(self) -> None:
        self.successResultOf(self.make().close())
        self.assertEqual(self.names(), [])

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

    async def test_a_write_that_is_under_way_ends_first(self) -> None:
        storage = await self.opened()
        writing = storage.put(stored(5), 0.0)
        first, second = storage.close(), storage.close()
        late = storage.put(stored(6), 0.0)
        self.assertIn("closed", await error_of(StorageError, late))
        await second  # has waited for the first one's work
        self.successResultOf(writing)
        again = await self.opened()
        self.assertEqual((await again.usage()).records, 1)
        await first

    async def test_close_with_a_full_queue(self) -> None:
        storage = await self.opened(max_records=5000)
        puts = [storage.put(stored(n, b""), 0.0) for n in range(WAITING + 2)]
        await error_of(StorageBusy, puts.pop())
        await storage.close()
        await gatherResults(puts, consumeErrors=True)
        again = await self.opened(max_records=5000)
        self.assertEqual((await again.usage()).records, WAITING + 1)

    async def test_close_saves_the_moment(self) -> None:
        """The wall clock is set back between two processes: the line goes on where it was left."""
        clocks = Clocks()
        storage = await self.opened(clocks=clocks)
        await storage.put(stored(5, expires=100.0), 0.0)
        clocks.advance(99.0)
        await storage.close()
        later = clocks.of_next_process(-1000.0)
        again = await self.opened(clocks=later)
        (record,) = await again.get(1, NodeID(5), later.now())
        self.assertAlmostEqual(record.expires - later.now(), 1.0, places=3)

    async def test_a_close_that_cannot_save_still_ends(self) -> None:
        storage = await self.filled()
        told: list[str] = []

        def observe(event: Any) -> None:
            if event["log_namespace"] == "kadtwisted.storage":
                told.append(str(event["error"]))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        with mock.patch.object(storage._file, "finish", side_effect=StorageError("no such disk")):
            await storage.close()
        self.assertEqual(told, ["no such disk"])
        self.assertEqual(await self.keys(await self.opened()), [0, 1, 2, 3, 4])


class WritingTests(Harness):
    """What several writes that meet in one batch do to each other."""

    async def test_one_that_finds_no_room_fails_alone(self) -> None:
        storage = await self.opened(max_bytes=100)
        await storage.put(stored(1, bytes(40)), 0.0)
        results = await together(
            storage,
            lambda: storage.put(stored(2, bytes(40)), 0.0),
            lambda: storage.put(stored(3, bytes(40)), 0.0),
            lambda: storage.remove(StorageKey(1, NodeID(1))),
            lambda: storage.put(stored(4, bytes(60)), 0.0),
        )
        self.assertEqual([results[0], *results[2:]], [None, True, None])
        self.assertIs(type(results[1]), StorageFull)
        self.assertIn("no room for 40 bytes more beside 2 records of 80 bytes", str(results[1]))
        self.assertEqual(await storage.usage(), StorageUsage(2, 100))

    async def test_more_than_the_records_there_may_be(self) -> None:
        storage = await self.opened(max_records=3)
        results = await together(
            storage, *(lambda n=n: storage.put(stored(n), 0.0) for n in range(5))
        )
        self.assertEqual(results[:3], [None] * 3)
        self.assertEqual([type(each) for each in results[3:]], [StorageFull] * 2)
        self.assertEqual(await self.keys(storage), [0, 1, 2])
        self.assertEqual(await storage.usage(), StorageUsage(3, 12))

    async def test_what_can_never_fit_drives_nothing_out(self) -> None:
        storage = await self.opened(max_bytes=20)
        await storage.put(stored(1, bytes(10), expires=5.0), 0.0)
        results = await together(
            storage,
            lambda: storage.put(stored(2, bytes(21)), 50.0),
            lambda: storage.put(stored(3, bytes(10)), 50.0),
        )
        self.assertEqual([type(each) for each in results], [StorageFull, type(None)])
        self.assertEqual(await self.keys(storage), [1, 3])

    async def test_the_order_is_kept(self) -> None:
        storage = await self.opened()
        where = StorageKey(1, NodeID(1))
        results = await together(
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

    async def test_a_larger_replacement_needs_room(self) -> None:
        storage = await self.opened(max_bytes=20)
        await storage.put(stored(1, bytes(10)), 0.0)
        await storage.put(stored(2, bytes(10)), 0.0)
        await error_of(StorageFull, storage.put(stored(2, bytes(11)), 0.0))
        await storage.put(stored(2, bytes(9)), 0.0)
        self.assertEqual(await storage.usage(), StorageUsage(2, 19))

    async def test_the_expired_record_itself_may_give_way(self) -> None:
        storage = await self.opened(max_bytes=20)
        await storage.put(stored(1, bytes(15), expires=5.0), 0.0)
        await storage.put(stored(1, bytes(20)), 9.0)
        self.assertEqual(await storage.usage(), StorageUsage(1, 20))

    async def test_smaller_bounds_after_a_restart(self) -> None:
        storage = await self.opened()
        for n in range(1, 9):
            await storage.put(stored(n, expires=10.0 * n), 0.0)
        await storage.close()
        storage = await self.opened(max_records=3)
        await error_of(StorageFull, storage.put(stored(9), 35.0))
        await storage.put(stored(9), 65.0)
        self.assertEqual(await storage.usage(), StorageUsage(3, 3 * len(stored(1).data)))


class SQLiteOpeningTests(OpeningTests, TestCase):
    maker = SQLiteStorage


class LMDBOpeningTests(OpeningTests, TestCase):
    maker = LMDBStorage


class SQLiteClosingTests(ClosingTests, TestCase):
    maker = SQLiteStorage


class LMDBClosingTests(ClosingTests, TestCase):
    maker = LMDBStorage


class SQLiteWritingTests(WritingTests, TestCase):
    maker = SQLiteStorage


class LMDBWritingTests(WritingTests, TestCase):
    maker = LMDBStorage
