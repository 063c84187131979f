"""Lifetimes: passing a record on does not lengthen its life, hearing of it again not shorten it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.records.lifetime import clamp, deadline, remaining_at

DAY = 86_400.0
LIMIT = 2 * DAY


def held(expires: float) -> StoredRecord:
    return StoredRecord(StorageKey(1, NodeID(1)), b"data", expires, 0.0)


class TestLifetime(SynchronousTestCase):
    def test_clamp(self) -> None:
        asked = (-5, 0, 1.5, LIMIT, LIMIT + 1, 2**32 - 1)
        self.assertEqual(
            [clamp(each, LIMIT) for each in asked], [0.0, 0.0, 1.5, LIMIT, LIMIT, LIMIT]
        )

    def test_remaining_is_rounded_down(self) -> None:
        expected = {90.0: 10, 90.001: 9, 99.5: 0, 100.0: 0, 250.0: 0}
        for now, seconds in expected.items():
            remaining = remaining_at(100.0, now)
            self.assertEqual(remaining, seconds)
            self.assertIs(type(remaining), int)

    def test_new_record(self) -> None:
        self.assertEqual(deadline(None, False, 60, 1000.0, LIMIT), 1060.0)
        self.assertEqual(deadline(None, False, 10 * DAY, 1000.0, LIMIT), 1000.0 + LIMIT)

    def test_the_same_record_keeps_the_later_deadline(self) -> None:
        self.assertEqual(deadline(held(1500.0), True, 60, 1000.0, LIMIT), 1500.0)
        self.assertEqual(deadline(held(1500.0), True, 900, 1000.0, LIMIT), 1900.0)

    def test_another_record_has_its_own(self) -> None:
        self.assertEqual(deadline(held(1500.0), False, 60, 1000.0, LIMIT), 1060.0)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(
        st.floats(0, 3 * DAY),
        st.lists(
            st.tuples(st.floats(0, 1e9), st.floats(0, DAY), st.floats(0, 3.0)),
            min_size=1,
            max_size=10,
        ),
    )
    def test_no_chain_of_holders_outlives_the_first_deadline(
        self, asked: float, holders: list[tuple[float, float, float]]
    ) -> None:
        """Each holder has a clock of its own origin, keeps the record a while, and passes it on.

        The time under way does not count: nobody can measure it.
        """
        true_time, remaining = 0.0, asked
        end = clamp(asked, LIMIT)
        for origin, kept, under_way in holders:
            expires = deadline(None, False, remaining, true_time + origin, LIMIT)
            # A float of that size is exact to a microsecond or so.
            self.assertLessEqual(expires - origin, end + 1e-4)
            true_time += kept
            remaining = remaining_at(expires, true_time + origin)
            true_time += under_way
            end += under_way
            if not remaining:
                break
