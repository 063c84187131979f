"""How a lookup ends: on 8-bit IDs, and against a naive statement of each rule."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.lookup.attempts import UNSENT
from kadtwisted.lookup.disjoint import DisjointLookup
from kadtwisted.lookup.ending import Closeness, is_among_nearest, is_over
from kadtwisted.lookup.iterative import Breadth, Lookup
from kadtwisted.lookup.records import RecordSearch
from kadtwisted.lookup.shortlist import Candidate
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from tests.lookup.toy_network import HARD, RTT, SOFT, ToyNetwork, closest_of, contact, ids, run

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

    @staticmethod
    def candidate(distance: int, state: str) -> Candidate:
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
    """The k nearest are asked at once when one of the first quarter names nobody new among them."""

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
        for node_id in (200, 4):
            each.replied(contact(node_id), contacts(2, 3, 4), RTT)
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
        self.assertEqual(ask(each, RTT), [3, 4, 9, 10], "10 is in case one more is lost")

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
        elif len(told) >= self.k / 2 and contact.node_id ^ self.target in nearest[: self.k // 4]:
            self.may_hurry = True


class OverTests(SynchronousTestCase):
    """When a lookup may end without the suspects."""

    def finished(self, each: Lookup, now: float) -> bool:
        each.next(now)
        return each.finished

    def test_suspects_do_not_hold_up_the_end(self) -> None:
        each = lookup(1, 2, 3, 4, 5, 6, k=4, alpha=6)
        ask(each, 0.0)
        for node_id in (3, 4):
            each.replied(contact(node_id), [], RTT)
        self.assertFalse(self.finished(each, SOFT - 0.01))
        self.assertEqual(ask(each, SOFT), [5, 6])
        self.assertFalse(each.finished)
        for node_id in (5, 6):
            each.replied(contact(node_id), [], SOFT + RTT)
        self.assertTrue(each.finished)
        self.assertEqual(ids(each.closest()), [3, 4, 5, 6])

    def test_one_that_answers_late_before_the_end_counts(self) -> None:
        each = lookup(1, 2, 3, k=2, alpha=2)
        ask(each, 0.0)
        each.replied(contact(2), [], RTT)
        self.assertEqual(ask(each, SOFT), [3])
        each.replied(contact(1), [], SOFT + 0.01)
        self.assertTrue(each.finished)
        self.assertEqual(ids(each.closest()), [1, 2])

    def test_nobody_passes_unless_half_of_the_k_closest_have_answered(self) -> None:
        each = lookup(*range(1, 9), k=4, alpha=8)
        ask(each, 0.0)
        each.replied(contact(4), [], RTT)
        ask(each, SOFT)
        for node_id in (5, 6, 7, 8):
            each.replied(contact(node_id), [], SOFT + RTT)
        self.assertFalse(self.finished(each, 2 * SOFT), "three of the four closest are silent")
        each.failed(contact(1), HARD)
        self.assertTrue(each.finished)

    def test_nor_where_there_are_fewer_than_k_and_most_are_silent(self) -> None:
        each = lookup(1, 2, 3, k=4, alpha=4)
        ask(each, 0.0)
        each.replied(contact(2), [], RTT)
        self.assertFalse(self.finished(each, SOFT))
        each.failed(contact(1), HARD)
        self.assertTrue(each.finished)
        self.assertFalse(self.finished(self.asked(lookup(1)), SOFT), "the only one we know")

    def asked(self, each: Lookup) -> Lookup:
        ask(each, 0.0)
        return each

    def test_one_that_is_patient_hears_everybody_out(self) -> None:
        each = Lookup(NodeID(0), Breadth(2, 3, patient=True))
        each.add(contacts(1, 2, 3), 0.0)
        ask(each, 0.0)
        each.replied(contact(2), [], RTT)
        ask(each, SOFT)
        each.replied(contact(3), [], SOFT + RTT)
        self.assertFalse(each.finished)
        each.failed(contact(1), HARD)
        self.assertTrue(each.finished)

    def test_another_endpoint_of_a_suspect_is_tried_first(self) -> None:
        each = lookup(1, 2, 3, k=2, alpha=4)
        each.add([contact(1, "192.0.2.1")], 0.0)
        ask(each, 0.0)
        each.replied(contact(2), [], RTT)
        each.replied(contact(3), [], RTT)
        self.assertEqual(ask(each, SOFT), [1])
        self.assertFalse(self.finished(each, SOFT + RTT))
        self.assertTrue(self.finished(each, 2 * SOFT))

    def test_every_path_holds_the_same(self) -> None:
        each = DisjointLookup(NodeID(0), Breadth(2, 8), 2)
        each.add(contacts(1, 2, 3, 4, 5, 6, 7, 8), 0.0)
        self.assertEqual(ask(each, 0.0), [1, 2, 3, 4])
        each.replied(contact(3), [], RTT)  # of 1, 3, 5, 7
        each.replied(contact(2), [], RTT)  # of 2, 4, 6, 8
        each.replied(contact(4), [], RTT)
        self.assertFalse(each.finished)
        self.assertEqual(ask(each, SOFT), [5])
        each.replied(contact(5), [], SOFT + RTT)
        self.assertTrue(each.finished)
        self.assertTrue(each.is_silent(contact(1)))
        self.assertFalse(each.is_silent(contact(5)))

    @PROPERTY
    @given(SEEDS)
    def test_as_the_naive_statement_says(self, seed: int) -> None:
        random = Random(seed)
        k, radius = random.randrange(1, 6), random.choice((0, 20))
        patient = random.random() < 0.2
        weights = random.choice(((1, 1, 4, 1, 8, 1), (0, 0, 1, 1, 4, 0), (0, 0, 4, 1, 4, 0)))
        drawn = NearestTests.STATES
        states = {
            d: random.choices(drawn, weights)[0]
            for d in random.sample(range(1, 64), random.randrange(12))
        }
        candidates = [NearestTests.candidate(d, states[d]) for d in sorted(states)]
        close = Closeness(k, radius, 3 * k)
        said = is_over(candidates, close, lambda each: not each.tried, patient=patient)
        self.assertEqual(said, naively_over(states, close, patient=patient))

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.0, 0.3, 0.8)), st.sampled_from((1, 2)))
    def test_whoever_is_nearer_answered_failed_or_had_its_patience(
        self, seed: int, dead: float, paths: int
    ) -> None:
        """Whatever is answered, by liars in a hurry, too: they name dead neighbours of the target,
        and each other.  At the end every listed node that is nearer than the farthest found has
        answered, failed, or had its soft patience; and at least half of the k closest of those that
        did not fail have answered."""
        random = Random(seed)
        network = ToyNetwork(random, 200, 8, dead, bits=16)
        target = random.getrandbits(16)
        liars = random.sample(network.alive, min(20, len(network.alive)))
        ghosts = [contact(target ^ each) for each in random.sample(range(1, 2**12), 8)]
        lies = [*ghosts, *[contact(each) for each in closest_of(liars, target, 8)]]
        asked_at: dict[Contact, float] = {}
        settled: dict[Contact, bool] = {}
        each: Lookup | DisjointLookup = Lookup(NodeID(target), Breadth(8, 3))
        if paths > 1:
            each = DisjointLookup(NodeID(target), Breadth(8, 3), paths)
        each.add(network.answer(network.nodes[0], target), 0.0)

        def answer(asked: Contact) -> list[Contact] | None:
            if asked.node_id in liars:
                return lies
            if asked in ghosts or asked.node_id in network.dead:
                return None
            return network.answer(asked.node_id, target)

        seen = run(each, answer, lambda: RTT * (1 + random.random()))
        for step in each.trace(seen.ended).steps:
            asked_at[step.contact] = step.asked
            settled[step.contact] = step.outcome != "waiting"
        for path in each.paths if isinstance(each, DisjointLookup) else [each]:
            found = path.closest()
            far = found[-1].node_id ^ target if len(found) == 8 else 1 << 16
            near = [e for e in path.shortlist.candidates if e.distance <= far]
            for candidate in near:
                named = NodeID(candidate.distance ^ target)
                mine = [one for one in asked_at if one.node_id == named]
                self.assertTrue(mine, "a nearer one was never asked")
                for one in mine:
                    self.assertTrue(settled[one] or seen.ended >= asked_at[one] + SOFT)
            counted = [e for e in near if e.winner is not None or e.in_flight][:8]
            heard = sum(e.winner is not None for e in counted)
            self.assertGreaterEqual(2 * heard, len(counted))


class Slow:
    """A network of which some nodes answer only when our patience is over."""

    def __init__(self, random: Random, share: float) -> None:
        self.network = ToyNetwork(random, 200, 8, bits=16)
        self.slow = frozenset(random.sample(self.network.nodes, int(200 * share)))
        self.target = random.getrandbits(16)
        self.rtt = RTT

    def answer(self, asked: Contact) -> list[Contact]:
        self.rtt = SOFT + RTT if asked.node_id in self.slow else RTT
        return self.network.answer(asked.node_id, self.target)


class NewestTests(SynchronousTestCase):
    """A record is on six of the eight closest when its writer is told so; whoever reads hears four
    of these eight, so two that hold it, whoever is slow."""

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.1, 0.5, 0.9)))
    def test_the_newest_version_is_found_whoever_is_slow(self, seed: int, share: float) -> None:
        random = Random(seed)
        world = Slow(random, share)
        closest = closest_of(world.network.nodes, world.target, 8)
        stored = random.sample(closest, 6)
        each = RecordSearch(Lookup(NodeID(world.target), Breadth(8, 5)), "latest")
        each.add(world.network.answer(world.network.nodes[0], world.target), 0.0)
        run(each, world.answer, lambda: world.rtt)
        heard = ids(each.closest())
        self.assertGreaterEqual(len(set(heard).intersection(stored)), 2)

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.1, 0.5)))
    def test_one_that_is_patient_finds_the_k_closest_whoever_is_slow(
        self, seed: int, share: float
    ) -> None:
        world = Slow(Random(seed), share)
        each = Lookup(NodeID(world.target), Breadth(8, 5, patient=True))
        each.add(world.network.answer(world.network.nodes[0], world.target), 0.0)
        run(each, world.answer, lambda: world.rtt)
        self.assertEqual(ids(each.closest()), closest_of(world.network.nodes, world.target, 8))


def naively_over(states: dict[int, str], close: Closeness, *, patient: bool) -> bool:
    """Sort, take, compare: is there a length of the list at which the lookup may end?"""
    k, radius, most = close
    ordered = sorted(states)
    for length in range(len(ordered) + 1):
        nearest = [states[each] for each in ordered[:length]]
        heard = nearest.count("answered")
        if length < len(ordered):
            beyond = ordered[length] > radius or heard >= most
            if heard < k or not beyond:
                continue
        silent = "suspect" in nearest
        counted = [each for each in nearest if each in ("answered", "suspect")][:k]
        half = 2 * counted.count("answered") >= len(counted)
        if "untried" in nearest or "fresh" in nearest or (patient and silent):
            return False
        return half
    raise AssertionError("the whole list is one of the lengths")


class AheadTests(SynchronousTestCase):
    """Further ones are asked at once, as many as will turn out lost."""

    def begun(self, patient: bool = False) -> Lookup:
        """Of the ten nearest eight were asked: three answered, one failed, four are waited for."""
        each = Lookup(NodeID(0), Breadth(8, 8, patient=patient))
        each.add(contacts(*range(1, 20)), 0.0)
        ask(each, 0.0)
        for node_id in (1, 2, 3):
            each.replied(contact(node_id), [], RTT)
        each.failed(contact(4), RTT)
        return each

    def test_by_the_share_of_those_lost_so_far(self) -> None:
        """A quarter was lost and five are open: 9 steps in for 4, 10 for one of the five."""
        self.assertEqual(ask(self.begun(), RTT), [9, 10])

    def test_lost_patience_counts_as_lost(self) -> None:
        each = lookup(*range(1, 20), k=4, alpha=4)
        ask(each, 0.0)
        each.replied(contact(1), [], RTT)
        each.replied(contact(2), [], RTT)
        self.assertEqual(ask(each, SOFT), [5, 6, 7], "half of 5 and 6")

    def test_a_late_answer_does_not(self) -> None:
        each = lookup(*range(1, 20), k=4, alpha=4)
        ask(each, 0.0)
        for node_id in (1, 2):
            each.replied(contact(node_id), [], RTT)
        each.next(SOFT)
        for node_id in (3, 4):
            each.replied(contact(node_id), [], SOFT)
        self.assertEqual(ask(each, SOFT), [])

    def test_what_was_not_sent_says_nothing(self) -> None:
        each = lookup(*range(1, 20), k=4, alpha=4)
        ask(each, 0.0)
        for node_id in (1, 2):
            each.failed(contact(node_id), 0.0, UNSENT)
        self.assertEqual(ask(each, 0.0), [5, 6])

    def test_one_that_is_patient_is_in_no_hurry(self) -> None:
        self.assertEqual(ask(self.begun(patient=True), RTT), [9])

    def test_those_further_ones_hold_nothing_up(self) -> None:
        each = self.begun()
        ask(each, RTT)
        for node_id in (5, 6, 7, 8, 9):
            each.replied(contact(node_id), [], 2 * RTT)
        self.assertTrue(each.finished, "10 is still waited for")


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
