"""The estimate of a network's size against networks whose size is known."""

from __future__ import annotations

import random
from math import inf, sqrt
from statistics import fmean, pstdev

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.routing.size import (
    REMEMBERED,
    Size,
    SizeEstimates,
    estimate_size,
    standard_error,
)
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


class SizeEstimatesTests(SynchronousTestCase):
    """Several estimates, some of which an attacker has made too large."""

    def of(self, *estimates: float, around_us: float = 100.0) -> Size:
        known = SizeEstimates()
        for each in estimates:
            known.note(each, 60)
        return known.size(around_us, 60)

    def test_one_or_two_are_not_enough_to_be_sure(self) -> None:
        self.assertEqual(self.of(), Size(100.0, 100.0, True))
        self.assertEqual(self.of(120.0), Size(100.0, 120.0, True))
        self.assertEqual(self.of(120.0, 110.0), Size(110.0, 120.0, False))

    def test_the_median_where_they_agree(self) -> None:
        self.assertEqual(self.of(90.0, 120.0, 110.0, 130.0), Size(110.0, 130.0, False))

    def test_the_lower_quartile_where_they_do_not(self) -> None:
        self.assertEqual(self.of(90.0, 120.0, 110.0, around_us=9000.0), Size(90.0, 9000.0, True))
        self.assertEqual(self.of(9000.0, 8000.0, 90.0, 7000.0, 110.0), Size(100.0, 9000.0, True))
        self.assertEqual(self.of(90.0, 120.0, 110.0, around_us=20.0), Size(20.0, 120.0, True))

    def test_only_the_newest_count(self) -> None:
        known = SizeEstimates()
        for number in range(3 * REMEMBERED):
            known.note(1e6 if number < 2 * REMEMBERED else 100.0, 60)
        self.assertEqual((known.size(100.0, 60), known.missing(60)), (Size(100.0, 100.0, False), 0))

    def test_what_is_older_than_half_of_the_table_does_not_count(self) -> None:
        known = SizeEstimates()
        for estimate, contacts in ((7.0, 5), (9.0, 8), (80.0, 20), (90.0, 30)):
            known.note(estimate, contacts)
        for contacts, missing, expected in (
            (16, 0, Size(9.0, 100.0, True)),
            (17, 0, Size(90.0, 100.0, False)),
            (40, 0, Size(90.0, 100.0, False)),
            (60, 1, Size(90.0, 100.0, True)),
            (61, 2, Size(100.0, 100.0, True)),
        ):
            self.assertEqual(known.missing(contacts), missing)
            self.assertEqual(known.size(100.0, contacts), expected)

    def test_chance_alone_puts_the_size_in_doubt_seldom(self) -> None:
        for k, seldom in ((8, 0.05), (K, 0.002)):
            source, doubts, found = random.Random(k), 0, []
            for _ in range(500):
                known = SizeEstimates()
                for _ in range(REMEMBERED):
                    near = [NodeID(each) for each in distances(source, 999, k)]
                    known.note(estimate_size(NodeID(0), near, k), 60)
                size = known.size(1000.0, 60)
                doubts += size.doubtful
                found.append(size.nodes)
            self.assertLessEqual(doubts / 500, seldom)
            self.assertLess(abs(fmean(found) / 1000 - 1), 0.15)

    def test_a_crowd_at_two_of_sixteen_points_is_noticed_and_not_believed(self) -> None:
        source = random.Random(5)
        known = SizeEstimates()
        for number in range(REMEMBERED):
            near = [NodeID(each) for each in distances(source, 999, K)]
            crowd = [NodeID(each + 1) for each in range(K)] if number % 8 == 0 else []
            known.note(estimate_size(NodeID(0), near + crowd, K), 60)
        size = known.size(1e30, 60)
        self.assertTrue(size.doubtful)
        self.assertLess(abs(size.nodes / 1000 - 1), 0.4)
