"""With which time a record is published, whatever liars and clocks say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import Superseded
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Value
from kadtwisted.records.kinds import VALUE
from kadtwisted.records.publishing import CLOCKS_DIFFER, last_resort, records_to_try
from kadtwisted.records.value import decode, encode, tombstone_of, value_of
from tests.records.toys import COUNTERS, count

KEY = NodeID(77)
NOW = 1_700_000_000.0
LIMIT = 300.0
NEAR = LIMIT - CLOCKS_DIFFER
TICK = 1e-6
WANTED = Value(KEY, 0, False, b"1:v")


def seen(*ahead: float) -> list[bytes]:
    """Records that were published so many seconds after :data:`NOW`."""
    return [encode(value_of(KEY, b"seen", round(1e6 * (NOW + each)))) for each in ahead]


def ahead(record: bytes) -> float:
    """How many seconds after :data:`NOW` a record was published."""
    return decode(record).published / 1e6 - NOW


class DateTests(SynchronousTestCase):
    def check(self, found: Sequence[bytes], *expected: float) -> None:
        tried = [ahead(each) for each in records_to_try(VALUE, WANTED, found, NOW)]
        self.assertEqual(len(tried), len(expected), tried)
        for actual, wished in zip(tried, expected, strict=True):
            self.assertAlmostEqual(actual, wished, 5)

    def test_now_and_for_what_was_forgotten_as_far_ahead_as_holders_accept(self) -> None:
        self.check([], 0.0, NEAR, LIMIT)
        self.check(seen(-5.0), 0.0, NEAR, LIMIT)

    def test_later_than_what_was_seen(self) -> None:
        self.check(seen(100.0), 100.0 + TICK, NEAR, LIMIT)
        self.check(seen(-5.0, 7.0), 7.0 + TICK, NEAR, LIMIT)

    def test_what_is_at_the_edge_is_believed_only_when_holders_say_so(self) -> None:
        self.check(seen(298.0), NEAR, 298.0 + TICK, LIMIT)

    def test_what_is_beyond_the_limit_moves_no_date(self) -> None:
        self.check(seen(301.0), NEAR, LIMIT)
        self.check(seen(1e6), NEAR, LIMIT)
        self.check([encode(value_of(KEY, b"last", 2**63 - 1))], NEAR, LIMIT)

    def test_each_is_later_than_the_one_before(self) -> None:
        for found in (seen(), seen(3.0), seen(294.99), seen(299.0), seen(400.0)):
            tried = list(records_to_try(VALUE, WANTED, found, NOW))
            for older, newer in pairwise(tried):
                self.assertTrue(VALUE.supersedes(newer, older))
            self.assertLessEqual(ahead(tried[-1]), LIMIT + TICK)

    def test_a_tombstone_has_the_same_dates(self) -> None:
        wanted = tombstone_of(KEY, 0)
        tried = [ahead(each) for each in records_to_try(VALUE, wanted, seen(301.0), NOW)]
        self.assertEqual([round(each, 3) for each in tried], [NEAR, LIMIT])

    def test_a_kind_without_times_has_one_record_to_try(self) -> None:
        tried = list(records_to_try(COUNTERS, KEY, [count(KEY, 5)], NOW))
        self.assertEqual(tried, [count(KEY, 6)])


class LastResortTests(SynchronousTestCase):
    def test_none_as_long_as_all_is_within_the_limit(self) -> None:
        self.assertIsNone(last_resort(VALUE, WANTED, [], NOW))
        self.assertIsNone(last_resort(VALUE, WANTED, seen(299.0), NOW))
        self.assertIsNone(last_resort(COUNTERS, KEY, [count(KEY, 5)], NOW))

    def test_beyond_it_what_wins_over_all(self) -> None:
        record = last_resort(VALUE, WANTED, seen(3600.0, 2.0), NOW)
        assert record is not None
        self.assertAlmostEqual(ahead(record), 3600.0 + TICK, 5)

    def test_nothing_wins_over_the_end_of_time(self) -> None:
        last = encode(value_of(KEY, b"last", 2**63 - 1))
        error = self.assertRaises(Superseded, last_resort, VALUE, WANTED, [last], NOW)
        self.assertIn("end of time", str(error))
