"""How long nodes stay, estimated against sessions drawn from known distributions."""

from __future__ import annotations

import random
from math import log

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.upkeep.sessions import ENOUGH, REMEMBERED, SHORTEST_PERIOD, Sessions


class SessionsTests(SynchronousTestCase):
    def test_too_few_tell_nothing(self) -> None:
        sessions = Sessions()
        for _ in range(ENOUGH - 1):
            sessions.ended(100)
        self.assertIsNone(sessions.median([5.0]))
        self.assertEqual(sessions.period([5.0], 3600), 3600)

    def test_exponential_sessions(self) -> None:
        source = random.Random(3)
        for median in (300.0, 3600.0):
            estimates = []
            for _ in range(50):
                sessions = Sessions()
                for _ in range(REMEMBERED):
                    sessions.ended(source.expovariate(log(2) / median))
                estimates.append(sessions.median([]) or 0.0)
            self.assertLess(abs(sum(estimates) / 50 - median), 0.1 * median)

    def test_who_stays_lengthens_the_estimate(self) -> None:
        sessions = Sessions()
        for _ in range(ENOUGH):
            sessions.ended(100)
        self.assertGreater(sessions.median([1000.0]) or 0, sessions.median([]) or 0)

    def test_the_period_follows_within_bounds(self) -> None:
        sessions = Sessions()
        for _ in range(REMEMBERED):
            sessions.ended(1.0)
        self.assertEqual(sessions.period([], 3600), SHORTEST_PERIOD)
        for _ in range(REMEMBERED):
            sessions.ended(600.0)
        self.assertAlmostEqual(sessions.period([], 3600), 600 * log(2))
        for _ in range(REMEMBERED):
            sessions.ended(1e6)
        self.assertEqual(sessions.period([], 3600), 3600)
