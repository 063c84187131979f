"""The nearest IDs against the obvious way to find them: sort everything by distance."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.routing.nearest import count_nearer, nearest

QUICK = settings(max_examples=200, deadline=None, derandomize=True)


def by_sorting(ids: list[NodeID], target: NodeID, count: int) -> list[NodeID]:
    return sorted(ids, key=lambda each: each ^ target)[:count]


class NearestTests(SynchronousTestCase):
    def test_by_hand(self) -> None:
        ids = [NodeID(each) for each in (0b0001, 0b0100, 0b0111, 0b1000)]
        self.assertEqual(nearest(ids, NodeID(0b0101), 2), [0b0100, 0b0111])

    def test_none_wanted_or_none_known(self) -> None:
        self.assertEqual(nearest([NodeID(1)], NodeID(1), 0), [])
        self.assertEqual(nearest([NodeID(1)], NodeID(1), -1), [])
        self.assertEqual(nearest([], NodeID(1), 5), [])

    def test_the_list_itself_is_left_alone(self) -> None:
        ids = [NodeID(each) for each in (1, 2, 3)]
        nearest(ids, NodeID(3), 2)
        self.assertEqual(ids, [1, 2, 3])

    @QUICK
    @given(st.sets(st.integers(0, 255)), st.integers(0, 255), st.integers(1, 24))
    def test_8_bits(self, ids: set[int], target: int, count: int) -> None:
        known = [NodeID(each) for each in sorted(ids)]
        self.assertEqual(
            nearest(known, NodeID(target), count), by_sorting(known, NodeID(target), count)
        )

    def test_160_bits(self) -> None:
        source = random.Random(160)
        for size in (1, 39, 40, 41, 200, 1000):
            known = sorted(NodeID(source.getrandbits(160)) for _ in range(size))
            targets = [NodeID(source.getrandbits(160)) for _ in range(20)]
            for target in [*targets, *known[:5], known[-1], NodeID(0), NodeID(2**160 - 1)]:
                self.assertEqual(nearest(known, target, 20), by_sorting(known, target, 20))

    def test_160_bits_crowded_at_every_depth(self) -> None:
        source = random.Random(1)
        own = source.getrandbits(160)
        known = sorted(
            NodeID(own ^ source.getrandbits(160) >> source.getrandbits(8) % 160) for _ in range(600)
        )
        for shift in range(0, 160, 3):
            target = NodeID(own ^ 1 << shift)
            self.assertEqual(nearest(known, target, 20), by_sorting(known, target, 20))


class CountTests(SynchronousTestCase):
    def test_by_hand(self) -> None:
        ids = [NodeID(each) for each in (0b0001, 0b0100, 0b0111, 0b1000)]
        self.assertEqual(count_nearer(ids, NodeID(0b0101), 0b0010), 1)
        self.assertEqual(count_nearer(ids, NodeID(0b0101), 0b0011), 2)
        self.assertEqual(count_nearer([], NodeID(1), 9), 0)

    @QUICK
    @given(st.sets(st.integers(0, 255)), st.integers(0, 255), st.integers(0, 255))
    def test_8_bits(self, ids: set[int], target: int, distance: int) -> None:
        known = [NodeID(each) for each in sorted(ids)]
        expected = sum(each ^ target < distance for each in known)
        self.assertEqual(count_nearer(known, NodeID(target), distance), expected)

    def test_160_bits(self) -> None:
        source = random.Random(160)
        for size in (1, 40, 1000):
            known = sorted(NodeID(source.getrandbits(160)) for _ in range(size))
            for target in (*known[:5], NodeID(source.getrandbits(160)), NodeID(0)):
                for place in (known[-1], known[0], NodeID(source.getrandbits(160))):
                    expected = sum(each ^ target < place ^ target for each in known)
                    self.assertEqual(count_nearer(known, target, place ^ target), expected)
