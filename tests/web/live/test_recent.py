"""Requests that have ended lately."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial import unittest

from kadtwisted.model.observed import ANSWERED, TIMED_OUT, RequestEnded
from kadtwisted.web.live.recent import MOST_SAMPLES, RecentRequests, quantile


class RecentRequestsTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.recent = RecentRequests(self.clock.seconds)

    def test_they_are_counted_by_message_and_ending(self) -> None:
        for result, seconds in ((ANSWERED, 0.02), (TIMED_OUT, 3.0), (ANSWERED, 0.04)):
            self.recent.hear(RequestEnded("Ping", result, seconds))
        self.recent.hear(RequestEnded("FindNode", ANSWERED, 0.5))
        self.clock.advance(2)
        taken = self.recent.take()
        find, ping = taken["rpcs"]
        self.assertEqual((taken["seconds"], find["rpc"], ping["rpc"]), (2.0, "FindNode", "Ping"))
        self.assertEqual(ping["results"], {ANSWERED: 2, TIMED_OUT: 1})
        self.assertEqual((ping["median_seconds"], ping["p95_seconds"]), (0.02, 0.04))
        self.assertEqual((taken["median_seconds"], taken["p95_seconds"]), (0.04, 0.5))

    def test_each_is_told_once(self) -> None:
        self.recent.hear(RequestEnded("Ping", ANSWERED, 0.02))
        self.recent.take()
        self.clock.advance(1)
        nothing = {"seconds": 1.0, "rpcs": [], "median_seconds": None, "p95_seconds": None}
        self.assertEqual(self.recent.take(), nothing)

    def test_times_are_kept_of_so_many(self) -> None:
        for _ in range(MOST_SAMPLES):
            self.recent.hear(RequestEnded("Ping", ANSWERED, 0.02))
        self.recent.hear(RequestEnded("Ping", ANSWERED, 9.0))
        (ping,) = self.recent.take()["rpcs"]
        self.assertEqual(ping["results"][ANSWERED], MOST_SAMPLES + 1)
        self.assertEqual(quantile([0.02, 9.0], 1), 9.0)
        self.assertEqual(ping["p95_seconds"], 0.02)

    def test_quantiles(self) -> None:
        times = [float(each) for each in range(20, 0, -1)]
        self.assertEqual([quantile(times, each) for each in (0.01, 0.5, 0.95)], [1.0, 10.0, 19.0])
        self.assertIsNone(quantile([], 0.5))
        self.assertEqual(quantile([7.0], 0.5), 7.0)
