"""The contract of `IStorage` as tests, for every backend, ours and others'.

Mix :class:`StorageContract` into a ``twisted.trial.unittest.TestCase`` and say how a storage is
made; a backend with a limit takes :class:`BoundedStorageContract` instead::

    class TestMyStorage(StorageContract, TestCase):
        def make_storage(self):
            return MyStorage(self.mktemp())

A backend that keeps its records over a restart takes :class:`DurableStorageContract`, alone or with
the bounded one.

The tests promise what the interface promises and nothing more: no speed, no error that the
interface does not name.  Every Deferred is awaited, so a backend may use threads.
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import gatherResults
from zope.interface.verify import verifyObject

from kadtwisted.errors import StorageFull
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _TestCase
else:
    _TestCase = object

MOMENT_TOLERANCE = 0.001
"""Moments may come back rounded this much (seconds): backends may keep them as other numbers."""

LARGEST_RECORD = 1151
"""Bytes of the largest record that a STORE can carry."""

WALL_CLOCK = 1_700_000_000.0
"""Where the wall clocks of the durable part begin (Unix seconds): any time of these years."""

HIGH = NodeID(2**160 - 1)
"""The last key there is: signed or text columns sort it wrongly."""


def stored(
    key: int,
    data: bytes = b"data",
    *,
    kind: int = 1,
    sub: bytes = b"",
    expires: float = 100.0,
    arrived: float = 0.0,
) -> StoredRecord:
    """A record to put."""
    return StoredRecord(StorageKey(kind, NodeID(key), sub), data, expires, arrived)


class StorageContract(_TestCase):
    """What every storage backend does."""

    def make_storage(self) -> IStorage:
        """A fresh and empty backend, not yet open, with room for 500 records of 2,000 bytes."""
        raise NotImplementedError("the test case says how a storage is made")

    async def opened(self) -> IStorage:
        """A backend ready for use, closed when the test ends."""
        return await self._opened(self.make_storage())

    async def _opened(self, storage: IStorage) -> IStorage:
        await storage.open()
        self.addCleanup(storage.close)
        return storage

    async def put_all(self, storage: IStorage, *records: StoredRecord, now: float = 0.0) -> None:
        """Put one record after another."""
        for record in records:
            await storage.put(record, now)

    def assert_same(self, found: Sequence[StoredRecord], expected: Sequence[StoredRecord]) -> None:
        """The same records in the same order; moments may be rounded."""
        self.assertEqual([each[:2] for each in found], [each[:2] for each in expected])
        for one, other in zip(found, expected, strict=True):
            self.assertLessEqual(abs(one.expires - other.expires), MOMENT_TOLERANCE)
            self.assertLessEqual(abs(one.arrived - other.arrived), MOMENT_TOLERANCE)

    async def test_interface(self) -> None:
        self.assertTrue(verifyObject(IStorage, self.make_storage()))

    async def test_close_is_idempotent(self) -> None:
        storage = self.make_storage()
        await storage.open()
        await storage.close()
        await storage.close()

    async def test_can_be_opened_again(self) -> None:
        """A stopped node can be started again, with the storage it was made with."""
        storage = self.make_storage()
        await storage.open()
        await storage.close()
        await self._opened(storage)
        await storage.put(stored(5), 0.0)
        self.assert_same(await storage.get(1, NodeID(5), 0.0), [stored(5)])

    async def test_empty(self) -> None:
        storage = await self.opened()
        self.assertEqual(list(await storage.get(1, NodeID(5), 0.0)), [])
        self.assertEqual(list(await storage.page(None, 10)), [])
        self.assertEqual(await storage.usage(), StorageUsage(0, 0))
        self.assertEqual(await storage.expire(1e6, 10), 0)
        self.assertIs(await storage.remove(StorageKey(1, NodeID(5))), False)

    async def test_put_and_get(self) -> None:
        storage = await self.opened()
        record = stored(HIGH, bytes(range(256)), sub=b"\x00\xff", expires=77.125, arrived=3.5)
        await storage.put(record, 3.5)
        self.assert_same(await storage.get(1, HIGH, 3.5), [record])
        self.assertEqual(await storage.usage(), StorageUsage(1, 256))

    async def test_data_of_any_length(self) -> None:
        storage = await self.opened()
        records = [stored(n, b"\x00" * n) for n in (0, 1, LARGEST_RECORD)]
        await self.put_all(storage, *records)
        for record in records:
            self.assert_same(await storage.get(1, record.where.key, 0.0), [record])

    async def test_put_replaces(self) -> None:
        storage = await self.opened()
        newer = stored(5, b"much longer", expires=50.0, arrived=2.0)
        await self.put_all(storage, stored(5, b"long"), newer, now=2.0)
        self.assert_same(await storage.get(1, NodeID(5), 2.0), [newer])
        self.assertEqual(await storage.usage(), StorageUsage(1, 11))
        await storage.put(stored(5, b""), 2.0)
        self.assertEqual(await storage.usage(), StorageUsage(1, 0))

    async def test_get_separates_kinds_and_keys(self) -> None:
        storage = await self.opened()
        wanted = stored(5, b"wanted", kind=2)
        others = [stored(5), stored(4, kind=2), stored(6, kind=2), stored(5, kind=3)]
        await self.put_all(storage, *others, wanted)
        self.assert_same(await storage.get(2, NodeID(5), 0.0), [wanted])

    async def test_get_is_ordered_by_sub(self) -> None:
        storage = await self.opened()
        subs = [b"", b"\x00", b"\x00\x00", b"\x01", b"\x7f\xff", b"\x80", b"\xff"]
        records = [stored(5, sub, sub=sub) for sub in subs]
        await self.put_all(storage, *reversed(records))
        self.assert_same(await storage.get(1, NodeID(5), 0.0), records)

    async def test_expired_records_are_not_found(self) -> None:
        storage = await self.opened()
        ends_first, ends_later = stored(5, expires=10.0), stored(5, sub=b"x", expires=20.0)
        await self.put_all(storage, ends_first, ends_later)
        self.assert_same(await storage.get(1, NodeID(5), 9.5), [ends_first, ends_later])
        self.assert_same(await storage.get(1, NodeID(5), 10.0), [ends_later])
        self.assert_same(await storage.get(1, NodeID(5), 20.5), [])

    async def test_remove(self) -> None:
        storage = await self.opened()
        stays = stored(5, b"stays", sub=b"x")
        await self.put_all(storage, stored(5), stays)
        self.assertIs(await storage.remove(StorageKey(1, NodeID(5))), True)
        self.assertIs(await storage.remove(StorageKey(1, NodeID(5))), False)
        self.assert_same(await storage.get(1, NodeID(5), 0.0), [stays])
        self.assertEqual(await storage.usage(), StorageUsage(1, 5))

    async def test_removed_record_can_come_back(self) -> None:
        storage = await self.opened()
        await storage.put(stored(5, expires=10.0), 0.0)
        await storage.remove(StorageKey(1, NodeID(5)))
        back = stored(5, b"back", expires=30.0)
        await storage.put(back, 0.0)
        self.assertEqual(await storage.expire(20.0, 10), 0)
        self.assert_same(await storage.get(1, NodeID(5), 20.0), [back])

    async def test_expire_obeys_its_limit(self) -> None:
        storage = await self.opened()
        await self.put_all(storage, *(stored(n, expires=float(n)) for n in range(1, 8)))
        self.assertEqual(await storage.expire(5.0, 3), 3)
        self.assertEqual((await storage.usage()).records, 4)
        self.assertEqual(await storage.expire(5.0, 3), 2)
        self.assertEqual(await storage.expire(5.0, 3), 0)
        left = [each.where.key for each in await storage.page(None, 10)]
        self.assertEqual(left, [6, 7])

    async def test_expire_goes_by_the_last_put(self) -> None:
        storage = await self.opened()
        await self.put_all(storage, stored(1, expires=10.0), stored(1, expires=30.0))
        await self.put_all(storage, stored(2, expires=30.0), stored(2, expires=10.0))
        self.assertEqual(await storage.expire(20.0, 10), 1)
        self.assert_same(await storage.page(None, 10), [stored(1, expires=30.0)])

    async def test_page_order(self) -> None:
        storage = await self.opened()
        keys = [NodeID(0), NodeID(9), NodeID(10), NodeID(2**63), NodeID(2**159), HIGH]
        records = [
            stored(key, b"%d" % key, kind=kind, sub=sub)
            for kind in (1, 2, 240)
            for key in keys
            for sub in (b"", b"a", b"ab", b"\xff")
        ]
        shuffled = random.Random(1).sample(records, len(records))
        await self.put_all(storage, *shuffled)
        self.assert_same(await storage.page(None, len(records) + 1), records)
        self.assert_same(await self.walk(storage, 7), records)

    async def walk(self, storage: IStorage, limit: int) -> list[StoredRecord]:
        """Every record, read page by page."""
        found: list[StoredRecord] = []
        while page := await storage.page(found[-1].where if found else None, limit):
            self.assertLessEqual(len(page), limit)
            found.extend(page)
        return found

    async def test_page_continues_where_records_came_and_went(self) -> None:
        storage = await self.opened()
        await self.put_all(storage, *(stored(n) for n in (10, 20, 30, 40)))
        last = (await storage.page(None, 2))[-1].where
        await storage.remove(last)
        await self.put_all(storage, stored(15), stored(25))
        rest = [each.where.key for each in await storage.page(last, 10)]
        self.assertEqual(rest, [25, 30, 40])

    async def test_results_do_not_change_later(self) -> None:
        storage = await self.opened()
        await storage.put(stored(5), 0.0)
        found, page = await storage.get(1, NodeID(5), 0.0), await storage.page(None, 10)
        await storage.put(stored(5, b"other"), 0.0)
        await storage.remove(StorageKey(1, NodeID(5)))
        self.assert_same(found, [stored(5)])
        self.assert_same(page, [stored(5)])

    async def test_puts_at_the_same_time(self) -> None:
        storage = await self.opened()
        records = [stored(n, b"%d" % n) for n in range(50)]
        await gatherResults([storage.put(each, 0.0) for each in records], consumeErrors=True)
        self.assert_same(await storage.page(None, 100), records)

    async def test_long_random_use(self) -> None:
        """A dictionary is the oracle; the operations are drawn, always the same ones."""
        storage, oracle = await self.opened(), dict[StorageKey, StoredRecord]()
        draw = random.Random(2002)
        for now in map(float, range(400)):
            record = stored(
                draw.randrange(12),
                draw.randbytes(draw.randrange(40)),
                sub=draw.choice([b"", b"s"]),
                expires=now + draw.randrange(1, 60),
                arrived=now,
            )
            if draw.random() < 0.6:
                await storage.put(record, now)
                oracle[record.where] = record
            elif draw.random() < 0.5:
                old = oracle.pop(record.where, None)
                there = await storage.remove(record.where)
                if old is None or old.expires > now:
                    self.assertIs(there, old is not None)
            else:
                await storage.expire(now, 100)
                oracle = {key: each for key, each in oracle.items() if each.expires > now}
            await self.compare(storage, oracle, record.where, now)

    async def compare(
        self,
        storage: IStorage,
        oracle: dict[StorageKey, StoredRecord],
        where: StorageKey,
        now: float,
    ) -> None:
        """Compare what is alive: a backend may forget expired records when it likes."""
        alive = [oracle[key] for key in sorted(oracle) if oracle[key].expires > now]
        paged = [each for each in await storage.page(None, 100) if each.expires > now]
        self.assert_same(paged, alive)
        here = [each for each in alive if each.where.key == where.key]
        self.assert_same(await storage.get(where.kind, where.key, now), here)


class BoundedStorageContract(StorageContract):
    """What a storage backend with a limit does beyond."""

    def make_bounded_storage(self, records: int) -> IStorage:
        """A fresh backend, not yet open, with room for so many records of 100 bytes, no more."""
        raise NotImplementedError("the test case says how a bounded storage is made")

    async def full(self) -> tuple[IStorage, list[StoredRecord]]:
        """A storage filled to its limit: 8 records of 100 bytes that expire at 10, 20 ... 80."""
        storage = await self._opened(self.make_bounded_storage(8))
        records = [stored(n, bytes(100), expires=10.0 * n) for n in range(1, 9)]
        await self.put_all(storage, *records)
        return storage, records

    async def refused(self, awaitable: Awaitable[None]) -> None:
        """The put must fail with :class:`StorageFull`."""
        try:
            await awaitable
        except StorageFull as error:
            self.assertTrue(str(error), "the error should say what is full")
        else:
            self.fail("the storage took more than its limit")

    async def test_full(self) -> None:
        storage, records = await self.full()
        await self.refused(storage.put(stored(99, bytes(100)), 5.0))
        self.assert_same(await storage.page(None, 100), records)
        self.assertEqual(await storage.usage(), StorageUsage(8, 800))

    async def test_full_still_replaces(self) -> None:
        storage, records = await self.full()
        records[3] = stored(4, b"x" * 100, expires=500.0)
        await storage.put(records[3], 5.0)
        self.assert_same(await storage.page(None, 100), records)

    async def test_full_makes_room_by_remove(self) -> None:
        storage, records = await self.full()
        await storage.remove(records[0].where)
        newcomer = stored(99, bytes(100))
        await storage.put(newcomer, 5.0)
        self.assert_same(await storage.page(None, 100), [*records[1:], newcomer])

    async def test_expired_records_give_way(self) -> None:
        storage, records = await self.full()
        newcomers = [stored(n, bytes(100), expires=1000.0) for n in (97, 98)]
        await self.put_all(storage, *newcomers, now=20.0)
        self.assert_same(await storage.page(None, 100), records[2:] + newcomers)
        await self.refused(storage.put(stored(99, bytes(100)), 20.0))


class Clocks:
    """The two clocks that a process gives its storage, standing still until they are moved.

    ``now`` and ``unix_time`` are what :class:`~kadtwisted.interfaces.StorageContext` asks for.
    """

    def __init__(self, monotonic: float = 0.0, wall: float = WALL_CLOCK) -> None:
        self._monotonic = monotonic
        self._wall = wall

    def now(self) -> float:
        """Monotonic seconds; the origin means nothing to another process."""
        return self._monotonic

    def unix_time(self) -> float:
        """Seconds since 1970 by the wall clock."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._monotonic += seconds
        self._wall += seconds

    def set_wall(self, seconds: float) -> None:
        """The wall clock is set, ahead or back by ``seconds``; no time passes."""
        self._wall += seconds

    def of_next_process(self, later: float) -> Clocks:
        """Those of a process that starts ``later`` seconds on by the wall clock."""
        return Clocks(3.25, self._wall + later)


