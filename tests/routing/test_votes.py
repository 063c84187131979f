"""Votes of observers: who is heard, what it takes to decide, and what does not change a verdict."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.routing.votes import CAPACITY, KEPT, NEEDED, Median, Verdict, Votes

QUICK = settings(max_examples=100, deadline=None, derandomize=True)


def network(number: int) -> bytes:
    return number.to_bytes(2, "big")


class VotesTests(SynchronousTestCase):
    def test_each_network_has_one_vote_the_newest(self) -> None:
        votes: Votes[str] = Votes([])
        for number, answer in ((1, "a"), (2, "b"), (1, "c")):
            votes.cast(network(number), answer, 0.0)
        self.assertEqual(votes.fresh(0.0), ["b", "c"])

    def test_votes_grow_old(self) -> None:
        votes: Votes[str] = Votes([])
        votes.cast(network(1), "a", 0.0)
        votes.cast(network(2), "b", 10.0)
        self.assertEqual(votes.fresh(KEPT - 0.1), ["a", "b"])
        self.assertEqual(votes.fresh(KEPT), ["b"])
        votes.cast(network(1), "a", KEPT)
        self.assertEqual(votes.fresh(KEPT), ["b", "a"])

    def test_they_are_bounded_and_the_longest_silence_goes(self) -> None:
        votes: Votes[int] = Votes([])
        for number in range(CAPACITY):
            votes.cast(network(number), number, 0.0)
        votes.cast(network(0), 0, 1.0)
        votes.cast(network(CAPACITY), CAPACITY, 1.0)
        self.assertEqual(len(votes), CAPACITY)
        self.assertEqual(votes.fresh(1.0), [*range(2, CAPACITY), 0, CAPACITY])

    def test_they_can_be_forgotten(self) -> None:
        votes: Votes[int] = Votes([])
        votes.cast(network(0), 0, 0.0)
        votes.clear()
        self.assertEqual((len(votes), votes.fresh(0.0)), (0, []))


class VerdictTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.verdict: Verdict[str] = Verdict()

    def cast(self, answer: str, *numbers: int, now: float = 0.0) -> list[bool]:
        return [self.verdict.cast(network(each), answer, now) for each in numbers]

    def test_three_networks_must_agree(self) -> None:
        self.assertEqual(self.cast("here", 1, 2), [False, False])
        self.assertIsNone(self.verdict.answer)
        self.assertEqual(self.verdict.agreeing(0.0), 0)
        self.assertEqual(self.cast("here", 3), [True])
        self.assertEqual((self.verdict.answer, self.verdict.agreeing(0.0)), ("here", 3))

    def test_one_network_however_often_is_one(self) -> None:
        self.assertEqual(self.cast("here", *[1] * 10), [False] * 10)

    def test_and_more_than_half(self) -> None:
        self.cast("here", 1, 2, 3)
        self.assertEqual(self.cast("there", 4, 5, 6), [False] * 3)
        self.assertEqual(self.cast("there", 7), [True])
        self.assertEqual(self.verdict.answer, "there")

    def test_more_than_half_of_the_hosts_must_agree_too(self) -> None:
        """All honest hosts are in one network, and liars in three others."""
        for number in range(4):
            self.verdict.cast(network(1), "here", 0.0, b"%d" % number)
        for liar in (2, 3, 4, 5):
            self.assertFalse(self.verdict.cast(network(liar), "there", 0.0))
        self.assertTrue(self.verdict.cast(network(6), "there", 0.0))

    def test_who_changes_their_mind_counts_once(self) -> None:
        self.cast("here", 1, 2, 3)
        self.assertEqual(self.cast("there", 1, 2, 4), [False, False, True])
        self.assertEqual(self.verdict.agreeing(0.0), 3)

    def test_a_verdict_outlives_its_votes(self) -> None:
        self.cast("here", 1, 2, 3)
        later = 10 * KEPT
        self.assertEqual((self.verdict.answer, self.verdict.agreeing(later)), ("here", 0))
        self.assertEqual(self.cast("there", 4, 5, now=later), [False, False])
        self.assertEqual(self.verdict.answer, "here")
        self.assertEqual(self.cast("there", 6, now=later), [True])

    def test_without_a_majority_the_old_one_stays(self) -> None:
        self.cast("here", 1, 2, 3)
        for number in range(4, 20):
            self.cast(f"anywhere {number}", number)
        self.assertEqual(self.verdict.answer, "here")

    def test_it_can_be_forgotten(self) -> None:
        self.cast("here", 1, 2, 3)
        self.verdict.clear()
        self.assertIsNone(self.verdict.answer)
        self.assertEqual(self.cast("here", 4, 5, 6), [False, False, True])

    @QUICK
    @given(
        st.integers(NEEDED, 20).flatmap(
            lambda honest: st.tuples(
                st.just(honest),
                st.lists(
                    st.tuples(st.integers(0, honest - 1), st.sampled_from(("x", "y", "z"))),
                    max_size=200,
                ),
            )
        )
    )
    def test_as_many_liars_as_honest_ones_change_nothing(
        self, case: tuple[int, list[tuple[int, str]]]
    ) -> None:
        """Whatever the liars say, in whatever order, as often as they like."""
        honest, lies = case
        verdict: Verdict[str] = Verdict()
        for number in range(honest):
            verdict.cast(network(number), "true", 0.0)
        for liar, lie in lies:
            self.assertFalse(verdict.cast(network(1000 + liar), lie, 1.0))
        self.assertEqual(verdict.answer, "true")


class MedianTests(SynchronousTestCase):
    def test_three_networks_are_needed(self) -> None:
        clock = Median(5.0)
        for number, offset in ((1, 5.0), (1, 6.0), (2, 7.0)):
            clock.cast(network(number), offset, 0.0)
        self.assertIsNone(clock.value(0.0))
        clock.cast(network(3), 600.0, 1.0)
        self.assertEqual(clock.value(1.0), 7.0)
        self.assertIsNone(clock.value(KEPT))
        clock.clear()
        self.assertIsNone(clock.value(1.0))

    @QUICK
    @given(
        st.lists(st.floats(-2, 2), min_size=NEEDED, max_size=20),
        st.lists(st.floats(-1e9, 1e9), max_size=19),
    )
    def test_liars_who_are_fewer_move_it_within_what_others_say(
        self, honest: list[float], lies: list[float]
    ) -> None:
        clock = Median(5.0)
        for number, offset in enumerate(honest + lies[: len(honest) - 1]):
            clock.cast(network(number), offset, 0.0)
        found = clock.value(0.0)
        assert found is not None
        self.assertLessEqual(min(honest), found)
        self.assertLessEqual(found, max(honest))

    def test_networks_and_hosts_must_tell_about_the_same(self) -> None:
        """All honest hosts are in one network, and two liars in others."""
        clock = Median(5.0)
        for number in range(12):
            clock.cast(network(1), 1.0, 0.0, b"%d" % number)
        for liar in (2, 3):
            clock.cast(network(liar), 3600.0, 0.0)
        self.assertIsNone(clock.value(0.0))
        for other in (4, 5):
            clock.cast(network(other), 2.0, 0.0)
        self.assertEqual(clock.value(0.0), 2.0)
