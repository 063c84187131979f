"""Whose records stand under a key of many: shares, who gives way, and fair samples."""

from __future__ import annotations

import random
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageFull
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.records.crowds import OWN, UNKNOWN, Crowds
from kadtwisted.records.ledger import source_of
from kadtwisted.testing.campaigns.announcements import chi_square, critical

KIND, KEY = 4, NodeID(7)
MOST = 32
SHARE = 4
A, B, C = (bytes([20, number]) for number in range(3))


def place(number: int, key: NodeID = KEY, kind: int = KIND) -> StorageKey:
    return StorageKey(kind, key, number.to_bytes(2, "big"))


class CrowdCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.crowds = Crowds({KIND: MOST}, {KIND})
        self.next = 0

    def add(self, source: bytes, count: int = 1) -> list[StorageKey]:
        added = [place(self.next + number) for number in range(count)]
        self.next += count
        for each in added:
            for leaving in self.crowds.gives_way(each, source):
                self.crowds.remove(leaving)
            self.crowds.add(each, source)
        return added

    def fill(self) -> None:
        """Eight sources have four places each."""
        for number in range(8):
            self.add(bytes([30, number]), SHARE)

    def refused(self, source: bytes, where: StorageKey | None = None) -> str:
        where = where or place(9999)
        return str(self.assertRaises(StorageFull, self.crowds.gives_way, where, source))


class ShareTests(CrowdCase):
    def test_a_source_has_an_eighth_of_the_places(self) -> None:
        self.add(A, SHARE)
        self.assertIn("of this network", self.refused(A))
        self.assertEqual(self.crowds.gives_way(place(9999), B), [])
        self.assertEqual(self.crowds.gives_way(place(1, NodeID(8)), A), [], "another key")

    def test_what_it_has_it_may_store_again(self) -> None:
        mine = self.add(A, SHARE)
        self.assertEqual(self.crowds.gives_way(mine[0], A), [])

    def test_what_comes_from_another_source_now_counts_there(self) -> None:
        mine = self.add(A)
        self.add(B, SHARE)
        self.assertIn("of this network", self.refused(B, mine[0]))

    def test_one_that_left_frees_a_place(self) -> None:
        self.crowds.remove(self.add(A, SHARE)[1])
        self.add(A)
        self.refused(A)

    def test_loopback_and_we_ourselves_have_no_share(self) -> None:
        for source in (
            OWN,
            UNKNOWN,
            source_of(Endpoint("127.0.0.1", 1)),
            source_of(Endpoint("::1", 1)),
        ):
            self.setUp()
            self.add(source, MOST)
            self.assertIn("as many records as may be", self.refused(source))

    def test_other_kinds_and_private_networks_have_none(self) -> None:
        self.crowds = Crowds({KIND: MOST})
        self.add(A, MOST)
        for source in (A, B):
            self.assertIn("as many records as may be", self.refused(source))
        self.assertEqual(self.crowds.gives_way(place(1, kind=1), A), [])
        self.crowds.add(place(1, kind=1), A)
        self.crowds.remove(place(1, kind=1))


class FullTests(CrowdCase):
    def test_the_newest_of_the_largest_gives_way_to_a_smaller_source(self) -> None:
        self.fill()
        (leaving,) = self.crowds.gives_way(place(9999), A)
        self.assertEqual(int.from_bytes(leaving.sub, "big") % SHARE, SHARE - 1)
        self.add(A, SHARE - 1)
        self.assertEqual(self.crowds.count(KIND, KEY), MOST)
        self.assertIn("as many records as may be", self.refused(A), "no source has two more")

    def test_what_came_early_of_small_sources_stays(self) -> None:
        for number in range(MOST):
            self.add(bytes([40, number]))
        for source in (A, B):
            self.assertIn("as many records as may be", self.refused(source))

    def test_our_own_never_give_way(self) -> None:
        self.add(OWN, MOST)
        self.refused(A)

    def test_however_many_try_no_source_pushes_out_another(self) -> None:
        early = self.add(C)
        for _ in range(100):
            for number in range(8):
                source = bytes([30, number])
                try:
                    self.add(source)
                except StorageFull:
                    continue
        self.assertIn(early[0], list(self.crowds.sample(KIND, KEY, MOST, random.Random(1))))
        self.assertEqual(self.crowds.count(KIND, KEY), MOST)


class SampleTests(CrowdCase):
    def drawn(self, count: int, times: int) -> Counter[StorageKey]:
        source = random.Random(5)
        draws: Counter[StorageKey] = Counter()
        for _ in range(times):
            sample = list(self.crowds.sample(KIND, KEY, count, source))
            self.assertEqual(len({*sample}), min(count, self.crowds.count(KIND, KEY)))
            draws.update(sample)
        return draws

    def test_each_is_as_likely_as_any_other(self) -> None:
        self.fill()
        draws = self.drawn(5, 1000)
        self.assertEqual(len(draws), MOST)
        self.assertLess(chi_square(draws.values()), critical(MOST - 1))

    def test_also_after_some_have_gone(self) -> None:
        self.fill()
        gone = [place(number) for number in range(0, MOST, 3)]
        for each in gone:
            self.crowds.remove(each)
        draws = self.drawn(5, 1000)
        self.assertEqual(len(draws), MOST - len(gone))
        self.assertFalse(draws.keys() & {*gone})
        self.assertLess(chi_square(draws.values()), critical(len(draws) - 1))

    def test_of_few_all_are_drawn_in_any_order(self) -> None:
        self.add(A, 3)
        self.assertEqual({*self.drawn(5, 20).values()}, {20})
        orders = {tuple(self.crowds.sample(KIND, KEY, 5, random.Random(n))) for n in range(40)}
        self.assertEqual(len(orders), 6)

    def test_of_none_none(self) -> None:
        self.assertEqual(self.drawn(5, 1), Counter())
        self.fill()
        self.crowds.clear()
        self.assertEqual(self.crowds.count(KIND, KEY), 0)
