"""One bucket: its replacement cache, its oldest entries, its two halves."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.routing.kbucket import KBucket
from kadtwisted.routing.liveness import NEVER, Entry
from tests.routing.helpers import contact


def entry(node_id: int, last_seen: float = 0.0, *, tentative: bool = False) -> Entry:
    return Entry(contact(node_id), 0.0, last_seen, tentative=tentative)


def ids(entries: list[Entry]) -> list[int]:
    return [each.contact.node_id for each in entries]


class ReplacementCacheTests(SynchronousTestCase):
    def test_the_newest_leaves_first_and_the_oldest_is_forgotten(self) -> None:
        bucket = KBucket()
        for each in (1, 2, 3, 4):
            bucket.wait(entry(each), 3)
        self.assertEqual(list(bucket.candidates), [2, 3, 4])
        taken = bucket.newest_candidate(lambda _: True)
        assert taken is not None
        self.assertEqual(taken.contact.node_id, 4)
        self.assertEqual(list(bucket.candidates), [2, 3])

    def test_the_newest_that_may_enter(self) -> None:
        bucket = KBucket()
        for each in (1, 2, 3):
            bucket.wait(entry(each), 3)
        taken = bucket.newest_candidate(lambda each: each.contact.node_id < 3)
        assert taken is not None
        self.assertEqual((taken.contact.node_id, list(bucket.candidates)), (2, [1, 3]))
        self.assertIsNone(bucket.newest_candidate(lambda _: False))
        self.assertEqual(list(bucket.candidates), [1, 3])

    def test_a_candidate_that_answers_again_is_the_newest(self) -> None:
        bucket = KBucket()
        for each in (1, 2, 1):
            bucket.wait(entry(each), 3)
        self.assertEqual(list(bucket.candidates), [2, 1])

    def test_a_cache_without_room_stays_empty(self) -> None:
        bucket = KBucket()
        bucket.wait(entry(1), 0)
        self.assertIsNone(bucket.newest_candidate(lambda _: True))


class StalestTests(SynchronousTestCase):
    def test_stalest_of_the_wanted(self) -> None:
        bucket = KBucket()
        bucket.entries = [entry(1, 30.0), entry(2, 10.0), entry(3, 20.0)]
        found = bucket.stalest(lambda each: each.last_seen > 15.0)
        self.assertIs(found, bucket.entries[2])
        self.assertIsNone(bucket.stalest(lambda _: False))


class GivesWayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bucket = KBucket()
        self.bucket.entries = [entry(1, 1.0), entry(2, 9.0, tentative=True)]
        self.bucket.entries.append(entry(3, 5.0, tentative=True))

    def test_the_stalest_tentative_one(self) -> None:
        self.assertIs(self.bucket.gives_way(fits=True), self.bucket.entries[2])
        self.bucket.entries = self.bucket.entries[:1]
        self.assertIsNone(self.bucket.gives_way(fits=True))

    def test_then_the_surplus_that_came_last(self) -> None:
        entries = self.bucket.entries
        for number, each in enumerate(entries):
            each.first_seen, each.surplus, each.tentative = float(number % 2), True, False
        self.assertIs(self.bucket.gives_way(fits=True), entries[1])
        self.assertIsNone(self.bucket.gives_way(fits=False))

    def test_surplus_gets_the_place_of_tentative_surplus_only(self) -> None:
        self.assertIsNone(self.bucket.gives_way(fits=False))
        self.bucket.entries[1].surplus = True
        self.assertIs(self.bucket.gives_way(fits=False), self.bucket.entries[1])


class SplitTests(SynchronousTestCase):
    def test_each_half_has_its_own(self) -> None:
        bucket = KBucket()
        bucket.entries = [entry(1), entry(128), entry(2)]
        other = bucket.split(lambda each: each < 128)
        self.assertEqual((ids(bucket.entries), ids(other.entries)), ([128], [1, 2]))

    def test_candidates_go_with_their_half(self) -> None:
        bucket = KBucket()
        for each in (1, 128, 2, 129):
            bucket.wait(entry(each), 9)
        other = bucket.split(lambda each: each < 128)
        self.assertEqual((list(bucket.candidates), list(other.candidates)), ([128, 129], [1, 2]))

    def test_only_the_half_of_the_last_lookup_remembers_it(self) -> None:
        for target, kept, moved in ((200, 7.0, NEVER), (3, NEVER, 7.0)):
            bucket = KBucket()
            bucket.looked_up(NodeID(target), 7.0)
            other = bucket.split(lambda each: each < 128)
            self.assertEqual((bucket.last_lookup, other.last_lookup), (kept, moved))

    def test_without_a_lookup_both_were_never_visited(self) -> None:
        bucket = KBucket()
        other = bucket.split(lambda each: each < 128)
        self.assertEqual((bucket.last_lookup, other.last_lookup), (NEVER, NEVER))
