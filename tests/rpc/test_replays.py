"""What somebody recorded and sends again: known by its random bytes, and by the clock it shows."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import REPLAY_WINDOW
from kadtwisted.errors import MalformedDatagram
from kadtwisted.rpc.replays import AnsweredOnce, Strangers

UNIX = 1_700_000_000
"""The wall's clock when the monotonic one is 0."""


def random(number: int) -> bytes:
    """The random part of a datagram."""
    return number.to_bytes(16, "big")


class StrangersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.strangers = Strangers()

    def serve(self, number: int, sent: int | None, now: float) -> str:
        """Why a datagram is dropped that arrives ``now``; empty if it is served."""
        try:
            self.strangers.serve(random(number), sent, UNIX + now, now)
        except MalformedDatagram as refused:
            return refused.reason
        return ""

    def test_the_window_is_five_minutes_to_both_sides(self) -> None:
        self.assertEqual(REPLAY_WINDOW, 300)
        for number, (off, reason) in enumerate(
            ((0, ""), (300, ""), (-300, ""), (301, "stale"), (-301, "stale"), (-UNIX, "stale"))
        ):
            self.assertEqual(self.serve(number, UNIX + off, 0.0), reason, off)

    def test_who_shows_no_clock_is_stale(self) -> None:
        self.assertEqual(self.serve(1, None, 0.0), "stale")

    def test_the_largest_clock_is_only_stale(self) -> None:
        self.assertEqual(self.serve(1, (1 << 64) - 1, 0.0), "stale")

    def test_the_same_datagram_is_served_once_while_its_clock_is_good(self) -> None:
        for sent in (-300, 0, 300):
            number = 1000 + sent
            self.assertEqual(self.serve(number, UNIX + sent, 0.0), "")
            for later in (0, 1, 299, 599):
                self.assertIn(self.serve(number, UNIX + sent, later), ("replayed", "stale"))
            self.assertEqual(self.serve(number, UNIX + sent, sent + 301), "stale")

    def test_one_that_is_known_is_found_before_it_is_opened(self) -> None:
        self.strangers.check_new(random(1), 0.0)
        self.serve(1, UNIX, 0.0)
        with self.assertRaises(MalformedDatagram) as caught:
            self.strangers.check_new(random(1), 599.0)
        self.assertEqual(caught.exception.reason, "replayed")
        self.strangers.check_new(random(1), 600.0)
        self.strangers.check_new(random(2), 0.0)

    def test_one_that_is_stale_is_not_remembered(self) -> None:
        self.serve(1, UNIX - 301, 0.0)
        self.assertEqual(len(self.strangers), 0)

    def test_without_room_the_oldest_are_forgotten(self) -> None:
        self.strangers = Strangers(capacity=4)
        for number in range(5):
            self.assertEqual(self.serve(number, UNIX, 0.0), "")
            self.assertLessEqual(len(self.strangers), 4)
        self.assertEqual([self.serve(n, UNIX, 1.0) for n in (4, 3, 2)], ["replayed"] * 3)
        self.assertEqual(self.serve(0, UNIX, 1.0), "")

    def test_room_for_one(self) -> None:
        self.strangers = Strangers(capacity=1)
        for number in range(3):
            self.assertEqual(self.serve(number, UNIX, 0.0), "")
        self.assertEqual(len(self.strangers), 1)
        self.assertEqual(self.serve(2, UNIX, 0.0), "replayed")

    def test_what_is_over_leaves_within_a_minute(self) -> None:
        for number in range(100):
            self.serve(number, UNIX, 0.0)
        for number in range(100, 150):
            self.serve(number, UNIX + 601, 601.0)
        self.assertEqual(len(self.strangers), 50)
        self.serve(150, UNIX + 660, 660.0)
        self.serve(151, UNIX + 661, 661.0)
        self.serve(152, UNIX + 1260, 1260.0)
        self.assertEqual(len(self.strangers), 2)

    def test_each_is_remembered_for_its_own_time(self) -> None:
        """One that leaves with others that came after it counts no longer than they say."""
        for number, now in ((1, 0.0), (2, 30.0)):
            self.serve(number, UNIX + 300, now)
        self.assertEqual(self.serve(1, UNIX + 599, 599.0), "replayed")
        self.assertEqual(self.serve(1, UNIX + 600, 600.0), "")
        self.assertEqual(self.serve(1, UNIX + 600, 601.0), "replayed")
        self.assertEqual(self.serve(2, UNIX + 601, 601.0), "replayed")

    def test_a_flood_leaves_no_long_slice(self) -> None:
        self.strangers = Strangers(capacity=64)
        for number in range(1000):
            self.assertEqual(self.serve(number, UNIX, 0.0), "")
            self.assertLessEqual(len(self.strangers), 64)
        newest = range(999, 939, -1)
        self.assertEqual({self.serve(n, UNIX, 0.0) for n in newest}, {"replayed"})
        self.assertEqual(self.serve(900, UNIX, 0.0), "")

    def test_an_entry_lives_for_two_generations(self) -> None:
        once = AnsweredOnce()
        once.current.add(random(1))
        once.rotate()
        self.assertIn(random(1), once.previous)
        self.assertNotIn(random(1), once.current)
        once.rotate()
        self.assertEqual((once.current, once.previous), (set(), set()))
