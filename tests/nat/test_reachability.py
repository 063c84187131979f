"""A verdict follows facts and many words, and stays otherwise."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from kadtwisted.nat.reachability import (
    ENOUGH,
    FAILURES,
    FEWEST,
    FIRST_WAIT,
    HASTE,
    LAST_WAIT,
    LOOK_AGAIN,
    PROBES,
    SMALL,
    UNCLEAR_WAIT,
    WATCH_AFTER,
    Reachability,
    Verdict,
)

UNKNOWN, REACHABLE, UNREACHABLE = Reachability


def network(number: int) -> bytes:
    return number.to_bytes(2, "big")


def play(verdict: Verdict, now: float, outcomes: str) -> bool:
    """A round through introducers of as many networks as there are letters.

    ``+`` a third node came, ``-`` a probe was promised and lost, ``?`` one came from a host to
    which we had written, ``x`` the introducer refused.
    """
    verdict.begin(now)
    for number, each in enumerate(outcomes):
        if not verdict.wants_more:
            break
        verdict.tries()
        if each == "+":
            verdict.came(network(1000 + number), now)
        elif each == "-":
            verdict.lost(network(number))
        elif each == "?":
            verdict.unclear()
    return verdict.end(now)


def judged(outcomes: str, before: Reachability = UNKNOWN) -> Reachability:
    """The verdict after a round, if it was ``before``."""
    verdict = Verdict(0.0)
    if before is not UNKNOWN:
        play(verdict, 0.0, "++" if before is REACHABLE else "-" * FAILURES)
    play(verdict, 10_000.0, outcomes)
    return verdict.verdict


class RoundTests(unittest.SynchronousTestCase):
    def test_two_networks_that_come_are_enough_and_one_is_not(self) -> None:
        self.assertIs(judged("++"), REACHABLE)
        self.assertIs(judged("-+--------+-"), REACHABLE)
        for before in Reachability:
            self.assertIs(judged("+" + "-" * (PROBES - 1), before), before)

    def test_five_networks_must_fail_and_nobody_come(self) -> None:
        for before in (UNKNOWN, REACHABLE):
            self.assertIs(judged("-" * FAILURES, before), UNREACHABLE)
            self.assertIs(judged("?-x--?x-x-", before), UNREACHABLE)
            self.assertIs(judged("-" * (FAILURES - 1) + "?" * 8, before), before)

    def test_all_of_a_small_network_must_fail(self) -> None:
        self.assertIs(judged("---"), UNREACHABLE)
        self.assertIs(judged("-x--"), UNREACHABLE)
        self.assertIs(judged("--"), UNKNOWN)
        self.assertIs(judged("---?"), UNKNOWN)
        self.assertIs(judged("---+"), UNKNOWN)
        self.assertIs(judged("---xx"), UNKNOWN)

    def test_a_round_ends_as_soon_as_it_is_decided(self) -> None:
        verdict = Verdict(0.0)
        verdict.begin(0.0)
        for number in range(FAILURES):
            self.assertTrue(verdict.wants_more)
            verdict.tries()
            verdict.lost(network(number))
        self.assertFalse(verdict.wants_more)
        verdict.came(network(77), 0.0)
        self.assertTrue(verdict.wants_more)
        verdict.came(network(78), 0.0)
        self.assertFalse(verdict.wants_more)

    def test_a_round_has_so_many_probes_at_most(self) -> None:
        verdict = Verdict(0.0)
        verdict.begin(0.0)
        for _ in range(PROBES):
            self.assertTrue(verdict.wants_more)
            verdict.tries()
            verdict.unclear()
        self.assertFalse(verdict.wants_more)

    def test_one_network_has_one_word(self) -> None:
        verdict = Verdict(0.0)
        verdict.begin(0.0)
        for _ in range(PROBES):
            verdict.tries()
            verdict.lost(network(1))
            verdict.came(network(2), 0.0)
        self.assertFalse(verdict.end(0.0))
        self.assertIs(verdict.verdict, UNKNOWN)

    def test_figures_of_the_last_period_are_told(self) -> None:
        verdict = Verdict(0.0)
        self.assertIsNone(verdict.measured)
        play(verdict, 5.0, "-----")
        self.assertEqual((verdict.reached, verdict.failed, verdict.measured), (0, 5, 5.0))
        play(verdict, 70.0, "--++")
        self.assertEqual((verdict.reached, verdict.failed, verdict.since), (2, 2, 70.0))


class LiarTests(unittest.SynchronousTestCase):
    """Introducers that promise and do nothing, among honest ones."""

    def rounds(self, liars: int, honest: str, count: int = 300) -> set[Reachability]:
        """The verdicts of many rounds, each through introducers in any order."""
        random = Random(7)
        met = set()
        for _ in range(count):
            outcomes = list("-" * liars + honest)
            random.shuffle(outcomes)
            met.add(judged("".join(outcomes[:PROBES]), REACHABLE))
        return met

    def test_one_liar_or_three_change_no_verdict(self) -> None:
        for liars in (1, 3):
            for honest in ("+" * 9, "?" * 9, "?" * 4 + "+" * 2):
                self.assertEqual(self.rounds(liars, honest), {REACHABLE})

    def test_a_tenth_of_liars_changes_no_verdict(self) -> None:
        self.assertEqual(self.rounds(10, "+" * 60 + "?" * 30), {REACHABLE})

    def test_liars_cannot_tell_an_unreachable_node_that_it_is_reachable(self) -> None:
        # They can promise only; that nobody comes is a fact.
        self.assertIs(judged("-" * PROBES, UNREACHABLE), UNREACHABLE)
        self.assertIs(judged("?" * PROBES, UNREACHABLE), UNREACHABLE)


class ServingTests(unittest.SynchronousTestCase):
    def test_who_serves(self) -> None:
        for outcomes, serving in (("", "open mapped"), ("++", "open nat mapped"), ("-----", "")):
            verdict = Verdict(0.0)
            play(verdict, 0.0, outcomes)
            served = {
                "open": verdict.serves(behind_nat=False, mapped=False),
                "nat": verdict.serves(behind_nat=True, mapped=False),
                "mapped": verdict.serves(behind_nat=True, mapped=True),
            }
            self.assertEqual([each for each in served if served[each]], serving.split())

    def test_a_small_network_serves_after_a_while(self) -> None:
        verdict, now = Verdict(0.0), 0.0
        waits = []
        while now < SMALL:
            self.assertFalse(verdict.too_few(now))
            self.assertFalse(verdict.serves(behind_nat=True, mapped=False))
            self.assertFalse(verdict.is_due(now))
            waits.append(verdict.wakes_at(now) - now)
            now = verdict.wakes_at(now)
            self.assertTrue(verdict.is_due(now))
        self.assertEqual(waits, [LOOK_AGAIN, 2 * LOOK_AGAIN])
        self.assertTrue(verdict.too_few(now))
        self.assertTrue(verdict.serves(behind_nat=True, mapped=False))
        play(verdict, now, "---")
        self.assertFalse(verdict.serves(behind_nat=True, mapped=False))

    def test_a_node_that_knows_nobody_does_not_take_its_network_for_small(self) -> None:
        verdict = Verdict(0.0)
        for each in range(100):
            verdict.nobody(10.0 * each)
        verdict.too_few(1010.0)
        verdict.nobody(1010.0 + SMALL)
        self.assertFalse(verdict.too_few(1020.0 + SMALL))
        self.assertFalse(verdict.trusting)

    def test_an_unreachable_node_stays_so_when_its_network_shrinks(self) -> None:
        verdict = Verdict(0.0)
        play(verdict, 0.0, "-----")
        for each in range(10):
            self.assertFalse(verdict.too_few(100.0 + 10 * each))
        self.assertFalse(verdict.serves(behind_nat=True, mapped=True))


class TimeTests(unittest.SynchronousTestCase):
    def test_rounds_without_success_come_less_and_less_often(self) -> None:
        verdict, now, waits = Verdict(0.0), 0.0, []
        for _ in range(8):
            play(verdict, now, "-----")
            later = verdict.wakes_at(now)
            self.assertFalse(verdict.is_due(later - 1))
            self.assertTrue(verdict.is_due(later))
            waits.append(later - now)
            now = later
        self.assertEqual(waits, [60, 120, 240, 480, 960, 1800, 1800, 1800])

    def test_without_a_verdict_rounds_never_become_rare(self) -> None:
        verdict, now, waits = Verdict(0.0), 0.0, []
        for _ in range(6):
            play(verdict, now, "????")
            waits.append(verdict.wakes_at(now) - now)
            now = verdict.wakes_at(now)
        self.assertEqual(waits, [60, 120, 240, UNCLEAR_WAIT, UNCLEAR_WAIT, UNCLEAR_WAIT])

    def test_what_may_matter_brings_a_round_soon(self) -> None:
        verdict, now = Verdict(0.0), 0.0
        for _ in range(5):
            play(verdict, now, "-----")
            now = verdict.wakes_at(now)
        play(verdict, now, "-----")
        verdict.hasten(now + 1)
        self.assertEqual(verdict.wakes_at(now + 1), now + HASTE)
        verdict.hasten(now + HASTE + 5)
        self.assertEqual(verdict.wakes_at(now + HASTE + 5), now + HASTE)

    def test_a_reachable_node_is_left_in_peace(self) -> None:
        verdict = Verdict(0.0)
        play(verdict, 0.0, "++")
        self.assertFalse(verdict.is_watching(WATCH_AFTER - 1))
        self.assertEqual(verdict.wakes_at(1.0), WATCH_AFTER)
        self.assertTrue(verdict.is_watching(WATCH_AFTER))
        self.assertEqual(verdict.wakes_at(WATCH_AFTER), LAST_WAIT)
        self.assertTrue(verdict.is_due(LAST_WAIT))

    def test_a_request_renews_the_verdict_and_spares_the_round(self) -> None:
        verdict = Verdict(0.0)
        play(verdict, 0.0, "++")
        verdict.came(network(1), WATCH_AFTER - 1)
        self.assertEqual(verdict.measured, 0.0)
        verdict.came(network(1), WATCH_AFTER + 1)
        self.assertEqual((verdict.measured, verdict.reached), (WATCH_AFTER + 1, 1))
        self.assertFalse(verdict.is_due(LAST_WAIT))
        self.assertIs(verdict.verdict, REACHABLE)

    def test_a_request_to_an_unreachable_node_hastens_the_round(self) -> None:
        verdict, now = Verdict(0.0), 0.0
        for _ in range(6):
            play(verdict, now, "-----")
            now = verdict.wakes_at(now)
        play(verdict, now, "-----")
        verdict.came(network(1), now + 1)
        self.assertFalse(verdict.is_due(now + HASTE - 1))
        self.assertTrue(verdict.is_due(now + HASTE))
        self.assertTrue(verdict.came(network(2), now + 2))
        self.assertIs(verdict.verdict, REACHABLE)
        self.assertFalse(verdict.is_due(now + HASTE))

    def test_a_new_address_begins_anew(self) -> None:
        verdict = Verdict(0.0)
        self.assertFalse(verdict.start_anew(1.0))
        for _ in range(4):
            play(verdict, 1.0, "-----")
        verdict.begin(2.0)
        self.assertTrue(verdict.start_anew(2.0))
        self.assertIs(verdict.verdict, UNKNOWN)
        self.assertTrue(verdict.is_due(2.0))
        verdict.lost(network(1))
        self.assertFalse(verdict.end(2.0))
        self.assertEqual(verdict.wakes_at(2.0), 2.0 + FIRST_WAIT)


EVENTS = st.lists(st.tuples(st.sampled_from(tuple("be+-?tfn")), st.integers(0, 15)))
"""A letter for what happens, and the number of a network, and of seconds since the last event."""


def happen(verdict: Verdict, event: str, number: int, now: float) -> None:
    """One thing that a shell may tell a verdict, at any time."""
    things = {
        "b": lambda: verdict.begin(now),
        "e": lambda: verdict.end(now),
        "+": lambda: verdict.came(network(number), now),
        "-": lambda: verdict.lost(network(number)),
        "?": verdict.unclear,
        "t": verdict.tries,
        "f": lambda: verdict.too_few(now),
        "n": lambda: verdict.nobody(now),
    }
    things[event]()


@given(EVENTS)
def hysteresis(events: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order, a verdict changes by its rules alone."""
    verdict, now = Verdict(0.0), 0.0
    came: set[int] = set()
    lost: set[int] = set()
    for event, number in events:
        before, now = verdict.verdict, now + number + 0.001  # a period ends at a moment of its own
        if event == "+" and verdict.is_watching(now):
            came.add(number)
        elif event == "-":
            lost.add(number)
        happen(verdict, event, number, now)
        after = verdict.verdict
        if after is not before:
            by_facts = after is REACHABLE and event == "+" and len(came) >= ENOUGH
            by_words = after is UNREACHABLE and event == "e" and not came and len(lost) >= FEWEST
            assert by_facts or by_words, (before, after, event)
        if event == "e" or (event == "+" and verdict.measured == now):
            came.clear()
            lost.clear()


class HysteresisTests(unittest.SynchronousTestCase):
    def test_no_order_of_events_breaks_the_rules(self) -> None:
        hysteresis()
