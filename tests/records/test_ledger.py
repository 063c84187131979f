"""Whose records give way: shares of networks, distances, floors; and that the books are right."""

from __future__ import annotations

import random
from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageFull
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.records import ledger
from kadtwisted.records.crowds import OWN, UNKNOWN, Source
from kadtwisted.records.floor import floor_place
from kadtwisted.records.ledger import LARGEST, SHARE, Ledger, source_of

OURS = NodeID(0)
ONE, TWO, THREE = b"\x01\x01", b"\x02\x02", b"\x03\x03"
"""Three networks."""
NEVER = 1e9


def key(bits: int, number: int = 0) -> NodeID:
    """A key that shares so many leading bits with our ID."""
    return NodeID(1 << 159 - bits | number)


def stored(where: NodeID, size: int = 10, expires: float = NEVER) -> StoredRecord:
    return StoredRecord(StorageKey(1, where), bytes(size), expires, 0.0)


def floor_of(record: StoredRecord, expires: float = NEVER) -> StoredRecord:
    return StoredRecord(floor_place(record.where), bytes(40), expires, 0.0)


class LedgerCase(SynchronousTestCase):
    """A ledger for 40 records, of which each network has a share of 20."""

    CAPACITY = StorageUsage(40, 1 << 30)

    def setUp(self) -> None:
        self.patch(ledger, "LEAST_SHARE", 1)
        self.patch(ledger, "SHARE", 2)
        self.ledger = Ledger(OURS, self.CAPACITY, fair=True)

    def add(self, source: Source, *records: StoredRecord) -> list[NodeID]:
        """Store these; the keys of those that give way."""
        return [each.key for each in self.ledger.admit(records, source).leaving]

    def fill(self, source: Source, count: int, bits: int, start: int = 0) -> list[StoredRecord]:
        records = [stored(key(bits, number)) for number in range(start, start + count)]
        for each in records:
            self.assertEqual(self.add(source, each), [])
        return records

    def refused(self, source: Source, *records: StoredRecord) -> None:
        before = self.books()
        self.assertRaises(StorageFull, self.ledger.admit, records, source)
        self.assertEqual(self.books(), before)

    def books(self) -> object:
        sources = {each: self.ledger.holding(each) for each, _ in self.ledger.sources()}
        return self.ledger.usage(), self.ledger.floors(), sources


class ShareTests(LedgerCase):
    def test_a_network_has_its_share_and_others_have_theirs(self) -> None:
        self.fill(ONE, 20, 0)
        self.assertEqual(self.ledger.holding(ONE), StorageUsage(20, 200))
        self.refused(ONE, stored(key(0, 99)))
        self.fill(TWO, 15, 0, 100)
        self.fill(THREE, 5, 0, 200)

    def test_it_is_an_eighth(self) -> None:
        self.patch(ledger, "SHARE", SHARE)
        self.ledger = Ledger(OURS, self.CAPACITY, fair=True)
        self.fill(ONE, 5, 0)
        self.refused(ONE, stored(key(0, 99)))

    def test_its_own_farthest_gives_way_to_a_closer_one(self) -> None:
        far = [each.where.key for each in self.fill(ONE, 3, 1)]
        self.fill(ONE, 17, 4, 50)
        self.assertEqual(self.add(ONE, stored(key(5))), [far[2]])
        self.assertEqual(self.ledger.holding(ONE).records, 20)
        self.refused(ONE, stored(key(1, 99)))
        gone = [self.add(ONE, stored(key(4, 100 + number))) for number in range(2)]
        self.assertEqual(gone, [[far[1]], [far[0]]])
        self.refused(ONE, stored(key(4, 102)))

    def test_a_network_may_overwrite_its_own_and_not_take_those_of_others(self) -> None:
        mine, theirs = self.fill(ONE, 20, 0), self.fill(TWO, 5, 0, 100)
        self.assertEqual(self.add(ONE, mine[0]._replace(data=bytes(10))), [])
        self.refused(ONE, theirs[0])
        self.assertEqual(self.ledger.source(theirs[0].where), TWO)

    def test_the_share_in_bytes(self) -> None:
        self.patch(ledger, "LARGEST", 1)
        self.ledger = Ledger(OURS, StorageUsage(1000, 800), fair=True)
        self.add(ONE, stored(key(0), 400))
        self.refused(ONE, stored(key(0, 1), 1))
        self.assertEqual(self.add(TWO, stored(key(0, 2), 300)), [])
        self.refused(TWO, stored(key(0, 3), 101))
        self.assertEqual(self.add(TWO, stored(key(1), 200)), [key(0, 2)])

    def test_every_network_may_store_a_thousand(self) -> None:
        self.patch(ledger, "LEAST_SHARE", 1000)
        self.ledger = Ledger(OURS, StorageUsage(1500, 1 << 30), fair=True)
        for number in range(1000):
            self.add(ONE, stored(key(0, number)))
        self.refused(ONE, stored(key(0, 1000)))

    def test_many_small_ones_give_way_to_a_large_one(self) -> None:
        self.patch(ledger, "LARGEST", 1)
        self.ledger = Ledger(OURS, StorageUsage(1000, 800), fair=True)
        for number in range(41):
            self.add(ONE if number < 40 else TWO, stored(key(0, number)))
        self.assertEqual(len(self.add(ONE, stored(key(1), 45))), 5)

    def test_ourselves_and_what_was_there_have_no_share(self) -> None:
        self.fill(UNKNOWN, 25, 0)
        self.fill(OWN, 10, 0, 100)
        self.fill(ONE, 5, 0, 200)
        self.refused(ONE, stored(key(0, 299)))

    def test_a_private_network_has_no_shares(self) -> None:
        self.ledger = Ledger(OURS, self.CAPACITY, fair=False)
        self.fill(ONE, 50, 0)
        self.assertEqual(self.ledger.usage().records, 50)


