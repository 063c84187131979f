"""When contacts are believed, doubted, asked again and given up."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.routing.liveness import Entry, Liveness
from tests.routing.helpers import contact

RULES = Liveness(
    drop_after_failures=3, drop_after_seconds=60.0, verification_quiet=90.0, check_after=60.0
)


def entry(last_seen: float = 0.0, *, tentative: bool = False) -> Entry:
    return Entry(contact(1), 0.0, last_seen, tentative=tentative)


class FailureTests(SynchronousTestCase):
    def test_three_failures_over_a_minute_end_it(self) -> None:
        one = entry()
        self.assertEqual([RULES.failed(one, t) for t in (10.0, 40.0, 70.0)], [False, False, True])

    def test_many_failures_within_a_minute_do_not(self) -> None:
        one = entry()
        self.assertEqual({RULES.failed(one, 10.0 + t) for t in range(60)}, {False})
        self.assertEqual(one.failures, 60)

    def test_two_failures_far_apart_do_not(self) -> None:
        one = entry()
        self.assertEqual([RULES.failed(one, t) for t in (10.0, 5000.0)], [False, False])

    def test_an_answer_starts_the_count_anew(self) -> None:
        one = entry()
        RULES.failed(one, 0.0)
        RULES.failed(one, 50.0)
        self.assertTrue(one.suspect)
        RULES.answered(one, 55.0)
        self.assertFalse(one.suspect)
        self.assertEqual([RULES.failed(one, t) for t in (60.0, 61.0, 119.0)], [False] * 3)
        self.assertTrue(RULES.failed(one, 120.0))

    def test_a_tentative_one_ends_at_the_first_failure(self) -> None:
        self.assertTrue(RULES.failed(entry(tentative=True), 1.0))


class VerificationTests(SynchronousTestCase):
    def test_an_answer_after_silence_verifies(self) -> None:
        self.assertTrue(RULES.answered(entry(10.0, tentative=True), 100.0))

    def test_an_answer_too_soon_does_not_and_silence_starts_anew(self) -> None:
        one = entry(10.0, tentative=True)
        self.assertFalse(RULES.answered(one, 99.0))
        self.assertEqual(one.last_seen, 99.0)
        self.assertFalse(RULES.answered(one, 188.0))
        self.assertTrue(RULES.answered(one, 278.0))

    def test_an_answer_to_a_listed_probe_verifies(self) -> None:
        one = entry(10.0, tentative=True)
        one.probed = 15.0
        self.assertTrue(RULES.answered(one, 16.0))

    def test_a_listed_probe_is_void_once_it_was_heard_of(self) -> None:
        one = entry(10.0, tentative=True)
        one.probed = 15.0
        one.last_seen = 15.0
        self.assertFalse(RULES.answered(one, 16.0))

    def test_a_verified_one_is_not_verified_again(self) -> None:
        self.assertFalse(RULES.answered(entry(0.0), 1000.0))


class AskAgainTests(SynchronousTestCase):
    def test_a_contact_heard_of_lately_is_left_alone(self) -> None:
        self.assertFalse(RULES.ask_again(entry(100.0), 160.0))
        self.assertTrue(RULES.ask_again(entry(100.0), 160.5))

    def test_nobody_is_asked_twice_for_one_doubt(self) -> None:
        one = entry(100.0)
        one.probed = 170.0
        self.assertFalse(RULES.ask_again(one, 230.0))
        self.assertTrue(RULES.ask_again(one, 231.0))

    def test_a_suspect_is_asked_three_times_a_minute(self) -> None:
        one = entry(100.0)
        RULES.failed(one, 110.0)
        self.assertFalse(RULES.ask_again(one, 130.0))
        self.assertTrue(RULES.ask_again(one, 130.5))

    def test_a_tentative_one_is_never_asked_by_this_rule(self) -> None:
        self.assertFalse(RULES.ask_again(entry(0.0, tentative=True), 1e6))
