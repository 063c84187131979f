"""What the ledger says is done: what gives way leaves the storage, what is refused changes none."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail

from kadtwisted.errors import StorageError, StorageFull
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageUsage
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.parameters import Bounds, NodeSettings
from kadtwisted.records import ledger
from kadtwisted.records.crowds import OWN, UNKNOWN
from kadtwisted.records.kinds import Sender
from kadtwisted.storage.memory import MemoryStorage
from tests.node.contexts import make_context
from tests.node.serving.cases import StoreCase, record

CAPACITY = 16
SETTINGS = NodeSettings(bounds=Bounds(stored_records=CAPACITY))


def sender(network: int, host: int = 1) -> Sender:
    return Sender(Endpoint(f"198.{network}.{host}.1", 8000), bytes(32))


class QuotaCase(StoreCase):
    """A storage for 16 records, of which each network has a share of 8."""

    settings = SETTINGS

    def setUp(self) -> None:
        super().setUp()
        self.patch(ledger, "LEAST_SHARE", 1)
        self.patch(ledger, "SHARE", 2)
        self.storage = MemoryStorage(CAPACITY, 1 << 20)
        self.records = self.make(self.storage)

    def make(self, storage: Any) -> RecordStore:
        context = make_context(self.world, self.settings)
        self.own_id = context.node_id
        return RecordStore(context, storage)

    def key(self, bits: int, number: int = 0) -> NodeID:
        """A key that shares so many leading bits with our ID."""
        return NodeID(self.own_id ^ (1 << 159 - bits) ^ number)

    def store(
        self, key: NodeID, by: Sender | None, published: float = 0.0, remaining: float = 100.0
    ) -> Deferred[int]:
        return self.records.store(record(b"v", published, key), remaining, None, by)

    def fill(self, by: Sender | None, count: int, bits: int, start: int = 0) -> list[NodeID]:
        keys = [self.key(bits, start + number) for number in range(count)]
        for each in keys:
            self.successResultOf(self.store(each, by))
        return keys

    def here(self, keys: list[NodeID]) -> list[bool]:
        return [bool(self.held(each)) for each in keys]


class QuotaTests(QuotaCase):
    def test_one_network_takes_its_share_and_no_more_whatever_its_address(self) -> None:
        self.fill(sender(1), 8, 0)
        for host in (1, 2, 3):
            storing = self.store(self.key(0, 99), sender(1, host))
            self.failureResultOf(storing, StorageFull)
        self.assertFalse(self.records.is_failing())
        self.fill(sender(2), 2, 0, 100)

    def test_what_gives_way_is_gone(self) -> None:
        far = self.fill(sender(1), 8, 0)
        near = self.fill(sender(1), 2, 3, 50)
        self.assertEqual(self.here(near), [True, True])
        self.assertEqual(self.here(far), [True] * 6 + [False] * 2)

    def test_in_a_full_storage_closer_records_find_room(self) -> None:
        self.fill(sender(1), 8, 5)
        for network in range(2, 10):
            self.fill(sender(network), 1, 0, 100 + network)
        self.assertTrue(self.records.ledger.is_full())
        self.fill(sender(20), 2, 1, 200)
        usage = self.successResultOf(self.records.usage())
        self.assertEqual(usage.records, CAPACITY)
        self.assertEqual(self.records.ledger.holding(b"\xc6\x01").records, 8)

    def test_our_own_records_stay(self) -> None:
        own = self.fill(None, 4, 0)
        for network in range(1, 13):
            self.fill(sender(network), 1, 0, 100 + network)
        self.fill(sender(30), 2, 4, 300)
        self.assertEqual(self.here(own), [True] * 4)

    def test_who_stores_it_again_does_not_answer_for_it(self) -> None:
        (key,) = self.fill(sender(1), 1, 0)
        where = next(iter(self.records.ledger.places(b"\xc6\x01")))
        self.successResultOf(self.store(key, sender(2)))
        self.assertEqual(self.records.ledger.source(where), b"\xc6\x01")
        self.successResultOf(self.store(key, None))
        self.assertEqual(self.records.ledger.source(where), OWN)
        self.successResultOf(self.store(key, sender(2), 1.0))
        self.assertEqual(self.records.ledger.source(where), b"\xc6\x02")

    def test_floors_use_up_the_share(self) -> None:
        for number in range(4):
            key = self.key(0, number)
            self.successResultOf(self.store(key, sender(1), 0, 1000))
            self.successResultOf(self.store(key, sender(1), 1, 5))
        self.assertEqual(self.successResultOf(self.records.usage()).records, 4)
        self.failureResultOf(self.store(self.key(0, 9), sender(1)), StorageFull)
        self.time += 5
        self.successResultOf(self.records.expire(9))
        self.assertEqual(self.successResultOf(self.records.usage()), StorageUsage(0, 0))
        self.assertEqual(self.records.ledger.holding(b"\xc6\x01").records, 4)

    def test_expired_records_give_way_before_all_others(self) -> None:
        short = [self.key(0, number) for number in range(8)]
        for each in short:
            self.successResultOf(self.store(each, sender(1), 0, 10))
        self.time += 10
        kept = self.fill(sender(1), 8, 0, 100)
        self.assertEqual(self.here(kept), [True] * 8)

    def test_reads_see_what_is_there_until_it_is_gone(self) -> None:
        far = self.fill(sender(1), 8, 0)
        waiting: Deferred[bool] = Deferred()
        self.patch(self.storage, "remove", lambda _: waiting)
        storing = self.store(self.key(3), sender(1))
        self.assertNoResult(storing)
        self.assertEqual(self.here(far), [True] * 8)
        waiting.callback(True)
        self.assertEqual(self.successResultOf(storing), 100)


class FailureTests(QuotaCase):
    def test_a_write_that_fails_takes_no_room(self) -> None:
        self.fill(sender(1), 4, 0)
        before = self.records.ledger.usage()
        self.patch(self.storage, "put", lambda *_: fail(StorageError("broken")))
        self.failureResultOf(self.store(self.key(0, 9), sender(1)), StorageError)
        self.assertEqual(self.records.ledger.usage(), before)

    def test_what_cannot_be_removed_keeps_its_room(self) -> None:
        far = self.fill(sender(1), 8, 0)
        self.patch(self.storage, "remove", lambda _: fail(StorageError("broken")))
        failure = self.failureResultOf(self.store(self.key(3), sender(1)))
        self.assertEqual(str(failure.value), "broken")
        self.assertTrue(self.records.is_failing())
        self.assertEqual(self.here(far), [True] * 8)
        self.assertEqual(self.records.ledger.usage().records, 8)

    def test_a_write_that_nobody_waits_for_may_still_be_done(self) -> None:
        self.patch(self.storage, "put", lambda *_: Deferred())
        storing = self.store(self.key(0), sender(1))
        storing.cancel()
        self.failureResultOf(storing, CancelledError)
        self.assertEqual(self.records.ledger.usage().records, 1)

    def test_two_at_once_do_not_count_on_the_same_room(self) -> None:
        self.fill(sender(1), 7, 0)
        self.patch(self.storage, "put", lambda *_: Deferred())
        self.assertNoResult(self.store(self.key(0, 50), sender(1)))
        self.failureResultOf(self.store(self.key(0, 51), sender(1)), StorageFull)


class RestartTests(QuotaCase):
    def recall(self) -> None:
        self.records = self.make(self.storage)
        self.successResultOf(Deferred.fromCoroutine(self.records.recall()))

    def test_what_was_there_is_known_and_nobodys(self) -> None:
        self.fill(sender(1), 12 // 2, 1)
        key = self.key(1, 50)
        self.successResultOf(self.store(key, sender(2), 0, 1000))
        self.successResultOf(self.store(key, sender(2), 1, 5))
        self.recall()
        self.assertEqual(self.records.ledger.usage().records, 8)
        self.assertEqual(self.records.ledger.floors().records, 1)
        self.assertEqual(dict(self.records.ledger.sources()), {UNKNOWN: 8})
        self.assertEqual(self.successResultOf(self.records.usage()).records, 7)
        self.successResultOf(Deferred.fromCoroutine(self.records.recall()))
        self.assertEqual(self.records.ledger.usage().records, 8)

    def test_a_trial_of_the_storage_is_no_record(self) -> None:
        self.records._writer._failing = True
        self.successResultOf(self.records.try_again())
        self.recall()
        self.assertEqual(self.records.ledger.usage().records, 0)


class PrivateTests(QuotaCase):
    settings = NodeSettings(bounds=Bounds(stored_records=CAPACITY), network_secrets=(b"s" * 32,))

    def test_a_private_network_has_its_capacity_and_nothing_else(self) -> None:
        kept = self.fill(sender(1), CAPACITY, 0)
        for by in (sender(1), sender(2)):
            self.failureResultOf(self.store(self.key(9), by), StorageFull)
        self.assertEqual(self.here(kept), [True] * CAPACITY)
