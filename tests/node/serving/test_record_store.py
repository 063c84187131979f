"""The policy around a storage: what is accepted, which record stays, until when, in which order."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from kadtwisted.constants import HOUR, MINUTE
from kadtwisted.errors import (
    ClockSkew,
    DiskFull,
    InvalidLifetime,
    InvalidRecord,
    StorageBusy,
    StorageError,
    StorageFull,
    Superseded,
)
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Have, HaveEntry
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.serving.record_store import RecordStore, storage_reader
from kadtwisted.records.kinds import Sender
from kadtwisted.records.value import encode, tombstone_of, wins
from kadtwisted.records.version import version_of as version
from kadtwisted.routing.table import RoutingTable
from kadtwisted.storage.memory import MemoryStorage
from tests.node.contexts import make_context
from tests.node.serving.cases import KEY, UNIX_NOW, StoreCase, record
from tests.node.storages import FailingStorage, LateStorage


class AcceptTests(StoreCase):
    def test_keeps_it_for_the_seconds_wanted_rounded_down(self) -> None:
        self.assertEqual(self.successResultOf(self.records.store(record(b"a"), 90.5)), 90)
        self.time += 90.4
        self.assertEqual(self.held(), [record(b"a")])
        self.time += 0.2
        self.assertEqual(self.held(), [])

    def test_a_lifetime_beyond_the_cap_is_clamped(self) -> None:
        kept = self.successResultOf(self.records.store(record(b"a"), 2.0**32))
        self.assertEqual(kept, 48 * HOUR)

    def test_a_record_without_time_left_is_refused(self) -> None:
        self.successResultOf(self.records.store(record(b"a"), 100))
        for remaining in (0, 0.9, -5):
            storing = self.records.store(record(b"b", 1), remaining)
            self.failureResultOf(storing, InvalidLifetime)
        self.assertEqual(self.held(), [record(b"a")])

    def test_arrival_is_remembered(self) -> None:
        self.successResultOf(self.records.store(record(b"a"), 10))
        found = self.successResultOf(self.records.find(Kind.VALUE, KEY))
        self.assertEqual(found[0].where, StorageKey(Kind.VALUE, KEY))
        self.assertEqual((found[0].arrived, found[0].expires), (500.0, 510.0))

    def test_bytes_that_are_no_record_never_reach_the_storage(self) -> None:
        self.records = self.make(LateStorage())
        good = record(b"a")
        for bad, reason in (
            (b"", "empty"),
            (b"\x09" + good[1:], "unknown-kind"),
            (good[:20], "truncated"),
            (good + b"x", "trailing-bytes"),
            (good[:29] + b"\x02" + good[30:], "unknown-flags"),
        ):
            failure = self.failureResultOf(self.records.store(bad, 10), InvalidRecord)
            self.assertEqual(failure.value.reason, reason)
        self.assertEqual(self.records._storage.waiting, [])  # type: ignore[attr-defined]

    def test_a_flipped_bit_of_kind_or_flags_or_the_times_sign_is_no_record(self) -> None:
        good = record(b"a")
        for bit in (*range(8), 8 * 21, *range(8 * 29, 8 * 30)):
            bad = bytearray(good)
            bad[bit // 8] ^= 0x80 >> bit % 8
            self.failureResultOf(self.records.store(bytes(bad), 10), InvalidRecord)
        self.assertEqual(self.held(), [])

    def test_the_future_begins_in_five_minutes(self) -> None:
        early, late = record(b"a", 5 * MINUTE), record(b"a", 5 * MINUTE + 0.001)
        self.failureResultOf(self.records.store(late, 10), ClockSkew)
        self.assertEqual(self.held(), [])
        self.assertEqual(self.successResultOf(self.records.store(early, 10)), 10)
        self.time += 0.002
        self.assertEqual(self.successResultOf(self.records.store(late, 10)), 10)

    def test_failures_of_the_storage_pass_through(self) -> None:
        for error in (StorageFull("full"), StorageBusy("busy"), StorageError("broken"), OSError()):
            self.records = self.make(FailingStorage(error))
            failure = self.failureResultOf(self.records.store(record(b"a"), 10))
            self.assertIs(failure.value, error)
            failure = self.failureResultOf(self.records.store(record(b"a"), 10))
            self.assertIs(failure.value, error)


class WinnerTests(StoreCase):
    def test_the_newer_one_stays(self) -> None:
        old, new = record(b"old", 0), record(b"new", 1)
        self.successResultOf(self.records.store(old, 100))
        self.assertEqual(self.successResultOf(self.records.store(new, 10)), 10)
        self.failureResultOf(self.records.store(old, 100), Superseded)
        self.assertEqual(self.held(), [new])

    def test_of_equal_times_the_same_one_stays_whatever_comes_first(self) -> None:
        one, other = record(b"one"), record(b"other")
        for first, second in ((one, other), (other, one)):
            self.records = self.make(MemoryStorage(10, 10_000))
            self.successResultOf(self.records.store(first, 100))
            self.records.store(second, 100).addErrback(lambda failure: failure.trap(Superseded))
            self.assertEqual(self.held(), [one if wins(one, other) else other])

    def test_a_tombstone_wins_like_any_newer_record(self) -> None:
        gone = encode(tombstone_of(KEY, int(UNIX_NOW * 1_000_000) + 1))
        self.successResultOf(self.records.store(record(b"a"), 100))
        self.successResultOf(self.records.store(gone, 100))
        self.failureResultOf(self.records.store(record(b"a"), 100), Superseded)
        self.assertEqual(self.held(), [gone])

    def test_hearing_of_it_again_never_shortens_its_life(self) -> None:
        self.assertEqual(self.successResultOf(self.records.store(record(b"a"), 100)), 100)
        self.time += 30
        self.assertEqual(self.successResultOf(self.records.store(record(b"a"), 10)), 70)
        self.assertEqual(self.successResultOf(self.records.store(record(b"a"), 90)), 90)
        found = self.successResultOf(self.records.find(Kind.VALUE, KEY))
        self.assertEqual((found[0].expires, found[0].arrived), (620.0, 500.0))

    def test_an_expired_record_has_no_say(self) -> None:
        self.successResultOf(self.records.store(record(b"new", 1), 10))
        self.time += 10
        self.assertEqual(self.successResultOf(self.records.store(record(b"old", 0), 5)), 5)
        self.assertEqual(self.held(), [record(b"old", 0)])

    def test_another_key_is_another_matter(self) -> None:
        other = record(b"a", -1, NodeID(KEY + 1))
        self.successResultOf(self.records.store(record(b"a"), 10))
        self.successResultOf(self.records.store(other, 10))
        self.assertEqual(self.held(NodeID(KEY + 1)), [other])


class OrderTests(StoreCase):
    """A storage whose Deferreds fire late."""

    def setUp(self) -> None:
        super().setUp()
        self.late = LateStorage()
        self.records = self.make(self.late)
        self.ended: list[tuple[str, object]] = []

    def store(self, name: str, data: bytes, remaining: float = 100) -> Deferred[object]:
        def note(result: object) -> None:
            self.ended.append((name, getattr(result, "type", result)))

        return self.records.store(data, remaining).addBoth(note)

    def test_one_write_of_a_key_waits_for_the_other(self) -> None:
        self.store("first", record(b"1", 1))
        self.store("second", record(b"2", 2))
        self.assertEqual(self.late.waiting, [("get", KEY)])
        self.late.release()
        self.assertEqual(self.late.waiting, [("put", KEY)])
        self.late.release()
        self.assertEqual(self.ended, [("first", 100)])
        self.assertEqual(self.late.waiting, [("get", KEY)])
        self.late.release_all()
        self.assertEqual(self.ended, [("first", 100), ("second", 100)])

    def test_the_later_winner_is_seen(self) -> None:
        """Without the lock both would read nothing, and the loser would be written last."""
        self.store("new", record(b"new", 2))
        self.store("old", record(b"old", 1))
        self.late.release_all()
        self.assertEqual(self.ended, [("new", 100), ("old", Superseded)])
        self.assertEqual([each.data for each in self.everything()], [record(b"new", 2)])

    def test_other_keys_do_not_wait(self) -> None:
        other = NodeID(KEY + 1)
        self.store("one", record(b"1"))
        self.store("other", record(b"2", 0, other))
        self.assertEqual(self.late.waiting, [("get", KEY), ("get", other)])
        self.late.release(1)
        self.late.release(1)
        self.assertEqual(self.ended, [("other", 100)])
        self.late.release_all()

    def test_a_failure_does_not_block_those_behind(self) -> None:
        errors = [OSError("disk"), StorageFull("full")]
        put = self.late.put
        self.patch(self.late, "put", lambda *a: fail(errors.pop()) if errors else put(*a))
        for number in range(3):
            self.store(str(number), record(b"%d" % number, number))
            self.late.release()  # the one before, if there is one, tries to write now
        self.late.release_all()
        self.assertEqual(self.ended, [("0", StorageFull), ("1", OSError), ("2", 100)])
        self.assertEqual([each.data for each in self.everything()], [record(b"2", 2)])

    def test_a_cancelled_write_does_not_block_those_behind(self) -> None:
        first, second = [
            self.store(str(number), record(b"%d" % number, number)) for number in (0, 1)
        ]
        second.cancel()  # waits for its turn
        first.cancel()  # reads
        self.assertEqual(self.ended, [("1", CancelledError), ("0", CancelledError)])
        for number in (2, 3):
            self.store(str(number), record(b"%d" % number, number))
        self.late.release_all()
        self.assertEqual(self.ended[2:], [("2", 100), ("3", 100)])

    def test_nothing_outlives_its_writes(self) -> None:
        queue = self.records._writer.queue
        for number in range(50):
            self.store("x", record(b"x", 0, NodeID(number % 7)))
        self.assertEqual((len(queue), queue.keys()), (50, 7))
        self.late.release_all()
        self.assertEqual(len(self.ended), 50)
        self.assertEqual((len(queue), queue.keys()), (0, 0))

    def everything(self) -> list[StoredRecord]:
        found: Any = self.successResultOf(self.late.page(None, 100))
        return list(found)

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 1),
                st.integers(0, 3),
                st.sampled_from((b"a", b"b")),
                st.integers(0, 50),
            ),
            max_size=12,
        ),
        st.randoms(use_true_random=False),
    )
    def test_any_interleaving_ends_as_one_after_the_other(
        self, writes: list[tuple[int, int, bytes, int]], source: random.Random
    ) -> None:
        late = LateStorage()
        records = self.make(late)
        outcomes: list[object] = [None] * len(writes)
        expected: list[object] = []
        model: dict[int, tuple[bytes, int]] = {}
        for index, (key, published, value, remaining) in enumerate(writes):
            data = record(value, published, NodeID(key))
            self._watch(records.store(data, remaining), outcomes, index)
            if late.waiting and source.getrandbits(1):
                late.release(source.getrandbits(8) % len(late.waiting))
            expected.append(self._model(model, key, data, remaining))
        while late.waiting:
            late.release(source.getrandbits(8) % len(late.waiting))
        for index, outcome in enumerate(outcomes):
            self._check(writes, index, outcome, expected[index])
        left = {each.where.key: each.data for each in self.successResultOf(late.page(None, 100))}
        self.assertEqual(left, {key: data for key, (data, _) in model.items()})

    def _check(
        self, writes: list[tuple[int, int, bytes, int]], index: int, outcome: object, each: object
    ) -> None:
        """A write came to the same, or was not done for one that came while it waited: one that
        wins over it, or the same record with longer to live."""
        if outcome == each:
            return
        key, published, value, _ = writes[index]
        data = record(value, published, NodeID(key))
        later = [
            (record(v, p, NodeID(k)), remaining)
            for k, p, v, remaining in writes[index + 1 :]
            if k == key
        ]
        if outcome is Superseded:
            self.assertTrue(any(wins(other, data) for other, _ in later))
        else:
            self.assertIn((data, outcome), later)

    def _watch(self, storing: Deferred[int], outcomes: list[object], index: int) -> None:
        def note(result: object) -> None:
            outcomes[index] = result.type if isinstance(result, Failure) else result

        storing.addBoth(note)

    def _model(
        self, model: dict[int, tuple[bytes, int]], key: int, data: bytes, remaining: int
    ) -> object:
        """What one write after the other comes to; the clock stands still."""
        if remaining == 0:
            return InvalidLifetime
        old, left = model.get(key, (b"", 0))
        if old and old != data and not wins(data, old):
            return Superseded
        model[key] = (data, max(left, remaining) if old == data else remaining)
        return model[key][1]


class WantedTests(StoreCase):
    def entry(self, key: int, data: bytes, kind: int = Kind.VALUE) -> HaveEntry:
        return HaveEntry(kind, NodeID(key), version(data))

    def wanted(self, *entries: HaveEntry) -> bytes:
        return self.successResultOf(self.records.wanted(Have(entries)))

    def test_what_is_not_held_is_wanted(self) -> None:
        self.successResultOf(self.records.store(record(b"a"), 10))
        held, other = self.entry(KEY, record(b"a")), self.entry(KEY, record(b"b"))
        self.assertEqual(self.wanted(held), b"\x00")
        self.assertEqual(self.wanted(other), b"\x80")
        self.assertEqual(self.wanted(self.entry(KEY + 1, record(b"a"))), b"\x80")

    def test_bits_stand_from_left_to_right(self) -> None:
        for key in range(32):
            if key % 5:
                self.successResultOf(self.records.store(record(b"a", 0, NodeID(key)), 10))
        entries = [self.entry(key, record(b"a", 0, NodeID(key))) for key in range(32)]
        for count in (1, 7, 8, 9, 31, 32):
            bits = "".join("0" if key % 5 else "1" for key in range(count))
            expected = bits.ljust((count + 7) // 8 * 8, "0")
            found = self.wanted(*entries[:count])
            self.assertEqual("".join(f"{byte:08b}" for byte in found), expected)

    def test_an_expired_record_is_wanted_again(self) -> None:
        self.successResultOf(self.records.store(record(b"a"), 10))
        self.time += 10
        self.assertEqual(self.wanted(self.entry(KEY, record(b"a"))), b"\x80")

    def test_a_kind_that_is_not_admitted_is_not_wanted(self) -> None:
        self.assertEqual(self.wanted(self.entry(KEY, b"x", 200), self.entry(1, b"x")), b"\x40")

    def test_late_answers_come_to_the_same(self) -> None:
        self.successResultOf(self.records.store(record(b"a"), 10))
        late = LateStorage()
        self.records = self.make(late)
        storing = self.records.store(record(b"a"), 10)
        late.release_all()
        self.successResultOf(storing)
        entries = (self.entry(1, b"x"), self.entry(KEY, record(b"a")), self.entry(2, b"x"))
        waiting = self.records.wanted(Have(entries))
        self.assertNoResult(waiting)
        late.release_all()
        self.assertEqual(self.successResultOf(waiting), b"\xa0")

    def test_a_failure_of_the_storage_is_told(self) -> None:
        self.patch(self.storage, "get", lambda *_: fail(StorageError("broken")))
        waiting = self.records.wanted(Have((self.entry(1, b"x"), self.entry(2, b"x"))))
        self.failureResultOf(waiting, StorageError)


class VouchedTests(StoreCase):
    """A holder whose word counts spares this node to replicate what it holds, too."""

    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.records.store(record(b"a"), 1000))
        self.time = 600.0
        self.near = Sender(Endpoint("192.0.2.1", 8000), b"n" * 32)
        self.table = RoutingTable(NodeID(1 << 159))
        self.records.neighbours.tables = {Family.IPV4: self.table}
        self.know(self.near)

    def know(self, sender: Sender) -> None:
        contact = Contact.at(node_id_of(sender.key), sender.endpoint, sender.key)
        self.table.answered(contact, 0.0)

    def is_left(self) -> bool:
        (found,) = self.successResultOf(self.records.find(Kind.VALUE, KEY))
        return self.records.is_left_to_others(found, 100.0)

    def offer(self, data: bytes, sender: Sender | None) -> None:
        entry = HaveEntry(Kind.VALUE, KEY, version(data))
        self.successResultOf(self.records.wanted(Have((entry,)), sender))

    def test_an_offer_of_the_same_version_vouches(self) -> None:
        self.offer(record(b"other"), self.near)
        self.assertFalse(self.is_left())
        self.offer(record(b"a"), self.near)
        self.assertTrue(self.is_left())
        self.time += 100
        self.assertFalse(self.is_left())

    def test_a_store_of_the_same_record_vouches_and_is_no_arrival(self) -> None:
        self.successResultOf(self.records.store(record(b"a"), 1000, None, self.near))
        self.assertTrue(self.is_left())
        (found,) = self.successResultOf(self.records.find(Kind.VALUE, KEY))
        self.assertEqual(found.arrived, 500.0)

    def test_a_store_of_another_record_is_an_arrival(self) -> None:
        self.successResultOf(self.records.store(record(b"b", 1), 1000, None, self.near))
        self.assertFalse(self.is_left())
        (found,) = self.successResultOf(self.records.find(Kind.VALUE, KEY))
        self.assertEqual(found.arrived, 600.0)

    def test_the_word_of_others_does_not_count(self) -> None:
        for sender in (
            None,
            Sender(Endpoint("192.0.2.9", 8000), b"x" * 32),  # nobody knows it
            Sender(Endpoint("192.0.2.1", 8001), self.near.key),  # not where it is known
            Sender(Endpoint("2001:db8::1", 8000), self.near.key),  # in a family that we have not
        ):
            self.offer(record(b"a"), sender)
            self.successResultOf(self.records.store(record(b"a"), 1000, None, sender))
            self.assertFalse(self.is_left(), sender)

    def test_old_vouchers_are_forgotten(self) -> None:
        self.offer(record(b"a"), self.near)
        self.time += 50
        self.records.forget_vouchers(25.0)
        self.assertEqual((self.is_left(), self.records.vouched()), (True, 1))
        self.records.forget_vouchers(24.0)
        self.assertEqual((self.is_left(), self.records.vouched()), (False, 0))


class FailingTests(StoreCase):
    def test_a_storage_that_refuses_for_itself_is_failing_until_it_writes(self) -> None:
        storage = FailingStorage(StorageError("broken"))
        self.records = self.make(storage)
        self.assertFalse(self.records.is_failing())
        for error, failing in (
            (StorageError("broken"), True),
            (StorageFull("full"), True),
            (StorageBusy("busy"), False),
            (StorageFull("full"), False),
            (DiskFull("full"), True),
        ):
            storage.error = error
            self.failureResultOf(self.records.store(record(b"a"), 10))
            self.assertEqual(self.records.is_failing(), failing)
        storage.error = None
        self.successResultOf(self.records.store(record(b"a"), 10))
        self.assertFalse(self.records.is_failing())

    def test_that_it_began_to_fail_is_told_once(self) -> None:
        context = make_context(self.world)
        told: list[str] = []
        self.patch(context.faults, "report", lambda kind, text: told.append(f"{kind}: {text}"))
        storage = FailingStorage(StorageFull("within its bounds"))
        self.records = RecordStore(context, storage)
        self.failureResultOf(self.records.store(record(b"a"), 10), StorageFull)
        storage.error = DiskFull("full")
        for _ in range(2):
            self.failureResultOf(self.records.store(record(b"a"), 10), DiskFull)
        self.assertEqual(told, ["storage: records cannot be stored: full"])
        storage.error = StorageBusy("busy")
        self.failureResultOf(self.records.store(record(b"a"), 10), StorageBusy)
        storage.error = StorageError("broken")
        self.failureResultOf(self.records.store(record(b"a"), 10), StorageError)
        self.assertEqual(told[1:], ["storage: records cannot be stored: broken"])

    def test_who_no_longer_waits_says_nothing_of_the_storage(self) -> None:
        late = LateStorage()
        self.patch(late, "put", lambda *_: Deferred())
        self.records = self.make(late)
        storing = self.records.store(record(b"a"), 10)
        late.release()
        storing.cancel()
        self.failureResultOf(storing, CancelledError)
        self.assertFalse(self.records.is_failing())

    def test_a_storage_that_failed_is_tried_again(self) -> None:
        storage = FailingStorage(DiskFull("full"))
        self.records = self.make(storage)
        self.failureResultOf(self.records.store(record(b"a"), 10), DiskFull)
        self.failureResultOf(self.records.try_again(), DiskFull)
        self.assertTrue(self.records.is_failing())
        storage.error = None
        self.successResultOf(self.records.try_again())
        self.assertFalse(self.records.is_failing())
        (probe,) = self.successResultOf(storage.page(None, 9))
        self.assertEqual(len(probe.data), 1151)  # as large as a record may be
        self.assertEqual(self.successResultOf(self.records.find(*probe.where[:2])), [])
        self.assertEqual(self.successResultOf(storage.expire(self.time, 9)), 1)

    def test_a_storage_that_has_no_room_by_now_does_not_fail_any_more(self) -> None:
        storage = FailingStorage(DiskFull("full"))
        self.records = self.make(storage)
        self.failureResultOf(self.records.store(record(b"a"), 10), DiskFull)
        storage.error = StorageFull("within its bounds")
        self.failureResultOf(self.records.try_again(), StorageFull)
        self.assertFalse(self.records.is_failing())

    def test_a_storage_that_works_is_left_alone(self) -> None:
        self.successResultOf(self.records.store(record(b"a"), 10))
        self.patch(self.storage, "put", None)
        self.successResultOf(self.records.try_again())

    def test_a_record_that_is_refused_says_nothing_of_the_storage(self) -> None:
        self.successResultOf(self.records.store(record(b"new", 1), 10))
        self.failureResultOf(self.records.store(record(b"old"), 10), Superseded)
        self.failureResultOf(self.records.store(b"", 10), InvalidRecord)
        self.assertFalse(self.records.is_failing())


class ReaderTests(StoreCase):
    def test_reads_with_the_time_of_the_reading(self) -> None:
        find = storage_reader(self.storage, lambda: self.time)
        self.successResultOf(self.records.store(record(b"a"), 10))
        self.assertEqual(len(self.successResultOf(find(Kind.VALUE, KEY))), 1)
        self.assertEqual(self.successResultOf(find(2, KEY)), [])
        self.time += 10
        self.assertEqual(self.successResultOf(find(Kind.VALUE, KEY)), [])
