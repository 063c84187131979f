"""No older record comes back where a newer one stood, for as long as the older one would live."""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import TestCase

from kadtwisted.errors import StorageError, Superseded
from kadtwisted.interfaces import StorageContext
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import ErrorCode, FindValue, Have, HaveEntry
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.records.floor import FLOOR_KIND, FLOORS_END, floor_place
from kadtwisted.records.value import encode, floor, tombstone_of
from kadtwisted.records.version import version_of
from kadtwisted.storage.lmdb.backend import LMDBStorage
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.storage.sqlite.backend import SQLiteStorage
from tests.node.contexts import make_context
from tests.node.serving.cases import KEY, UNIX_NOW, StoreCase, record
from tests.node.serving.test_handlers import HandlersCase
from tests.node.storages import LateStorage
from tests.records.toys import Notary, Note, with_toys, write

HOUR = 3600.0
PLACE = StorageKey(Kind.VALUE, KEY)
OLD, NEW, NEWEST = record(b"old", 0), record(b"new", 1), record(b"newest", 2)
GONE = encode(tombstone_of(KEY, int(UNIX_NOW * 1e6) + 1))


class FloorCase(StoreCase):
    def store(self, data: bytes, remaining: float) -> int:
        return self.successResultOf(self.records.store(data, remaining))

    def refused(self, data: bytes, remaining: float = 24 * HOUR) -> None:
        self.failureResultOf(self.records.store(data, remaining), Superseded)

    def floors(self) -> list[StoredRecord]:
        """The floors in the storage."""
        page = self.successResultOf(self.storage.page(None, 100))
        return [each for each in page if each.where.kind == FLOOR_KIND]


class ComingBackTests(FloorCase):
    def test_an_older_record_stays_out_until_it_would_have_expired(self) -> None:
        self.store(OLD, 24 * HOUR)
        self.store(NEW, 1)
        self.time += 1
        self.assertEqual(self.held(), [])
        self.refused(OLD)
        self.time = 500.0 + 24 * HOUR - 0.5
        self.refused(OLD)
        self.time += 0.5
        self.assertEqual(self.store(OLD, 5), 5)

    def test_a_deleted_value_stays_deleted(self) -> None:
        self.store(OLD, 24 * HOUR)
        self.store(GONE, 1)
        self.time += HOUR
        self.refused(OLD)
        self.assertEqual(self.held(), [])

    def test_a_newer_record_is_taken_at_once(self) -> None:
        self.store(OLD, 24 * HOUR)
        self.store(NEW, 1)
        self.time += 1
        self.assertEqual(self.store(NEWEST, 60), 60)
        self.time += 60
        for older in (OLD, NEW):
            self.refused(older)
        self.assertEqual(self.store(NEWEST, 60), 60)

    def test_the_same_record_may_be_stored_again(self) -> None:
        self.store(OLD, 24 * HOUR)
        self.store(NEW, 1)
        self.time += 10
        self.assertEqual(self.store(NEW, 100), 100)
        self.assertEqual(self.held(), [NEW])
        self.assertEqual(self.store(NEW, 30 * HOUR), 30 * HOUR)

    def test_a_floor_lasts_as_long_as_the_last_that_it_keeps_out(self) -> None:
        self.store(OLD, 10 * HOUR)
        self.store(NEW, 20)
        self.store(NEWEST, 10)
        self.time += 9 * HOUR
        for older in (OLD, NEW):
            self.refused(older)
        self.assertEqual([each.data for each in self.floors()], [floor(NEWEST)])
        self.time += HOUR
        self.assertEqual(self.store(OLD, 5), 5)

    def test_a_record_that_lives_longer_needs_no_floor(self) -> None:
        self.store(OLD, HOUR)
        self.store(NEW, HOUR)
        self.assertEqual(self.floors(), [])

    def test_floors_expire_and_are_forgotten(self) -> None:
        self.store(OLD, HOUR)
        self.store(NEW, 1)
        self.time += HOUR
        self.assertEqual(self.successResultOf(self.records.expire(10)), 2)
        self.assertEqual(self.floors(), [])
        self.assertEqual(self.records._writer._floors, {})

    def test_a_write_that_took_the_place_of_one_that_waited_keeps_that_out(self) -> None:
        late = LateStorage()
        self.storage, self.records = late, self.make(late)
        storing = self.records.store(record(b"first", -1), 1)
        beaten = self.records.store(OLD, 24 * HOUR)
        last = self.records.store(NEW, 1)
        self.failureResultOf(beaten, Superseded)
        late.release_all()
        self.assertEqual([self.successResultOf(each) for each in (storing, last)], [1, 1])
        self.time += 10
        again = self.records.store(OLD, 24 * HOUR)
        late.release_all()
        self.failureResultOf(again, Superseded)

    def test_of_many_under_one_key_each_has_a_floor_of_its_own(self) -> None:
        context = make_context(self.world, kinds=with_toys(Notary()))
        self.records = RecordStore(context, self.storage)
        notes = {
            (author, number): write(Note(KEY, b"author %d" % author, number, b"text"))
            for author in (1, 2)
            for number in (1, 2)
        }
        for author in (1, 2):
            self.store(notes[author, 1], HOUR)
        self.store(notes[1, 2], 1)
        self.time += 1
        self.refused(notes[1, 1])
        self.assertEqual(self.store(notes[2, 1], HOUR), HOUR)
        self.assertEqual(self.store(notes[2, 2], 1), 1)


