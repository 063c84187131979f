"""The contract of `IStorage` as tests, for every backend.

Mix :class:`StorageContract` into a ``twisted.trial.unittest.TestCase`` and say how a storage is
made; for a backend with a limit use :class:`BoundedStorageContract` instead::

    class TestMyStorage(StorageContract, TestCase):
        def make_storage(self):
            return MyStorage(self.mktemp())

For a backend that keeps its records over a restart use the contract in ``durable_storage.py``,
alone or together with the bounded one.

The tests promise what the interface promises and nothing more: no speed, no error that the
interface does not name.  Every Deferred is awaited, so a backend may use threads.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
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
"""Moments may come back rounded by so many seconds, as backends may keep them in another form."""

LARGEST_RECORD = 1151
"""Bytes of the largest record that a STORE can carry."""

HIGH = NodeID(2**160 - 1)
"""The last of all keys; columns of signed numbers or of text sort it wrongly."""


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


class StorageContract(ABC, _TestCase):
    """What every storage backend does."""

    @abstractmethod
    def make_storage(self) -> IStorage:
        """A fresh and empty backend, not yet open, with room for 500 records of 2,000 bytes."""

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
        others += [stored(5, kind=0, sub=bytes([2]))]  # what a node keeps of a record that is gone
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
            for kind in (0, 1, 2, 240)
            for key in keys
            for sub in (b"", b"a", b"ab", b"\xff", b"\xff" * 65)
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
        """A dictionary is the oracle; the operations are random, and always the same."""
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
        """Compare living records only: a backend may forget expired ones at any time."""
        alive = [oracle[key] for key in sorted(oracle) if oracle[key].expires > now]
        paged = [each for each in await storage.page(None, 100) if each.expires > now]
        self.assert_same(paged, alive)
        here = [each for each in alive if each.where.key == where.key]
        self.assert_same(await storage.get(where.kind, where.key, now), here)


class BoundedStorageContract(StorageContract):
    """What a storage backend does in addition if it has a limit."""

    @abstractmethod
    def make_bounded_storage(self, records: int) -> IStorage:
        """A fresh backend, not yet open, with room for exactly so many records of 100 bytes."""

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
