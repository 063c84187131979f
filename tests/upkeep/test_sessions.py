"""How long nodes stay, estimated against sessions drawn from known distributions."""

from __future__ import annotations

import random
from math import log

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.upkeep.sessions import ENOUGH, REMEMBERED, SHORTEST_PERIOD, WINDOW, Sessions, Stay

NOW = 100_000.0
HOUR = 3600.0


class SessionsTests(SynchronousTestCase):
    def test_too_few_tell_nothing(self) -> None:
        sessions = Sessions()
        for _ in range(ENOUGH - 1):
            sessions.ended(100, NOW)
        self.assertIsNone(sessions.median([Stay(NOW - 5, NOW)], 0, NOW))
        self.assertEqual(sessions.period([], 0, HOUR, NOW), HOUR)
        self.assertIsNotNone(sessions.median([], 1, NOW))

    def test_exponential_sessions_of_a_table(self) -> None:
        """Sixty places, each taken anew when its contact leaves, watched for a window."""
        for median in (120.0, 300.0, 900.0):
            estimates = []
            for seed in range(40):
                source, sessions, present = random.Random(seed), Sessions(), []
                for _ in range(60):
                    since = NOW - 3 * WINDOW
                    while (until := since + source.expovariate(log(2) / median)) < NOW:
                        sessions.ended(until - since, until)
                        since = until
                    present.append(Stay(since, NOW))
                sessions._ended.sort(key=lambda stay: stay.until)
                estimates.append(sessions.median(present, 0, NOW) or 0.0)
            mean = sum(estimates) / len(estimates)
            self.assertLess(abs(mean - median), 0.1 * median, median)

    def test_who_stays_lengthens_the_estimate_and_who_is_as_good_as_gone_shortens_it(self) -> None:
        sessions = Sessions()
        for _ in range(ENOUGH):
            sessions.ended(100, NOW)
        alone = sessions.median([], 0, NOW) or 0.0
        present = [Stay(NOW - 500, NOW)]
        self.assertGreater(sessions.median(present, 0, NOW) or 0.0, alone)
        self.assertLess(sessions.median([], 4, NOW) or 0.0, alone)

    def test_only_the_last_window_counts(self) -> None:
        sessions = Sessions()
        for _ in range(ENOUGH):
            sessions.ended(100, NOW)
        self.assertIsNotNone(sessions.median([], 0, NOW + WINDOW - 1))
        self.assertIsNone(sessions.median([], 0, NOW + WINDOW))
        long_ago = [Stay(0.0, NOW)]
        for _ in range(ENOUGH):
            sessions.ended(0, NOW)
        self.assertAlmostEqual(
            sessions.median(long_ago, 0, NOW) or 0.0, WINDOW / ENOUGH * log(2), places=6
        )

    def test_the_period_follows_within_bounds(self) -> None:
        for length, expected in ((1.0, SHORTEST_PERIOD), (600.0, 600 * log(2)), (1e6, HOUR)):
            sessions = Sessions()
            for _ in range(ENOUGH):
                sessions.ended(length, NOW)
            longest = HOUR if length < 1e6 else 100.0
            wanted = expected if length < 1e6 else 100.0
            self.assertAlmostEqual(sessions.period([], 0, longest, NOW), wanted)

    def test_bounded(self) -> None:
        sessions = Sessions()
        for number in range(2 * REMEMBERED):
            sessions.ended(1.0, NOW + number / 1000)
        self.assertEqual(len(sessions._ended), REMEMBERED)