class DurableStorageContract(StorageContract):
    """What a storage backend does beyond that keeps its records over a restart.

    A case says how a storage is made in a directory, with which clocks, and nothing else::

        class TestMyStorage(DurableStorageContract, TestCase):
            def make_storage_in(self, directory, clocks):
                return MyStorage(os.path.join(directory, "records"), clocks.now, clocks.unix_time)

    Moments are monotonic and mean nothing to the next process, so a record is the same again if it
    has as long to live as before, less the time by the wall clock in which nobody ran.  The wall
    clock may be set while a process runs without any effect; one that was set back in between
    makes no record live longer (``kadtwisted.storage.timeline`` does all this).
    """

    def make_storage_in(self, directory: str, clocks: Clocks) -> IStorage:
        """A backend, not yet open, with room for 500 records of 2,000 bytes, that has its data in
        this directory, which is there, and takes the time from these clocks."""
        raise NotImplementedError("the test case says how a durable storage is made")

    def make_storage(self) -> IStorage:
        directory = os.path.abspath(self.mktemp())
        os.makedirs(directory)
        return self._make_in(directory, Clocks())

    def make_storage_again(self, storage: IStorage, *, later: float = 0.0) -> IStorage:
        """Another object on the data of a closed one, as the next process would make it, ``later``
        seconds on by the wall clock; its monotonic clock has another origin."""
        _, directory, clocks = self._made()[id(storage)]
        return self._make_in(directory, clocks.of_next_process(later))

    def _make_in(self, directory: str, clocks: Clocks) -> IStorage:
        storage = self.make_storage_in(directory, clocks)
        self._made()[id(storage)] = (storage, directory, clocks)
        return storage

    def _made(self) -> dict[int, tuple[IStorage, str, Clocks]]:
        made: dict[int, tuple[IStorage, str, Clocks]] = self.__dict__.setdefault("_durable", {})
        return made

    def clocks_of(self, storage: IStorage) -> Clocks:
        """The clocks that a storage of this case was made with."""
        return self._made()[id(storage)][2]

    def now_of(self, storage: IStorage) -> float:
        """The monotonic moment it is for this storage."""
        return self.clocks_of(storage).now()

    async def running(self) -> IStorage:
        """A fresh storage of a process that has run for a while."""
        storage = await self.opened()
        self.clocks_of(storage).advance(1000.0)
        return storage

    async def restarted(self, storage: IStorage, *, later: float = 0.0) -> IStorage:
        """The storage after one process has ended well and the next has begun."""
        await storage.close()
        return await self._opened(self.make_storage_again(storage, later=later))

    async def put_for(self, storage: IStorage, *lives: tuple[int, float]) -> list[StoredRecord]:
        """Put a record under each key, to live for so many seconds from now."""
        now = self.now_of(storage)
        records = [stored(key, expires=now + life, arrived=now) for key, life in lives]
        await self.put_all(storage, *records, now=now)
        return records

    async def living(self, storage: IStorage) -> list[int]:
        """The keys of those records that are found now, of keys below 10."""
        now = self.now_of(storage)
        return [key for key in range(10) if await storage.get(1, NodeID(key), now)]

    async def left(self, storage: IStorage, key: int) -> float:
        """How many seconds the record under this key has to live."""
        (record,) = await storage.get(1, NodeID(key), self.now_of(storage))
        return record.expires - self.now_of(storage)

    def assert_near(self, seconds: float, expected: float) -> None:
        """Equal but for rounding."""
        self.assertLessEqual(abs(seconds - expected), MOMENT_TOLERANCE, seconds)

    async def test_records_survive(self) -> None:
        storage = await self.running()
        then = self.now_of(storage)
        records = [
            stored(key, data, kind=kind, sub=sub, expires=then + 60.5, arrived=then - 7.25)
            for kind in (1, 240)
            for key, data in ((0, b""), (5, bytes(range(256))), (HIGH, b"\x00" * LARGEST_RECORD))
            for sub in (b"", b"\xff\x00")
        ]
        await self.put_all(storage, *records, now=then)
        again = await self.restarted(storage)
        shift = self.now_of(again) - then
        expected = [
            each._replace(expires=each.expires + shift, arrived=each.arrived + shift)
            for each in records
        ]
        self.assert_same(await again.page(None, 100), expected)
        self.assert_same(await again.get(240, HIGH, self.now_of(again)), expected[-2:])
        size = sum(len(each.data) for each in records)
        self.assertEqual(await again.usage(), StorageUsage(len(records), size))

    async def test_changes_survive(self) -> None:
        storage = await self.running()
        first, _, _ = await self.put_for(storage, (1, 50.0), (2, 50.0), (3, 5.0))
        await storage.put(first._replace(data=b"newer"), self.now_of(storage))
        await storage.remove(StorageKey(1, NodeID(2)))
        await storage.expire(self.now_of(storage) + 10.0, 10)
        again = await self.restarted(storage)
        found = [(each.where.key, each.data) for each in await again.page(None, 100)]
        self.assertEqual(found, [(1, b"newer")])
        self.assertEqual(await again.usage(), StorageUsage(1, 5))

    async def test_what_is_queued_at_close_survives(self) -> None:
        storage = await self.running()
        now = self.now_of(storage)
        records = [stored(n, b"%d" % n, expires=now + 50.0) for n in range(50)]
        puts = gatherResults([storage.put(each, now) for each in records], consumeErrors=True)
        closing = storage.close()
        await puts
        await closing
        again = await self._opened(self.make_storage_again(storage))
        found = [each[:2] for each in await again.page(None, 100)]
        self.assertEqual(found, [each[:2] for each in records])

    async def test_time_passes_while_nobody_runs(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (1, 60.0), (2, 100.0), (3, 50.0))
        self.clocks_of(storage).advance(30.0)
        again = await self.restarted(storage, later=40.0)
        self.assertEqual(await self.living(again), [2])
        self.assert_near(await self.left(again, 2), 30.0)
        await again.expire(self.now_of(again), 10)
        self.assertEqual((await again.usage()).records, 1)

    async def test_expiry_goes_on(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (3, 30.0), (1, 60.0), (2, 90.0))
        again = await self.restarted(storage)
        now = self.now_of(again)
        self.assertEqual(await again.expire(now + 29.0, 10), 0)
        self.assertEqual(await again.expire(now + 61.0, 10), 2)
        self.assertEqual(await self.living(again), [2])

    async def test_wall_clock_set_while_it_runs(self) -> None:
        for seconds in (5000.0, -5000.0):
            storage = await self.running()
            (record,) = await self.put_for(storage, (1, 60.0))
            self.clocks_of(storage).set_wall(seconds)
            self.assert_same(await storage.page(None, 10), [record])
            await self.put_for(storage, (2, 90.0))
            self.assertEqual(await self.living(storage), [1, 2])
            again = await self.restarted(storage)
            self.assert_near(await self.left(again, 1), 60.0)
            self.assert_near(await self.left(again, 2), 90.0)

    async def test_wall_clock_set_back_while_nobody_runs(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (1, 60.0))
        again = await self.restarted(storage, later=-5000.0)
        self.assertLessEqual(await self.left(again, 1), 60.0 + MOMENT_TOLERANCE)

    async def test_many_restarts(self) -> None:
        storage = await self.running()
        await self.put_for(storage, (1, 100.0))
        for _ in range(8):
            self.clocks_of(storage).advance(2.0)
            storage = await self.restarted(storage, later=3.0)
        self.assertLessEqual(abs(await self.left(storage, 1) - 60.0), 8 * MOMENT_TOLERANCE)
        self.clocks_of(storage).advance(61.0)
        self.assertEqual(await self.living(await self.restarted(storage)), [])
