"""Our own records, when each is due again, and what a restart makes of them."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import TooManyRequests
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Audit, Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.upkeep.publishing import RETRY, SPREAD, PublicationSchedule

NOW = 1_800_000_000.0
DAY = 86400.0
YEAR = 365 * DAY
PIN_EVERY = 600.0


def where(number: int) -> StorageKey:
    return StorageKey(1, NodeID(number))


def wanted(place: StorageKey, record: bytes, lifetime: float = DAY) -> Publication:
    """What a publisher wants to keep, before it has a next time."""
    return Publication(place, record, lifetime, 0.0)


class PublishingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.publishing = PublicationSchedule(random.Random(5), 1000)

    def test_again_at_half_the_lifetime_give_or_take_a_tenth(self) -> None:
        nexts = [
            self.publishing.published(wanted(where(n), b"r"), NOW).next_at - NOW for n in range(500)
        ]
        self.assertGreaterEqual(min(nexts), 0.45 * DAY)
        self.assertLessEqual(max(nexts), 0.55 * DAY)
        self.assertGreater(max(nexts) - min(nexts), 0.08 * DAY)

    def test_a_failure_is_tried_again_soon(self) -> None:
        self.publishing.published(wanted(where(1), b"r"), NOW)
        later = self.publishing.failed(where(1), NOW)
        assert later is not None
        self.assertTrue(0.75 * RETRY <= later.next_at - NOW <= 1.25 * RETRY)
        self.assertIsNone(self.publishing.failed(where(2), NOW))

    def test_what_lives_for_a_short_time_is_tried_again_before_it_ends(self) -> None:
        for lifetime in (60.0, 120.0, 600.0, 1800.0):
            made = self.publishing.published(wanted(where(1), b"r", lifetime), NOW)
            for _ in range(3):
                tried = made.next_at
                again = self.publishing.failed(where(1), tried)
                assert again is not None
                made = again
                self.assertGreater(made.next_at, tried + 3.0)
            self.assertLess(made.next_at, NOW + lifetime)
            self.publishing.withdraw(where(1))

    def test_withdrawn_is_forgotten(self) -> None:
        self.publishing.published(wanted(where(1), b"r"), NOW)
        self.assertTrue(self.publishing.withdraw(where(1)))
        self.assertFalse(self.publishing.withdraw(where(1)))
        self.assertIsNone(self.publishing.get(where(1)))

    def test_another_record_in_its_place_is_not_the_one_that_was_kept(self) -> None:
        made = self.publishing.published(wanted(where(1), b"r"), NOW)
        later = self.publishing.failed(where(1), NOW)
        assert later is not None
        self.assertTrue(self.publishing.keeps(made) and self.publishing.keeps(later))
        self.publishing.published(wanted(where(1), b"newer"), NOW)
        self.assertFalse(self.publishing.keeps(made))
        self.publishing.withdraw(where(1))
        self.assertFalse(self.publishing.keeps(made))

    def test_a_rate_suffices_for_so_many_records(self) -> None:
        # Two records, each with 50 datagrams a twelve hours, and one with 50 an hour.
        self.assertTrue(self.publishing.keeps_up(0.0, PIN_EVERY))
        needed = 2 * 50 / (0.5 * DAY) + 50 / 3600
        for number, lifetime in enumerate((DAY, DAY, 7200.0, DAY)):
            self.publishing.published(wanted(where(number), b"r", lifetime), NOW)
        self.assertFalse(self.publishing.keeps_up(needed * 1.001, PIN_EVERY))
        self.publishing.published(wanted(where(3), b"newer", 7200.0), NOW)
        self.publishing.withdraw(where(3))
        self.assertTrue(self.publishing.keeps_up(needed * 1.001, PIN_EVERY))
        self.assertFalse(self.publishing.keeps_up(needed * 0.999, PIN_EVERY))
        self.publishing.restore(self.publishing.publications()[:2], NOW)
        self.assertTrue(self.publishing.keeps_up(2 * 50 / (0.5 * DAY) * 1.001, PIN_EVERY))
        self.assertFalse(self.publishing.keeps_up(2 * 50 / (0.5 * DAY) * 0.999, PIN_EVERY))

    def test_bounded_by_its_capacity(self) -> None:
        small = PublicationSchedule(random.Random(1), 2)
        for number in (1, 2, 1):
            small.published(wanted(where(number), b"r"), NOW)
        self.assertRaises(TooManyRequests, small.published, wanted(where(3), b"r"), NOW)
        self.assertEqual(len(small), 2)

    def test_a_restart_announces_nothing_that_is_not_due(self) -> None:
        saved = [self.publishing.published(wanted(where(n), b"r"), NOW) for n in range(1000)]
        later = PublicationSchedule(random.Random(6), 1000)
        restored = later.restore(saved, NOW + 60)
        self.assertEqual(restored, saved)
        self.assertEqual(later.publications(), saved)

    def test_what_is_overdue_is_spread(self) -> None:
        saved = [self.publishing.published(wanted(where(n), b"r"), NOW) for n in range(1000)]
        restored = PublicationSchedule(random.Random(6), 1000).restore(saved, NOW + 10 * DAY)
        waits = sorted(each.next_at - NOW - 10 * DAY for each in restored)
        self.assertGreaterEqual(waits[0], 0)
        self.assertGreater(waits[-1], 0.9 * SPREAD)
        self.assertLess(sum(1 for each in waits if each < SPREAD / 10), 150)

    def restored(self, saved: list[Publication], unix_now: float) -> list[Publication]:
        return PublicationSchedule(random.Random(6), 1000).restore(saved, unix_now)

    def assert_all_spread(self, restored: list[Publication], unix_now: float) -> None:
        """Nothing is lost or altered, and all is due, evenly, within the next quarter hour."""
        waits = sorted(each.next_at - unix_now for each in restored)
        self.assertEqual(
            [(each.where.key, each.record, each.lifetime) for each in restored],
            [(n, b"r%d" % n, DAY) for n in range(len(restored))],
        )
        self.assertGreaterEqual(waits[0], 0)
        self.assertLessEqual(waits[-1], SPREAD)
        self.assertTrue(0.4 * SPREAD < waits[len(waits) // 2] < 0.6 * SPREAD)

    def saved(self, count: int) -> list[Publication]:
        return [self.publishing.published(wanted(where(n), b"r%d" % n), NOW) for n in range(count)]

    def test_a_clock_set_forward_by_decades(self) -> None:
        self.assert_all_spread(self.restored(self.saved(1000), NOW + 30 * YEAR), NOW + 30 * YEAR)

    def test_a_clock_set_back_by_decades(self) -> None:
        self.assert_all_spread(self.restored(self.saved(1000), NOW - 30 * YEAR), NOW - 30 * YEAR)

    def test_a_clock_at_the_beginning_of_time(self) -> None:
        """A machine without a battery starts in 1970."""
        self.assert_all_spread(self.restored(self.saved(1000), 0.0), 0.0)

    def test_a_clock_put_right_again_loses_nothing_either(self) -> None:
        wrong = self.restored(self.saved(1000), NOW + 30 * YEAR)
        self.assert_all_spread(self.restored(wrong, NOW + 60), NOW + 60)

    def test_a_clock_set_back_by_hours_is_noticed_where_waiting_would_lose_the_record(self) -> None:
        """At most 0.55 of a lifetime ahead is set, and nothing further is believed."""
        back = NOW - 0.2 * DAY
        self.assert_all_spread(self.restored(self.saved(1000), back), back)

    def test_what_expired_everywhere_while_we_were_away_is_published_again(self) -> None:
        saved = self.saved(3)
        restored = self.restored(saved, NOW + 3 * DAY)
        self.assertEqual([each[:3] for each in restored], [each[:3] for each in saved])
        self.assertLessEqual(max(each.next_at for each in restored), NOW + 3 * DAY + SPREAD)

    def test_a_retry_of_a_short_lived_record_is_not_taken_for_a_wrong_clock(self) -> None:
        self.publishing.published(wanted(where(1), b"r", 60.0), NOW)
        later = self.publishing.failed(where(1), NOW)
        assert later is not None
        self.assertEqual(self.restored([later], NOW), [later])

    def test_a_time_that_is_no_number_counts_as_overdue(self) -> None:
        saved = [Publication(where(1), b"r", DAY, float(each)) for each in ("nan", "inf", "-inf")]
        for each in self.restored(saved, NOW):
            self.assertTrue(NOW <= each.next_at <= NOW + SPREAD)

    def test_a_lower_capacity_loses_nothing_that_was_promised(self) -> None:
        small = PublicationSchedule(random.Random(1), 2)
        self.assertEqual(len(small.restore(self.saved(5), NOW)), 5)
        self.assertEqual(len(small), 5)
        self.assertRaises(TooManyRequests, small.published, wanted(where(9), b"r"), NOW)
        small.published(wanted(where(3), b"r"), NOW)


class PinTests(SynchronousTestCase):
    """How many holders a record must have, and how many it had when they were last counted."""

    def setUp(self) -> None:
        self.publishing = PublicationSchedule(random.Random(5), 1000)
        for number, pin in ((1, 4), (2, 0)):
            kept = wanted(where(number), b"r")._replace(pin=pin)
            self.publishing.published(kept, NOW)

    def test_what_is_pinned_and_what_is_below(self) -> None:
        self.assertEqual(self.publishing.pinned(), [where(1)])
        self.assertEqual(self.publishing.below_pin, 0)
        self.publishing.audited(where(1), Audit(NOW, 1, 3))
        self.assertEqual(self.publishing.below_pin, 1)
        self.publishing.audited(where(1), Audit(NOW, 3, 4))
        self.assertEqual(self.publishing.below_pin, 0)
        self.assertEqual(self.publishing.audit(where(1)), Audit(NOW, 3, 4))

    def test_what_is_not_pinned_is_not_counted(self) -> None:
        self.publishing.audited(where(2), Audit(NOW, 0, 0))
        self.publishing.audited(where(3), Audit(NOW, 0, 0))
        self.assertIsNone(self.publishing.audit(where(2)))
        self.assertIsNone(self.publishing.audit(where(3)))

    def test_a_pin_can_be_changed_and_ended(self) -> None:
        self.publishing.audited(where(1), Audit(NOW, 3, 4))
        changed = self.publishing.pin(where(1), 6)
        assert changed is not None
        self.assertEqual((changed.pin, self.publishing.below_pin), (6, 1))
        self.publishing.pin(where(1), 0)
        self.assertEqual((self.publishing.pinned(), self.publishing.below_pin), ([], 0))
        self.assertIsNone(self.publishing.pin(where(3), 5))

    def test_published_again_it_stays_pinned_and_its_count_stands(self) -> None:
        self.publishing.audited(where(1), Audit(NOW, 3, 4))
        known = self.publishing.get(where(1))
        assert known is not None
        self.publishing.published(known, NOW + 60)
        self.assertEqual(self.publishing.pinned(), [where(1)])
        self.assertEqual(self.publishing.audit(where(1)), Audit(NOW, 3, 4))

    def test_what_lost_its_place_or_was_withdrawn_is_counted_no_more(self) -> None:
        self.publishing.audited(where(1), Audit(NOW, 1, 1))
        self.publishing.taken(where(1), NOW)
        self.assertEqual((self.publishing.pinned(), self.publishing.below_pin), ([], 0))
        self.publishing.withdraw(where(1))
        self.assertEqual(self.publishing.pinned(), [])

    def test_a_restart_keeps_the_pin_and_counts_anew(self) -> None:
        self.publishing.audited(where(1), Audit(NOW, 1, 1))
        later = PublicationSchedule(random.Random(6), 1000)
        later.restore(self.publishing.publications(), NOW)
        self.assertEqual((later.pinned(), later.audit(where(1))), ([where(1)], None))