class FullTests(LedgerCase):
    def test_the_farthest_gives_way_to_a_closer_one(self) -> None:
        for number in range(40):
            self.add(bytes((9, number)), stored(key(number % 4, number)))
        self.refused(ONE, stored(key(0, 99)))
        gone = [self.add(ONE, stored(key(1, 100 + number)))[0] for number in range(5)]
        self.assertTrue(set(gone) <= {key(0, number) for number in range(0, 40, 4)})

    def test_what_is_close_enough_is_not_pushed_out_by_what_is_closer(self) -> None:
        """Keys are free: an attacker makes them as close as it likes."""
        self.ledger = Ledger(OURS, self.CAPACITY, fair=True, close_enough=lambda: 3)
        for number in range(10):
            self.add(bytes((9, number)), stored(key(2, number)))
        for number in range(30):
            self.add(bytes((9, number)), stored(key(3, number)))
        gone = [self.add(bytes((8, number)), stored(key(60, number)))[0] for number in range(10)]
        self.assertEqual(set(gone), {key(2, number) for number in range(10)})
        self.refused(ONE, stored(key(60, 99)))

    def test_whoever_has_most_loses_first(self) -> None:
        few = self.fill(TWO, 2, 1)
        many = self.fill(ONE, 20, 1, 100)
        for number in range(18):
            self.add(bytes((9, number)), stored(key(3, number)))
        gone = [self.add(THREE, stored(key(5, number)))[0] for number in range(18)]
        self.assertTrue(set(gone) <= {each.where.key for each in many})
        self.assertTrue(all(self.ledger.source(each.where) == TWO for each in few))

    def test_our_own_do_not_give_way(self) -> None:
        self.fill(OWN, 40, 0)
        self.refused(ONE, stored(key(9)))
        self.refused(OWN, stored(key(0, 99)))

    def test_a_floor_stays_while_its_record_stands(self) -> None:
        kept = stored(key(0))
        self.add(ONE, floor_of(kept), kept)
        for number in range(38):
            self.add(bytes((9, number)), stored(key(2, number)))
        self.assertEqual(self.add(TWO, stored(key(1))), [kept.where.key])
        self.assertEqual(self.ledger.source(kept.where), None)
        self.assertEqual(self.ledger.floors().records, 1)
        # Now that its record has gone, the floor is the farthest itself.
        self.assertEqual(self.add(TWO, stored(key(1, 1))), [kept.where.key])
        self.assertEqual(self.ledger.floors().records, 0)

    def test_floors_count_for_who_left_them(self) -> None:
        """A record of a second over one of two days leaves a floor of two days."""
        for number in range(19):
            short = stored(key(0, number), expires=10.0)
            self.add(ONE, floor_of(short), short)
            self.ledger.expire(10.0)
        self.assertEqual(self.ledger.holding(ONE), StorageUsage(19, 760))
        short = stored(key(0, 50), expires=10.0)
        self.refused(ONE, floor_of(short), short)

    def test_what_is_wanted_does_not_give_way_to_itself(self) -> None:
        for number in range(40):
            self.add(bytes((9, number)), stored(key(1, number)))
        larger = stored(key(1, 3), 11)
        self.assertEqual(self.add(bytes((9, 3)), larger), [])
        self.refused(bytes((9, 3)), floor_of(larger), larger)


