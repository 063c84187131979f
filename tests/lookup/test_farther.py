"""Looking beyond the k closest: every node is met, the nearest first."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.lookup.farther import MOST_TARGETS, Farther
from kadtwisted.model.ids import NodeID

BITS = 12


def closest(nodes: list[NodeID], target: NodeID, count: int) -> list[NodeID]:
    """What a perfect lookup finds."""
    return sorted(nodes, key=lambda each: each ^ target)[:count]


class FartherTests(SynchronousTestCase):
    def met(self, nodes: list[NodeID], key: NodeID, k: int) -> list[NodeID]:
        """All nodes that are met, in the order of their distance to the key."""
        farther = Farther(key, k, BITS)
        found = closest(nodes, key, k)
        met = dict.fromkeys(found)
        farther.found(found)
        while (target := farther.next()) is not None:
            found = closest(nodes, target, k)
            met.update(dict.fromkeys(found))
            farther.found(found)
        return closest(list(met), key, len(met))

    def test_none_is_left_out_on_the_way(self) -> None:
        source = random.Random(1)
        for size in (20, 40, 100):
            nodes = [NodeID(each) for each in source.sample(range(1 << BITS), size)]
            for _ in range(20):
                key, k = NodeID(source.getrandbits(BITS)), source.choice((3, 4, 8))
                met = self.met(nodes, key, k)
                # What lies in the last block is met as far as it goes.
                surely = len(met) - k
                self.assertEqual(met[:surely], closest(nodes, key, surely))
                self.assertGreaterEqual(len(met), min(size, 3 * k))

    def test_enough_is_what_no_other_node_can_lie_between(self) -> None:
        farther = Farther(NodeID(0), 2, BITS)
        self.assertFalse(farther.enough([NodeID(0), NodeID(1)]))
        farther.found([NodeID(0), NodeID(9)])  # so below 8 there is nobody else
        self.assertTrue(farther.enough([NodeID(0), NodeID(7)]))
        self.assertFalse(farther.enough([NodeID(0), NodeID(9), NodeID(8)]))

    def test_few_nodes_are_all_met_and_then_it_is_over(self) -> None:
        nodes = [NodeID(each) for each in (1, 2, 700, 4000)]
        self.assertEqual(len(self.met(nodes, NodeID(5), 3)), 4)
        farther = Farther(NodeID(5), 8, BITS)
        farther.found(nodes)
        self.assertIsNone(farther.next())

    def test_the_number_of_targets_is_bounded(self) -> None:
        farther = Farther(NodeID(0), 2, BITS)
        farther.found([NodeID(0), NodeID(1)])
        targets = []
        while (target := farther.next()) is not None:
            targets.append(target)
            farther.found([target, NodeID(target ^ 1)])
        self.assertEqual(targets, [NodeID(each) for each in range(1, MOST_TARGETS + 1)])
