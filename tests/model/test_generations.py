"""What a bounded dictionary of two generations keeps and forgets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.generations import Generations


class GenerationsTests(SynchronousTestCase):
    def test_what_is_kept_is_found(self) -> None:
        known: Generations[str, int] = Generations(10)
        self.assertIsNone(known.find("a"))
        self.assertNotIn("a", known)
        known.keep("a", 1)
        known.keep("a", 2)
        self.assertEqual((known.find("a"), len(known)), (2, 1))
        self.assertIn("a", known)

    def test_what_was_kept_again_stays(self) -> None:
        known: Generations[int, str] = Generations(4)
        for number in (0, 1, 2, 0, 3):
            known.keep(number, str(number))
        self.assertEqual([number in known for number in range(4)], [True, False, True, True])
        self.assertEqual(known.find(2), "2")

    def test_to_find_is_no_use(self) -> None:
        known: Generations[int, str] = Generations(4)
        for number in (0, 1, 2):
            known.keep(number, "")
        known.find(0)
        known.keep(3, "")
        known.keep(4, "")
        self.assertNotIn(0, known)

    def test_an_old_entry_that_is_kept_again_is_counted_once(self) -> None:
        known: Generations[int, str] = Generations(4)
        for number in (0, 1, 2):
            known.keep(number, "old")
        known.keep(0, "new")
        self.assertEqual((len(known), known.find(0)), (3, "new"))

    def test_room_for_one(self) -> None:
        known: Generations[int, str] = Generations(1)
        known.keep(1, "one")
        known.keep(2, "two")
        self.assertEqual((1 in known, known.find(2), len(known)), (False, "two", 1))

    @settings(max_examples=50, deadline=None, derandomize=True)
    @given(st.integers(1, 9), st.lists(st.integers(0, 20), max_size=60))
    def test_bounded_and_never_forgetful_too_soon(self, capacity: int, keys: list[int]) -> None:
        known: Generations[int, int] = Generations(capacity)
        for at, key in enumerate(keys, 1):
            known.keep(key, at)
            self.assertLessEqual(len(known), capacity)
            latest = list(dict.fromkeys(reversed(keys[:at])))[: max(1, capacity // 2)]
            for each in latest:
                newest = at - keys[:at][::-1].index(each)
                self.assertEqual(known.find(each), newest)