class BooksTests(LedgerCase):
    def test_expired_ones_are_forgotten(self) -> None:
        self.add(ONE, stored(key(0), expires=10.0))
        self.add(ONE, stored(key(0, 1), expires=30.0))
        self.add(ONE, stored(key(0), expires=20.0))
        self.ledger.expire(19.9)
        self.assertEqual(self.ledger.usage(), StorageUsage(2, 20))
        self.ledger.expire(20.0)
        self.assertEqual(list(self.ledger.places(ONE)), [StorageKey(1, key(0, 1))])
        self.ledger.expire(30.0)
        self.assertEqual(list(self.ledger.sources()), [])

    def test_a_shorter_life_counts(self) -> None:
        self.add(ONE, stored(key(0), expires=30.0))
        self.add(ONE, stored(key(0), expires=10.0))
        self.ledger.expire(10.0)
        self.assertEqual(self.ledger.usage().records, 0)

    def test_what_was_not_written_is_undone(self) -> None:
        self.fill(ONE, 15, 0)
        self.fill(TWO, 5, 1, 100)
        self.fill(UNKNOWN, 20, 1, 200)
        before = self.books()
        record = stored(key(3), 33)
        admission = self.ledger.admit((floor_of(record), record), THREE)
        self.assertEqual(len(admission.leaving), 2)
        self.assertNotEqual(self.books(), before)
        self.ledger.undo(admission)
        self.assertEqual(self.books(), before)
        self.assertEqual(self.ledger.admit((floor_of(record), record), THREE), admission)

    def test_places_name_records_and_no_floors(self) -> None:
        record = stored(key(3))
        self.add(ONE, floor_of(record), record)
        self.assertEqual(list(self.ledger.places(ONE)), [record.where])
        self.assertEqual(list(self.ledger.places(TWO)), [])

    def test_hosts_that_are_not_public_answer_for_themselves(self) -> None:
        hosts = ("10.0.0.1", "10.0.0.2", "192.168.0.1", "127.0.0.1", "fd00::1:0:0:0:1", "::1")
        found = [source_of(Endpoint(each, 1)) for each in hosts]
        self.assertEqual(len(dict.fromkeys(found)), len(hosts))
        self.assertTrue(all(len(each) not in (len(OWN), len(UNKNOWN)) for each in found))

    def test_a_network_is_a_16_or_a_32(self) -> None:
        hosts = ("192.0.2.1", "192.0.9.9", "192.1.2.1", "2001:db8::1", "2001:db8:9::1")
        found = [source_of(Endpoint(each, 1)) for each in hosts]
        self.assertEqual(len(dict.fromkeys(found)), 3)
        self.assertTrue(all(len(each) not in (len(OWN), len(UNKNOWN)) for each in found))

    def test_full_is_without_room_for_the_largest_record(self) -> None:
        self.ledger = Ledger(OURS, StorageUsage(100, 2 * LARGEST), fair=True)
        self.add(ONE, stored(key(0), LARGEST))
        self.assertFalse(self.ledger.is_full())
        self.add(TWO, stored(key(0, 1), 1))
        self.assertTrue(self.ledger.is_full())

    def test_the_books_are_those_of_a_plain_list(self) -> None:
        """Random work: sums, capacity and shelves agree with what is known to be there."""
        source = random.Random(3)
        held: dict[StorageKey, tuple[Source, StoredRecord]] = {}
        for now in range(3000):
            record = stored(
                key(source.randrange(6), source.randrange(12)),
                source.randrange(1, 50),
                now + source.randrange(1, 400),
            )
            records = [floor_of(record, record.expires + 50), record]
            records = records[source.randrange(2) :]
            network = bytes((source.randrange(5),) * 2)
            self.ledger.expire(now)
            held = {w: each for w, each in held.items() if each[1].expires > now}
            try:
                admission = self.ledger.admit(records, network)
            except StorageFull:
                mine = sum(source == network for source, _ in held.values())
                full = len(held) + len(records) > self.CAPACITY.records
                self.assertTrue(full or mine + len(records) > self.CAPACITY.records // 2)
            else:
                for where in admission.leaving:
                    del held[where]
                held.update((each.where, (network, each)) for each in records)
            self.agrees(held.values())

    def agrees(self, held: Iterable[tuple[Source, StoredRecord]]) -> None:
        known = list(held)
        self.assertLessEqual(len(known), self.CAPACITY.records)
        size = sum(len(each.data) for _, each in known)
        self.assertEqual(self.ledger.usage(), StorageUsage(len(known), size))
        for network, count in self.ledger.sources():
            mine = [each for source, each in known if source == network]
            self.assertEqual(count, len(mine))
            places = [each.where for each in mine if each.where.kind]
            self.assertEqual(sorted(self.ledger.places(network)), sorted(places))
