"""How many values are under way: more while nothing waits, fewer where something does."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.node.bulk.pace import FIRST, MOST, Pace


def settled(capacity: float, round_trip: float, minutes: int = 5) -> float:
    """How many are under way on average where so many a second can be done, in the last minute."""
    pace, now = Pace(), 0.0
    begun = [0.0]
    seen = []
    done_at = 0.0
    while now < 60 * minutes:
        began = begun.pop(0)
        done_at = now = max(began + round_trip, done_at + 1 / capacity)
        pace.took(began, now)
        begun += [now] * (pace.at_once - len(begun))
        if now > 60 * (minutes - 1):
            seen.append(pace.at_once)
    return sum(seen) / len(seen)


class PaceTests(SynchronousTestCase):
    def test_a_long_way_takes_many(self) -> None:
        self.assertGreater(settled(1e9, round_trip=0.3), 0.8 * MOST)

    def test_no_more_than_a_slow_machine_does(self) -> None:
        """At 50 a second with round trips of 40 ms, 2 are on their way and a few wait."""
        for capacity, round_trip, low, high in ((50.0, 0.04, 2, 8), (100.0, 0.2, 17, 26)):
            found = settled(capacity, round_trip)
            self.assertTrue(low <= found <= high, found)

    def test_it_doubles_at_first(self) -> None:
        pace = Pace()
        self.assertEqual(pace.at_once, FIRST)
        for _ in range(4):
            pace.took(0.0, 0.1)
        self.assertEqual(pace.at_once, 2 * FIRST)

    def test_silence_halves_it_once_for_all_that_were_under_way(self) -> None:
        pace = Pace()
        for _ in range(12):
            pace.took(0.0, 0.1)
        for began in (1.0, 1.5, 2.0):
            pace.lost(began, now=3.0)
        self.assertEqual(pace.at_once, 8)
        pace.lost(3.5, now=4.0)
        self.assertEqual(pace.at_once, 4)
        for moment in range(5, 50, 2):
            pace.lost(moment, now=moment + 1.0)
        self.assertEqual(pace.at_once, 1)

    def test_no_time_at_all(self) -> None:
        pace = Pace()
        for _ in range(200):
            pace.took(0.0, 0.0)
        self.assertEqual(pace.at_once, MOST)

    def test_a_way_that_has_become_longer_is_believed_in_time(self) -> None:
        pace = Pace()
        for moment in range(100):
            pace.took(moment * 0.01, moment * 0.01 + 0.01)
        for moment in range(2000):
            pace.took(1.0 + moment * 0.01, 1.3 + moment * 0.01)
        self.assertLess(pace.at_once, 10)
        for moment in range(8000):
            pace.took(21.0 + moment * 0.01, 21.3 + moment * 0.01)
        self.assertGreater(pace.at_once, 40)
