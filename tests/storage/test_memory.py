"""The storage in memory: the contract of every storage, and the bounds of this one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from kadtwisted.errors import ConfigurationError, StorageFull
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.contracts.storage import BoundedStorageContract, stored


class TestMemoryStorageContract(BoundedStorageContract, TestCase):
    def make_storage(self) -> IStorage:
        return MemoryStorage(500, 1_000_000)

    def make_bounded_storage(self, records: int) -> IStorage:
        return MemoryStorage(records, 1_000_000)


class TestMemoryStorageContractByBytes(BoundedStorageContract, TestCase):
    """The same, where the bytes are what runs out."""

    def make_storage(self) -> IStorage:
        return MemoryStorage(500, 1_000_000)

    def make_bounded_storage(self, records: int) -> IStorage:
        return MemoryStorage(1_000, 100 * records)


class TestBounds(SynchronousTestCase):
    def test_limits_must_be_positive(self) -> None:
        for limits in ((0, 1), (1, 0), (-1, 5)):
            self.assertRaises(ConfigurationError, MemoryStorage, *limits)

    def test_a_larger_replacement_needs_room(self) -> None:
        storage = MemoryStorage(10, 20)
        self.successResultOf(storage.put(stored(1, bytes(10)), 0.0))
        self.successResultOf(storage.put(stored(2, bytes(10)), 0.0))
        self.failureResultOf(storage.put(stored(2, bytes(11)), 0.0), StorageFull)
        self.assertEqual(self.successResultOf(storage.usage()), StorageUsage(2, 20))

    def test_what_can_never_fit_drives_nothing_out(self) -> None:
        storage = MemoryStorage(10, 20)
        expired = stored(1, bytes(10), expires=5.0)
        self.successResultOf(storage.put(expired, 0.0))
        self.failureResultOf(storage.put(stored(2, bytes(21)), 50.0), StorageFull)
        self.assertEqual(self.successResultOf(storage.page(None, 5)), [expired])

    def test_only_as_many_expired_records_go_as_must(self) -> None:
        storage = MemoryStorage(3, 1_000)
        for n in (1, 2, 3):
            self.successResultOf(storage.put(stored(n, expires=float(10 - n)), 0.0))
        self.successResultOf(storage.put(stored(4), 50.0))
        left = [each.where.key for each in self.successResultOf(storage.page(None, 5))]
        self.assertEqual(left, [1, 2, 4])

    def test_an_expired_record_gives_way_to_its_own_successor(self) -> None:
        storage = MemoryStorage(2, 15)
        self.successResultOf(storage.put(stored(1, bytes(10), expires=5.0), 0.0))
        self.successResultOf(storage.put(stored(2, bytes(5)), 0.0))
        self.failureResultOf(storage.put(stored(1, bytes(11)), 4.0), StorageFull)
        self.successResultOf(storage.put(stored(1, bytes(10)), 6.0))
        self.assertEqual(self.successResultOf(storage.usage()), StorageUsage(2, 15))

    def test_close_forgets(self) -> None:
        storage = MemoryStorage(10, 100)
        self.successResultOf(storage.put(stored(1), 0.0))
        self.successResultOf(storage.close())
        self.successResultOf(storage.open())
        self.assertEqual(self.successResultOf(storage.usage()), StorageUsage(0, 0))
        self.assertEqual(storage.heap_size(), 0)

    def test_refreshing_for_ever_does_not_grow_the_heap(self) -> None:
        storage = MemoryStorage(10, 100)
        for moment in range(5_000):
            self.successResultOf(storage.put(stored(moment % 3, expires=moment + 60.0), 0.0))
            self.assertLessEqual(storage.heap_size(), 2 * 3 + 64)

    def test_removing_does_not_leave_the_heap_behind(self) -> None:
        storage = MemoryStorage(1_000, 10_000)
        for n in range(1_000):
            self.successResultOf(storage.put(stored(n), 0.0))
        for n in range(1_000):
            self.successResultOf(storage.remove(StorageKey(1, NodeID(n))))
        self.assertLessEqual(storage.heap_size(), 64)


PUTS = st.lists(
    st.tuples(
        st.integers(0, 7),  # key
        st.integers(0, 30),  # bytes
        st.integers(1, 12),  # lifetime
        st.integers(0, 4),  # seconds until the next put
    ),
    max_size=60,
)


class TestBoundsByOracle(SynchronousTestCase):
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(PUTS)
    def test_never_above_its_limits_and_never_without_need(
        self, puts: list[tuple[int, int, int, int]]
    ) -> None:
        storage, alive, now = MemoryStorage(5, 60), dict[int, StoredRecord](), 0.0
        for key, size, lifetime, pause in puts:
            alive = {k: each for k, each in alive.items() if each.expires > now}
            record = stored(key, bytes(size), expires=now + lifetime)
            with_it = alive | {key: record}
            fits = len(with_it) <= 5 and sum(len(each.data) for each in with_it.values()) <= 60
            if fits:
                self.assertIsNone(self.successResultOf(storage.put(record, now)))
                alive = with_it
            else:
                self.failureResultOf(storage.put(record, now), StorageFull)
            self.check(storage, alive, now)
            now += pause

    def check(self, storage: MemoryStorage, alive: dict[int, StoredRecord], now: float) -> None:
        held = self.successResultOf(storage.page(None, 100))
        self.assertEqual(
            [each for each in held if each.expires > now], [alive[key] for key in sorted(alive)]
        )
        usage = self.successResultOf(storage.usage())
        self.assertEqual(usage, (len(held), sum(len(each.data) for each in held)))
        self.assertLessEqual(usage, (5, 60))
        self.assertLessEqual(usage.size, 60)
