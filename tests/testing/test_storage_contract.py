"""The storage contract finds faults: each faulty backend fails the tests that name its fault."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase, TestCase

from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.storage_contract import BoundedStorageContract, StorageContract


class Unsorted(MemoryStorage):
    """Pages in the order of the keys' text."""

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        found = sorted(self._records.values(), key=lambda each: str(each.where.key))
        behind = [each for each in found if after is None or each.where > after]
        return succeed(behind[:limit])


class Immortal(MemoryStorage):
    """Finds records that have expired."""

    def get(self, kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        return super().get(kind, key, float("-inf"))


class Forgetful(MemoryStorage):
    """Takes the first deadline of a record for the last."""

    def _store(self, record: StoredRecord) -> None:
        old = self._records.get(record.where)
        super()._store(record._replace(expires=old.expires) if old else record)


class Greedy(MemoryStorage):
    """Knows no limit."""

    def _make_room(self, record: StoredRecord, now: float) -> bool:
        return True


class Careless(MemoryStorage):
    """Lets living records give way."""

    def _make_room(self, record: StoredRecord, now: float) -> bool:
        return super()._make_room(record, float("inf"))


class Unlimited(MemoryStorage):
    """Expires more than it was asked to."""

    def expire(self, now: float, limit: int) -> Deferred[int]:
        return super().expire(now, 1_000_000)


class Drifting(MemoryStorage):
    """Keeps moments as whole seconds."""

    def _store(self, record: StoredRecord) -> None:
        super()._store(record._replace(arrived=float(int(record.arrived))))


def failures(backend: Callable[[int, int], IStorage]) -> set[str]:
    """The names of the contract's tests that this backend fails."""

    class Case(BoundedStorageContract, TestCase):
        def make_storage(self) -> IStorage:
            return backend(500, 1_000_000)

        def make_bounded_storage(self, records: int) -> IStorage:
            return backend(records, 1_000_000)

    result = unittest.TestResult()
    names = [name for name in dir(Case) if name.startswith("test_")]
    for name in names:
        Case(name).run(result)
    return {str(case.id()).rpartition(".")[2] for case, _ in result.failures + result.errors}


class TestContractFindsFaults(TestCase):
    """An ordinary TestCase, so that its reactor is the one the inner cases wait with."""

    def test_a_right_one_passes(self) -> None:
        self.assertEqual(failures(MemoryStorage), set())

    def test_order(self) -> None:
        self.assertIn("test_page_order", failures(Unsorted))

    def test_expired_found(self) -> None:
        self.assertIn("test_expired_records_are_not_found", failures(Immortal))

    def test_deadline_not_renewed(self) -> None:
        found = failures(Forgetful)
        self.assertLessEqual({"test_expire_goes_by_the_last_put", "test_put_replaces"}, found)

    def test_no_limit(self) -> None:
        found = failures(Greedy)
        self.assertEqual(found, {"test_full", "test_expired_records_give_way"})

    def test_living_records_driven_out(self) -> None:
        self.assertIn("test_full", failures(Careless))

    def test_expire_limit_ignored(self) -> None:
        self.assertEqual(failures(Unlimited), {"test_expire_obeys_its_limit"})

    def test_moments_rounded(self) -> None:
        self.assertIn("test_put_and_get", failures(Drifting))


class TestUnfinishedCases(SynchronousTestCase):
    def test_a_case_must_say_how_storages_are_made(self) -> None:
        self.assertRaises(NotImplementedError, StorageContract().make_storage)
        self.assertRaises(NotImplementedError, BoundedStorageContract().make_bounded_storage, 1)
