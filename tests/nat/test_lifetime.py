"""The lifetime of a mapping is found by waits that grow, and pings follow it."""

from __future__ import annotations

from twisted.trial import unittest

from kadtwisted.nat.lifetime import FIRST, LONGEST, MARGIN, MISSES, SHORTEST, TRIALS, Lifetime


def searched(lifetime: float) -> Lifetime:
    """The search behind a NAT that lets others in for so long."""
    search = Lifetime()
    while (trial := search.trial) is not None:
        if trial < lifetime:
            search.came()
        else:
            search.lost()
    return search


class LifetimeTests(unittest.SynchronousTestCase):
    def test_pings_are_frequent_until_something_is_known(self) -> None:
        search = Lifetime()
        self.assertEqual((search.interval, search.trial, search.is_over), (FIRST, TRIALS[0], False))

    def test_each_lifetime_is_found_and_pings_come_before_it_ends(self) -> None:
        for lifetime in (12.5, 30.0, 60.0, 90.0, 120.0, 180.0, 600.0):
            search = searched(lifetime)
            self.assertLess(search.interval, lifetime)
            self.assertTrue(search.is_over)
        self.assertEqual(searched(30.0).interval, TRIALS[0] * MARGIN)
        self.assertEqual(searched(60.0).interval, TRIALS[1] * MARGIN)
        self.assertEqual(searched(600.0).interval, LONGEST)
        self.assertEqual(searched(10.5).interval, SHORTEST)

    def test_one_lost_datagram_decides_nothing(self) -> None:
        search = Lifetime()
        for _ in range(MISSES - 1):
            search.lost()
        self.assertEqual(search.trial, TRIALS[0])
        search.came()
        self.assertEqual((search.survived, search.trial), (TRIALS[0], TRIALS[1]))

    def test_a_port_that_changes_between_two_pings_makes_them_more_frequent(self) -> None:
        search = searched(600.0)
        intervals = []
        while search.survived is not None:
            search.rebound()
            intervals.append(search.interval)
        self.assertEqual(intervals, [LONGEST * 0.92, TRIALS[1] * MARGIN, FIRST, SHORTEST])
        search.rebound()
        self.assertEqual(search.interval, SHORTEST)

    def test_what_comes_when_the_search_is_over_changes_nothing(self) -> None:
        search = searched(60.0)
        before = search.survived, search.missed, search.interval
        search.came()
        search.lost()
        self.assertEqual((search.survived, search.missed, search.interval), before)
