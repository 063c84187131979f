"""Our own records, when each is due again, and what a restart makes of them."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import TooManyRequests
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.upkeep.publishing import RETRY, SPREAD, Publishing

NOW = 1_800_000_000.0
DAY = 86400.0


def where(number: int) -> StorageKey:
    return StorageKey(1, NodeID(number))


class PublishingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.publishing = Publishing(random.Random(5), 1000)

    def test_again_at_half_the_lifetime_give_or_take_a_tenth(self) -> None:
        nexts = [
            self.publishing.published(where(n), b"r", DAY, NOW).next_at - NOW for n in range(500)
        ]
        self.assertGreaterEqual(min(nexts), 0.45 * DAY)
        self.assertLessEqual(max(nexts), 0.55 * DAY)
        self.assertGreater(max(nexts) - min(nexts), 0.08 * DAY)

    def test_a_failure_is_tried_again_soon(self) -> None:
        self.publishing.published(where(1), b"r", DAY, NOW)
        later = self.publishing.failed(where(1), NOW)
        assert later is not None
        self.assertTrue(0.75 * RETRY <= later.next_at - NOW <= 1.25 * RETRY)
        self.assertIsNone(self.publishing.failed(where(2), NOW))

    def test_withdrawn_is_forgotten(self) -> None:
        self.publishing.published(where(1), b"r", DAY, NOW)
        self.assertTrue(self.publishing.withdraw(where(1)))
        self.assertFalse(self.publishing.withdraw(where(1)))
        self.assertIsNone(self.publishing.get(where(1)))

    def test_bounded_by_its_capacity(self) -> None:
        small = Publishing(random.Random(1), 2)
        for number in (1, 2, 1):
            small.published(where(number), b"r", DAY, NOW)
        self.assertRaises(TooManyRequests, small.published, where(3), b"r", DAY, NOW)
        self.assertEqual(len(small), 2)

    def test_a_restart_announces_nothing_that_is_not_due(self) -> None:
        saved = [self.publishing.published(where(n), b"r", DAY, NOW) for n in range(1000)]
        later = Publishing(random.Random(6), 1000)
        restored = later.restore(saved, NOW + 60)
        self.assertEqual(restored, saved)
        self.assertEqual(later.publications(), saved)

    def test_what_is_overdue_is_spread(self) -> None:
        saved = [self.publishing.published(where(n), b"r", DAY, NOW) for n in range(1000)]
        restored = Publishing(random.Random(6), 1000).restore(saved, NOW + 10 * DAY)
        waits = sorted(each.next_at - NOW - 10 * DAY for each in restored)
        self.assertGreaterEqual(waits[0], 0)
        self.assertGreater(waits[-1], 0.9 * SPREAD)
        self.assertLess(sum(1 for each in waits if each < SPREAD / 10), 150)

    def test_a_next_time_from_a_wrong_clock_counts_as_overdue(self) -> None:
        saved = [self.publishing.published(where(1), b"r", DAY, NOW + 30 * 365 * DAY)]
        restored = Publishing(random.Random(6), 10).restore(saved, NOW)
        self.assertLessEqual(restored[0].next_at, NOW + SPREAD)