class DurabilityTests(FloorCase):
    def test_the_floor_is_written_before_the_record(self) -> None:
        self.store(OLD, HOUR)
        wrote: list[StorageKey] = []
        put = self.storage.put

        def note(stored: StoredRecord, now: float) -> Deferred[None]:
            wrote.append(stored.where)
            return put(stored, now)

        self.patch(self.storage, "put", note)
        self.store(NEW, 1)
        self.assertEqual(wrote, [floor_place(PLACE), PLACE])

    def test_without_its_floor_a_record_is_not_stored(self) -> None:
        self.store(OLD, HOUR)
        self.patch(self.storage, "put", lambda *_: fail(StorageError("broken")))
        self.failureResultOf(self.records.store(NEW, 1), StorageError)
        self.assertEqual(self.held(), [OLD])

    def test_a_node_that_starts_again_knows_its_floors(self) -> None:
        self.storage = MemoryStorage(5000, 1_000_000)
        self.records = self.make(self.storage)
        for number in range(700):
            key = NodeID(number)
            self.store(record(b"old", 0, key), HOUR)
            self.store(record(b"new", 1, key), 1)
        self.records = self.make(self.storage)
        self.successResultOf(Deferred.fromCoroutine(self.records.recall()))
        self.time += 1
        for number in (0, 511, 512, 699):
            self.refused(record(b"old", 0, NodeID(number)))

    def test_a_storage_that_cannot_be_looked_through_is_told_and_used(self) -> None:
        context = make_context(self.world)
        told: list[str] = []
        self.patch(context.faults, "report", lambda kind, text: told.append(text))
        self.patch(self.storage, "page", lambda *_: fail(StorageError("broken")))
        self.records = RecordStore(context, self.storage)
        self.successResultOf(Deferred.fromCoroutine(self.records.recall()))
        self.assertEqual(told, ["the stored records cannot be looked through: broken"])
        self.assertEqual(self.store(OLD, 5), 5)


class HiddenTests(FloorCase):
    """Floors are the node's own business."""

    def setUp(self) -> None:
        super().setUp()
        self.store(OLD, HOUR)
        self.store(NEW, 1)
        self.assertEqual(len(self.floors()), 1)

    def test_pages_hold_none(self) -> None:
        for after in (None, StorageKey(0, NodeID(0)), FLOORS_END):
            page = self.successResultOf(self.records.page(after, 10))
            self.assertEqual([each.data for each in page], [NEW])

    def test_no_offer_finds_one(self) -> None:
        (left,) = self.floors()
        entry = HaveEntry(FLOOR_KIND, KEY, version_of(left.data))
        self.assertEqual(self.successResultOf(self.records.wanted(Have((entry,)))), b"\0")

    def test_the_end_of_floors_is_before_all_records(self) -> None:
        self.assertLess(FLOORS_END, StorageKey(1, NodeID(0)))
        highest = floor_place(StorageKey(255, NodeID(2**160 - 1), b"\xff" * 64))
        self.assertLess(highest, FLOORS_END)


class AskedTests(HandlersCase):
    def test_nobody_is_given_a_floor(self) -> None:
        storage = MemoryStorage(100, 100_000)
        place = floor_place(PLACE)
        self.successResultOf(storage.put(StoredRecord(place, floor(OLD), 1000.0, 0.0), 0.0))
        self.use(storage)
        answer = self.answer(FindValue(KEY, FLOOR_KIND))
        self.refused(answer, ErrorCode.UNKNOWN_KIND)


class RestartTests(TestCase):
    """With the storages that last, over a restart."""

    async def opened(self, backend: type[SQLiteStorage | LMDBStorage], path: Path) -> RecordStore:
        def clock() -> float:
            return self.time

        self.storage = backend(path, StorageContext(reactor, clock, clock, None, 500, 1_000_000))
        await self.storage.open()
        self.addCleanup(self.storage.close)
        self.cases = StoreCase()
        self.cases.setUp()
        self.cases.time = self.time
        records = self.cases.make(self.storage)
        await records.recall()
        return records

    async def keep(self, backend: type[SQLiteStorage | LMDBStorage]) -> None:
        self.time = 500.0
        path = Path(self.mktemp())
        records = await self.opened(backend, path)
        await records.store(OLD, 24 * HOUR)
        await records.store(NEW, 1)
        await self.storage.close()
        self.time += 23 * HOUR
        records = await self.opened(backend, path)
        with self.assertRaises(Superseded):
            await records.store(OLD, 24 * HOUR)
        self.assertEqual(await records.find(Kind.VALUE, KEY), [])
        self.assertEqual(await records.store(NEWEST, 60), 60)
        self.time = self.cases.time = self.time + HOUR
        self.assertEqual(await records.store(OLD, 60), 60)

    async def test_sqlite(self) -> None:
        await self.keep(SQLiteStorage)

    async def test_lmdb(self) -> None:
        await self.keep(LMDBStorage)
