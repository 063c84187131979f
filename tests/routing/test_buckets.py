"""Which bucket covers what, and when one is split."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.routing.buckets import Buckets
from kadtwisted.routing.liveness import Entry
from tests.routing.helpers import contact

OWN = NodeID(0b1010_0000)


def fill(buckets: Buckets, *ids: int) -> None:
    for each in ids:
        entry = Entry(contact(each), 0.0, 0.0)
        buckets.split_for(NodeID(each)).entries.append(entry)


def sizes(buckets: Buckets) -> list[int]:
    return [len(each.entries) for each in buckets]


def ranges(buckets: Buckets) -> list[tuple[int, int]]:
    return [buckets.range_of(index) for index in range(len(buckets))]


class SplitTests(SynchronousTestCase):
    def test_one_bucket_covers_everything_at_first(self) -> None:
        self.assertEqual(ranges(Buckets(OWN, 8, 2)), [(0, 0)])

    def test_the_bucket_around_our_id_is_split_when_full(self) -> None:
        buckets = Buckets(OWN, 8, 2)
        fill(buckets, 0b0000_0001, 0b1000_0001)
        self.assertEqual(len(buckets), 1)
        fill(buckets, 0b1011_0000)
        self.assertEqual(sizes(buckets), [1, 2])
        self.assertEqual(ranges(buckets), [(0b0000_0000, 1), (0b1000_0000, 1)])

    def test_split_as_often_as_needed(self) -> None:
        buckets = Buckets(OWN, 8, 2)
        fill(buckets, 0b1010_0001, 0b1010_0010, 0b1010_0011)
        self.assertEqual(sizes(buckets), [0, 0, 0, 0, 0, 0, 2, 1])

    def test_a_full_bucket_far_away_is_never_split(self) -> None:
        buckets = Buckets(OWN, 8, 2)
        fill(buckets, 1, 2)
        for each in range(3, 128):
            self.assertEqual(len(buckets.split_for(NodeID(each)).entries), 2)
        self.assertEqual(len(buckets), 2)

    def test_the_deepest_bucket_holds_our_only_neighbour(self) -> None:
        buckets = Buckets(OWN, 8, 1)
        fill(buckets, 0b1010_0010, 0b1010_0001)
        self.assertEqual(sizes(buckets), [0, 0, 0, 0, 0, 0, 1, 1])
        self.assertEqual(buckets.range_of(7), (OWN, 7))
        self.assertFalse(buckets.has_room(NodeID(0b1010_0001)))


class RoomTests(SynchronousTestCase):
    def test_room_is_what_splitting_really_makes(self) -> None:
        source = random.Random(8)
        for k in (1, 2, 3):
            buckets = Buckets(OWN, 8, k)
            for _ in range(300):
                node_id = NodeID(source.getrandbits(8))
                if node_id == OWN or contains(buckets, node_id):
                    continue
                room = buckets.has_room(node_id)
                bucket = buckets.split_for(node_id)
                self.assertEqual(room, len(bucket.entries) < k)
                if room:
                    fill(buckets, node_id)

    def test_room_if_all_the_others_are_on_the_other_side(self) -> None:
        buckets = Buckets(OWN, 8, 2)
        fill(buckets, 1, 2)
        self.assertTrue(buckets.has_room(NodeID(0b1100_0000)))
        self.assertFalse(buckets.has_room(NodeID(3)))
        self.assertEqual(len(buckets), 1)


class RangeTests(SynchronousTestCase):
    def test_the_ranges_are_a_partition(self) -> None:
        buckets = Buckets(OWN, 8, 1)
        fill(buckets, 1, 0b1110_0000, 0b1000_0000, 0b1011_0000)
        found = ranges(buckets)
        for node_id in range(256):
            inside = [i for i, (prefix, n) in enumerate(found) if (node_id ^ prefix) >> 8 - n == 0]
            self.assertEqual(len(inside), 1)
            self.assertIs(buckets.of(NodeID(node_id)), list(buckets)[inside[0]])

    def test_random_ids_fall_into_their_bucket_and_everywhere_in_it(self) -> None:
        buckets = Buckets(OWN, 8, 1)
        fill(buckets, 1, 0b1110_0000, 0b1000_0000)
        source = random.Random(3)
        for index, bucket in enumerate(buckets):
            drawn = {buckets.random_id_in(index, source) for _ in range(3000)}
            self.assertEqual(drawn, {i for i in range(256) if buckets.of(NodeID(i)) is bucket})

    def test_no_such_bucket(self) -> None:
        buckets = Buckets(OWN, 8, 1)
        for index in (-1, 1):
            with self.assertRaises(IndexError):
                buckets.range_of(index)
            with self.assertRaises(IndexError):
                buckets.random_id_in(index, random.Random(0))


def contains(buckets: Buckets, node_id: NodeID) -> bool:
    return any(each.contact.node_id == node_id for each in buckets.of(node_id).entries)
