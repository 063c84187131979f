"""The storage contract finds faults: each faulty backend fails the tests that name its fault."""

from __future__ import annotations

import json
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase, TestCase

from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.storage.timeline import Anchor, Timeline
from kadtwisted.testing.contracts.durable_storage import Clocks, DurableStorageContract
from kadtwisted.testing.contracts.storage import BoundedStorageContract, StorageContract


class Unsorted(MemoryStorage):
    """Pages in the order of the keys' text."""

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        found = sorted(self._records.values(), key=lambda each: str(each.where.key))
        behind = [each for each in found if after is None or each.where > after]
        return succeed(behind[:limit])


class Immortal(MemoryStorage):
    """Returns records that have expired."""

    def get(self, kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        return super().get(kind, key, float("-inf"))


class Forgetful(MemoryStorage):
    """Keeps the first deadline of a record when a later put changes it."""

    def _store(self, record: StoredRecord) -> None:
        old = self._records.get(record.where)
        super()._store(record._replace(expires=old.expires) if old else record)


class Greedy(MemoryStorage):
    """Has no limit."""

    def _make_room(self, record: StoredRecord, now: float) -> bool:
        return True


class Careless(MemoryStorage):
    """Removes living records to make room."""

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


class Paper(MemoryStorage):
    """Durable: writes all records down when it is closed, and reads them when it is opened."""

    def __init__(self, directory: str, clocks: Clocks) -> None:
        super().__init__(500, 1_000_000)
        self._path = Path(directory, "paper")
        self._clocks = clocks
        self._timeline = Timeline(clocks.now, clocks.unix_time)
        self._is_open = False

    def open(self) -> Deferred[None]:
        self._is_open = True
        anchor, rows = json.loads(self._path.read_text()) if self._path.exists() else (None, [])
        self._timeline.resume(anchor and Anchor(*anchor))
        for kind, key, sub, data, expires, arrived in rows:
            where = StorageKey(kind, NodeID(key), bytes.fromhex(sub))
            moments = (self.read_moment(each) for each in (expires, arrived))
            self._store(StoredRecord(where, bytes.fromhex(data), *moments))
        return succeed(None)

    def close(self) -> Deferred[None]:
        if self._is_open:
            self._path.write_text(json.dumps([self._timeline.anchor(), self._rows()]))
        self._is_open = False
        return super().close()

    def _rows(self) -> list[list[object]]:
        return [
            [each.where.kind, each.where.key, each.where.sub.hex(), each.data.hex()]
            + [self.written_moment(moment) for moment in (each.expires, each.arrived)]
            for each in self._records.values()
        ]

    def written_moment(self, moment: float) -> float:
        return self._timeline.saved(moment)

    def read_moment(self, moment: float) -> float:
        return self._timeline.monotonic(moment)


class Amnesiac(Paper):
    """Writes nothing down."""

    def _rows(self) -> list[list[object]]:
        return []


class Literal(Paper):
    """Writes monotonic moments down as they are."""

    def written_moment(self, moment: float) -> float:
        return moment

    read_moment = written_moment


class Trusting(Paper):
    """Believes whatever the wall clock says."""

    def written_moment(self, moment: float) -> float:
        return moment - self._clocks.now() + self._clocks.unix_time()

    def read_moment(self, moment: float) -> float:
        return moment - self._clocks.unix_time() + self._clocks.now()


class Unstoppable(Paper):
    """Ignores the time that passes between two processes."""

    def read_moment(self, moment: float) -> float:
        anchor, _ = json.loads(self._path.read_text())
        return float(moment - anchor[0] + self._clocks.now())


class Locked(Paper):
    """Can be opened only once."""

    def open(self) -> Deferred[None]:
        if self._path.exists() and not self._clocks.now():
            raise OSError("the paper is gone")
        return super().open()


def failures(backend: Callable[[int, int], IStorage]) -> set[str]:
    """The names of the contract's tests that this backend fails."""

    class Case(BoundedStorageContract, TestCase):
        def make_storage(self) -> IStorage:
            return backend(500, 1_000_000)

        def make_bounded_storage(self, records: int) -> IStorage:
            return backend(records, 1_000_000)

    return failing(Case)


def durable_failures(backend: Callable[[str, Clocks], IStorage]) -> set[str]:
    """The same, of a durable backend."""

    class Case(DurableStorageContract, TestCase):
        def make_storage_in(self, directory: str, clocks: Clocks) -> IStorage:
            return backend(directory, clocks)

    return failing(Case)


def failing(case: type[TestCase]) -> set[str]:
    result = unittest.TestResult()
    names = [name for name in dir(case) if name.startswith("test_")]
    for name in names:
        case(name).run(result)
    return {str(each.id()).rpartition(".")[2] for each, _ in result.failures + result.errors}


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


class TestDurableContractFindsFaults(TestCase):
    def test_a_right_one_passes(self) -> None:
        self.assertEqual(durable_failures(Paper), set())

    def test_nothing_survives(self) -> None:
        found = durable_failures(Amnesiac)
        self.assertLessEqual({"test_records_survive", "test_expiry_goes_on"}, found)

    def test_monotonic_moments_on_disk(self) -> None:
        found = durable_failures(Literal)
        self.assertLessEqual({"test_records_survive", "test_many_restarts"}, found)

    def test_wall_clock_trusted(self) -> None:
        self.assertEqual(durable_failures(Trusting), {"test_wall_clock_set_back_while_nobody_runs"})

    def test_time_stands_still_between_processes(self) -> None:
        found = durable_failures(Unstoppable)
        self.assertEqual(found, {"test_time_passes_while_nobody_runs", "test_many_restarts"})

    def test_open_only_once(self) -> None:
        self.assertEqual(durable_failures(Locked), {"test_can_be_opened_again"})


class TestUnfinishedCases(SynchronousTestCase):
    def test_a_case_must_say_how_storages_are_made(self) -> None:
        for contract, missing in (
            (StorageContract, "make_storage"),
            (BoundedStorageContract, "make_bounded_storage"),
            (DurableStorageContract, "make_storage_in"),
        ):
            error = self.assertRaises(TypeError, contract)
            self.assertIn(missing, str(error))
