"""How a lookup ends: on 8-bit IDs, and against a naive statement of each rule."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.lookup.disjoint import DisjointLookup
from kadtwisted.lookup.ending import is_among_nearest
from kadtwisted.lookup.iterative import Breadth, Lookup
from kadtwisted.lookup.shortlist import Candidate
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from tests.lookup.toy_network import RTT, SOFT, ToyNetwork, contact, ids, run

SEEDS = st.integers(0, 2**32)
PROPERTY = settings(max_examples=40, deadline=None, derandomize=True)


def lookup(*node_ids: int, k: int = 4, alpha: int = 2, first_wave: int = 0) -> Lookup:
    each = Lookup(NodeID(0), Breadth(k, alpha, first_wave=first_wave))
    each.add([contact(node_id) for node_id in node_ids], 0.0)
    return each


def ask(lookup: Lookup | DisjointLookup, now: float) -> list[int]:
    """Ask everyone the lookup names now."""
    named = lookup.next(now)
    for each in named:
        lookup.asked(each, now, SOFT)
    return ids(named)


def contacts(*node_ids: int) -> list[Contact]:
    return [contact(each) for each in node_ids]


class NearestTests(SynchronousTestCase):
    """Who is among the k nearest that count."""

    STATES = ("untried", "fresh", "suspect", "dead", "answered", "passed over")

    def candidate(self, distance: int, state: str) -> Candidate:
        each = Candidate(distance, 1, 0)
        each.tried = state != "untried"
        each.fresh = int(state == "fresh")
        each.in_flight = int(state in ("fresh", "suspect"))
        if state in ("answered", "passed over"):
            each.winner = contact(distance)
        each.passed_over = state == "passed over"
        return each

    @PROPERTY
    @given(SEEDS)
    def test_as_the_naive_statement_says(self, seed: int) -> None:
        random = Random(seed)
        k = random.randrange(1, 8)
        states = {d: random.choice(self.STATES) for d in random.sample(range(1, 64), 12)}
        counting = [d for d, state in states.items() if state in ("untried", "fresh", "answered")]
        candidates = [self.candidate(d, states[d]) for d in sorted(states)]
        for distance in range(1, 65):
            nearer = [each for each in counting if each < distance]
            self.assertEqual(
                is_among_nearest(distance, candidates, k, lambda each: not each.tried),
                len(nearer) < k,
            )


class HurryTests(SynchronousTestCase):
    """The k nearest are asked at once when one of them names nobody new among them."""

    def test_one_of_the_nearest_that_names_nobody_new(self) -> None:
        each = lookup(1, 2, 3, 4, 5)
        self.assertEqual(ask(each, 0.0), [1, 2])
        each.replied(contact(1), contacts(2, 3, 4, 5), RTT)
        self.assertEqual(ask(each, RTT), [3, 4])

    def test_new_ones_beyond_the_k_nearest_do_not_matter(self) -> None:
        each = lookup(1, 2, 3, 4, 5)
        ask(each, 0.0)
        each.replied(contact(1), contacts(6, 7), RTT)
        self.assertEqual(ask(each, RTT), [3, 4])

    def test_a_new_one_among_them_does(self) -> None:
        each = lookup(8, 9, 10, 11)
        ask(each, 0.0)
        each.replied(contact(8), contacts(9, 1), RTT)
        self.assertEqual(ask(each, RTT), [1])

    def test_and_ends_the_hurry(self) -> None:
        each = lookup(8, 9, 10, 11, k=4, alpha=2)
        ask(each, 0.0)
        each.replied(contact(8), contacts(9, 10), RTT)
        self.assertEqual(ask(each, RTT), [10, 11])
        each.replied(contact(9), contacts(1, 2, 3, 4), 2 * RTT)
        self.assertEqual(ask(each, 2 * RTT), [], "two are still waited for")

    def test_a_far_one_proves_nothing(self) -> None:
        each = lookup(1, 2, 3, 4)
        ask(each, 0.0)
        each.replied(contact(200), contacts(2, 3, 4), RTT)
        self.assertEqual(ask(each, RTT), [])

    def test_one_that_names_few_proves_nothing(self) -> None:
        """As a holder, whose record leaves little room."""
        each = lookup(1, 2, 3, 4)
        ask(each, 0.0)
        each.replied(contact(1), contacts(2), RTT)
        self.assertEqual(ask(each, RTT), [3])

    def test_the_dead_are_not_among_the_nearest(self) -> None:
        each = lookup(1, 2, 3, 4, 9, 10)
        ask(each, 0.0)
        each.failed(contact(1), RTT)
        each.replied(contact(2), contacts(3, 4), RTT)
        self.assertEqual(ask(each, RTT), [3, 4, 9])

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.0, 0.3)))
    def test_more_than_alpha_are_waited_for_only_after_such_an_answer(
        self, seed: int, dead: float
    ) -> None:
        """The naive statement: look at the k nearest that count before and after each answer."""
        random = Random(seed)
        network = ToyNetwork(random, 200, 8, dead)
        target, alpha = random.randrange(256), random.choice((1, 3))
        watched = Watched(NodeID(target), Breadth(8, alpha))
        watched.add(network.answer(network.nodes[0], target), 0.0)
        run(
            watched,
            lambda asked: (
                None if asked.node_id in network.dead else network.answer(asked.node_id, target)
            ),
            lambda: RTT * (1 + random.random()),
        )
        self.assertTrue(watched.widths)
        for waiting, may_hurry in watched.widths:
            self.assertLessEqual(waiting, 8 if may_hurry else alpha)

    def test_every_path_hurries_for_itself(self) -> None:
        each = DisjointLookup(NodeID(0), Breadth(3, 2), 2)
        each.add(contacts(1, 2, 3, 4, 5, 6), 0.0)
        self.assertEqual(ask(each, 0.0), [1, 2])
        each.replied(contact(1), contacts(2, 3, 5), RTT)
        self.assertEqual(ask(each, RTT), [3, 5])


class Watched(Lookup):
    """Notes how many are waited for whenever it names somebody, and whether it may hurry then."""

    may_hurry = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.widths: list[tuple[int, bool]] = []

    def nearest(self) -> list[int]:
        counting = [
            each.distance
            for each in self.shortlist.candidates
            if each.winner is not None or each.fresh or each.own or each.told
        ]
        return counting[: self.k]

    def next(self, now: float) -> list[Contact]:
        named = super().next(now)
        if named:
            fresh = sum(each.fresh for each in self.shortlist.candidates)
            self.widths.append((fresh + len(named), self.may_hurry))
        return named

    def replied(
        self, contact: Contact, contacts: Iterable[Contact], now: float, outcome: str = "nodes"
    ) -> None:
        told = list(contacts)
        known = [each.distance for each in self.shortlist.candidates]
        super().replied(contact, told, now, outcome)
        nearest = self.nearest()
        if any(each not in known for each in nearest):
            self.may_hurry = False
        elif contact.node_id ^ self.target in nearest and len(told) >= self.k / 2:
            self.may_hurry = True


class FirstWaveTests(SynchronousTestCase):
    """Fewer are asked at first, until something comes of one of them."""

    def begun(self) -> Lookup:
        each = lookup(*range(1, 10), k=8, alpha=5, first_wave=3)
        self.assertEqual(ask(each, 0.0), [1, 2, 3])
        self.assertEqual(ask(each, RTT), [])
        return each

    def test_an_answer(self) -> None:
        each = self.begun()
        each.replied(contact(2), [], RTT)
        self.assertEqual(ask(each, RTT), [4, 5, 6])

    def test_a_failure(self) -> None:
        each = self.begun()
        each.failed(contact(2), RTT)
        self.assertEqual(ask(each, RTT), [4, 5, 6])

    def test_lost_patience(self) -> None:
        self.assertEqual(ask(self.begun(), SOFT), [4, 5, 6, 7, 8])

    def test_never_more_than_alpha(self) -> None:
        self.assertEqual(ask(lookup(1, 2, 3, 4, alpha=2, first_wave=3), 0.0), [1, 2])
