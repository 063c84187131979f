"""The estimate of a network's size against networks whose size is known."""

from __future__ import annotations

import random
from math import inf, sqrt
from statistics import fmean, pstdev

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.size import estimate_size, standard_error
from kadtwisted.routing.table import RoutingTable

K = 20
ENDPOINT = Endpoint("192.0.2.1", 8000)


def distances(source: random.Random, others: int, count: int) -> list[int]:
    """The distances of the nearest ``count`` of so many nodes, without drawing all of them: the
    order statistics of even numbers, one after the other."""
    found, rest = [], 1.0
    for left in range(others, max(others - count, 0), -1):
        rest *= source.random() ** (1 / left)
        found.append(int((1 - rest) * 2**160))
    return found


class EstimateTests(SynchronousTestCase):
    def check(self, size: int, draw: int, trials: int) -> None:
        """Mean and spread over many networks, and that hardly any estimate is far off."""
        source = random.Random(size)
        found = []
        for _ in range(trials):
            near = distances(source, size - 1, draw)
            own = NodeID(source.getrandbits(160))
            found.append(estimate_size(own, [NodeID(own ^ each) for each in near], draw))
        error = standard_error(draw)
        self.assertLess(abs(fmean(found) / size - 1), 4 * error / sqrt(trials))
        self.assertLess(pstdev(found) / size, 1.2 * error)
        far_off = [each for each in found if not 1 - 3 * error < each / size < 1 + 4 * error]
        self.assertLess(len(far_off), 0.01 * trials)

    def test_without_bias_and_within_the_stated_error(self) -> None:
        for size in (30, 100, 1000, 10_000, 100_000):
            self.check(size, K, 1000)

    def test_more_ids_tell_more(self) -> None:
        self.check(100_000, 102, 500)
        self.assertEqual(standard_error(102), 0.1)
        self.assertEqual(standard_error(2), inf)

    def test_a_network_no_larger_than_k_is_counted(self) -> None:
        source = random.Random(10)
        for size in (1, 2, 10, 20):
            near = [NodeID(source.getrandbits(160)) for _ in range(size - 1)]
            self.assertEqual(estimate_size(NodeID(0), near, K), size)

    def test_never_fewer_than_are_known(self) -> None:
        """Also where all are far away, or the IDs are too few for an estimate."""
        far = [NodeID(255 - each) for each in range(20)]
        self.assertEqual(estimate_size(NodeID(0), far, K, bits=8), 21)
        self.assertEqual(estimate_size(NodeID(0), far, 3, bits=8), 21)
        self.assertEqual(estimate_size(NodeID(0), [NodeID(1), NodeID(2)], 2, bits=8), 3)

    def test_by_hand(self) -> None:
        """Three within an eighth of the space: (3 - 1) x 8 others."""
        known = [NodeID(0b0010_0000), NodeID(7), NodeID(1), NodeID(0b1000_0000)]
        self.assertEqual(estimate_size(NodeID(0), known, 3, bits=8), 17)

    def test_real_ids(self) -> None:
        """All IDs drawn, the nearest chosen: within three standard errors."""
        source = random.Random(3)
        for size in (10, 100, 1000, 10_000, 100_000):
            own = NodeID(source.getrandbits(160))
            others = [NodeID(source.getrandbits(160)) for _ in range(size - 1)]
            near = sorted(others, key=own.__xor__)[:K]
            found = estimate_size(own, reversed(near), K)
            self.assertLess(abs(found / size - 1), 3 * standard_error(K))

    def test_from_a_routing_table(self) -> None:
        """The table misses few of the nearest, so the mean is hardly lower."""
        source = random.Random(4)
        size, found = 2000, []
        for _ in range(12):
            table = RoutingTable(NodeID(source.getrandbits(160)))
            for _ in range(size - 1):
                table.answered(Contact.at(NodeID(source.getrandbits(160)), ENDPOINT), 0.0)
            near = [each.node_id for each in table.closest(table.own_id)]
            found.append(estimate_size(table.own_id, near, K))
        self.assertLess(abs(fmean(found) / size - 1), 0.25)
