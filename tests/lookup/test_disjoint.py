"""Lookups over disjoint paths: the same result as one path, and what liars can do no more."""

from __future__ import annotations

from collections import Counter
from math import ceil
from random import Random
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.disjoint import (
    AnyLookup,
    DisjointLookup,
    effective_paths,
)
from kadtwisted.lookup.iterative import CAPACITY_FACTOR, Breadth, Lookup
from kadtwisted.lookup.records import Mode, RecordSearch
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from tests.lookup.toy_network import (
    HARD,
    RTT,
    SOFT,
    Outcome,
    ToyNetwork,
    closest_of,
    contact,
    ids,
    run,
)

SEEDS = st.integers(0, 2**32)
PROPERTY = settings(max_examples=40, deadline=None, derandomize=True)
OLD, NEW = b"old.....", b"new....."


def disjoint(
    *node_ids: int, paths: int = 2, k: int = 4, alpha: int = 2, own_id: int | None = None
) -> DisjointLookup:
    """A lookup for 0 that starts from these."""
    own = None if own_id is None else NodeID(own_id)
    each = DisjointLookup(NodeID(0), Breadth(k, alpha, own), paths)
    each.add([contact(node_id) for node_id in node_ids], 0.0)
    return each


def ask(lookup: DisjointLookup | RecordSearch, now: float) -> list[Contact]:
    """Ask everyone the lookup names now."""
    named = lookup.next(now)
    for each in named:
        lookup.asked(each, now, SOFT)
    return named


def listed(lookup: DisjointLookup) -> list[list[int]]:
    """The IDs on each path's shortlist."""
    return [[each.distance for each in path.shortlist.candidates] for path in lookup.paths]


class Search:
    """One lookup over disjoint paths in a random network, driven to its end."""

    def __init__(self, random: Random, dead_share: float = 0.0, spread: float = 0.0) -> None:
        self.k = random.choice((3, 8, 20))
        self.paths = random.choice((1, 2, 4))
        self.alpha = random.choice((1, 3, 5, 20))
        self.network = ToyNetwork(random, random.randrange(2, 250), self.k, dead_share)
        self.me = self.network.nodes[0]
        self.target = random.randrange(256)
        self.start = self.network.answer(self.me, self.target)
        self.named = set(ids(self.start))
        self.breadth = Breadth(self.k, self.alpha, NodeID(self.me))
        self.lookup = DisjointLookup(NodeID(self.target), self.breadth, self.paths)
        self.lookup.add(self.start, 0.0)
        self.seen: Outcome = run(self.lookup, self.answer, lambda: RTT + spread * random.random())

    def answer(self, asked: Contact) -> list[Contact] | None:
        if asked.node_id in self.network.dead:
            return None
        reply = self.network.answer(asked.node_id, self.target, self.me)
        self.named.update(ids(reply))
        return reply


class HonestTests(SynchronousTestCase):
    """Against the oracle and against the plain lookup."""

    @PROPERTY
    @given(SEEDS)
    def test_finds_what_one_path_finds(self, seed: int) -> None:
        search = Search(Random(seed), spread=SOFT - 2 * RTT)
        plain = Lookup(NodeID(search.target), search.breadth)
        plain.add(search.start, 0.0)
        run(plain, search.answer)
        others = [each for each in search.network.nodes if each != search.me]
        wanted = closest_of(others, search.target, search.k)
        self.assertEqual(ids(search.lookup.closest()), wanted)
        self.assertEqual(search.lookup.closest(), plain.closest())

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.1, 0.3, 0.5)))
    def test_finds_the_k_closest_live_ones_it_heard_of(self, seed: int, dead: float) -> None:
        search = Search(Random(seed), dead)
        heard = [each for each in search.named if each not in search.network.dead | {search.me}]
        wanted = closest_of(heard, search.target, search.k)
        self.assertEqual(ids(search.lookup.closest()), wanted)

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.0, 0.5)))
    def test_nobody_is_asked_twice_by_all_paths_together(self, seed: int, dead: float) -> None:
        search = Search(Random(seed), dead)
        self.assertEqual(max(Counter(search.seen.asked).values()), 1)
        self.assertNotIn(search.me, ids(search.seen.asked))
        self.assertEqual(len(search.lookup.trace(0.0).steps), len(search.seen.asked))

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.1, 0.3, 0.5, 0.8)))
    def test_the_dead_cost_slots_for_their_soft_patience_only(self, seed: int, dead: float) -> None:
        """As with one path; but one path may have all the dead, and its slots are its own."""
        search = Search(Random(seed), dead)
        seen = search.seen
        slots = max(1, search.alpha // search.paths)
        answers = len(seen.asked) - seen.dead_asked
        waiting = 2 * ceil(seen.dead_asked / slots) * SOFT + ceil(answers / slots) * RTT
        self.assertLessEqual(seen.ended, waiting + HARD)
        most = max(search.alpha, search.paths, search.paths * search.k)  # near the end
        self.assertLessEqual(seen.most_in_flight, 3 * most)
        self.assertLessEqual(seen.most_patient, most)

    def test_asks_k_nodes_a_path(self) -> None:
        network = ToyNetwork(Random(5), 200, 8)
        asked = []
        for paths in (1, 2, 4):
            each = DisjointLookup(NodeID(77), Breadth(k=8, alpha=5), paths)
            each.add(network.answer(network.nodes[0], 77), 0.0)
            seen = run(each, lambda asked: network.answer(asked.node_id, 77))
            self.assertGreaterEqual(len(seen.asked), 8 * paths)
            self.assertLess(len(seen.asked), 8 * paths + 8)
            asked.append(len(each.closest(100)))
        self.assertEqual(asked, sorted(asked))


class LiarTests(SynchronousTestCase):
    """A fifth of 300 nodes lie: whatever they are asked, they name their friends nearest to the
    target, and ``near`` of those have made themselves IDs nearer than any honest one.

    Measured with these seeds, where 0, 8 = k and 16 stand near: one path reaches the honest closest
    40, 3 and 2 times of 40, and 82, 12 and 8 % of the 8 closest honest ones; four paths always
    reach it, and 100, 99.7 and 84 % of the others.
    """

    K = 8
    SEARCHES = 40

    def search(self, seed: int, paths: int, near: int) -> tuple[bool, float]:
        """Whether the closest honest node was reached, and the share of the k closest ones."""
        random = Random(seed)
        network = ToyNetwork(random, 300, self.K, bits=20)
        target = random.getrandbits(20)
        liars = random.sample(network.nodes[1:], 60)
        moved = {old: target ^ step for step, old in enumerate(liars[:near], 1)}
        network.nodes = [moved.get(each, each) for each in network.nodes]
        lying = {moved.get(each, each) for each in liars}
        lies = [contact(each) for each in closest_of(lying, target, self.K)]
        me = network.nodes[0]
        breadth = Breadth(self.K, 5, NodeID(me))
        each: AnyLookup = Lookup(NodeID(target), breadth)
        if paths > 1:
            each = DisjointLookup(NodeID(target), breadth, paths)
        start = closest_of(network.table(me), target, each.seeds)
        each.add([contact(node) for node in start], 0.0)
        run(each, lambda a: lies if a.node_id in lying else network.answer(a.node_id, target, me))
        honest = [node for node in network.nodes[1:] if node not in lying]
        wanted = closest_of(honest, target, self.K)
        reached = ids(each.closest(3 * self.K))
        return wanted[0] in reached, sum(node in reached for node in wanted) / self.K

    def measure(self, paths: int, near: int) -> tuple[int, float]:
        outcomes = [self.search(seed, paths, near) for seed in range(self.SEARCHES)]
        share = sum(share for _, share in outcomes) / self.SEARCHES
        return sum(found for found, _ in outcomes), share

    def test_as_many_as_k_near_the_target(self) -> None:
        one, four = self.measure(1, self.K), self.measure(4, self.K)
        self.assertLess(one[0], 12)
        self.assertGreater(four[0], 36)
        self.assertGreater(four[1], 0.95)

    def test_twice_as_many(self) -> None:
        one, four = self.measure(1, 2 * self.K), self.measure(4, 2 * self.K)
        self.assertLess(one[0], 8)
        self.assertGreater(four[0], 34)
        self.assertGreater(four[1], 0.75)

    def test_none_there_but_those_that_fate_put_there(self) -> None:
        self.assertLess(self.measure(1, 0)[1], 0.9)
        self.assertGreater(self.measure(4, 0)[1], 0.96)


class DealingTests(SynchronousTestCase):
    """Which path a contact belongs to."""

    def test_seeds_are_dealt_round_robin_by_distance(self) -> None:
        each = disjoint(9, 1, 5, 3, 7, paths=3)
        self.assertEqual(listed(each), [[1, 7], [3, 9], [5]])
        each.add([contact(11), contact(1)], 0.0)
        self.assertEqual(listed(each), [[1, 7], [3, 9], [5, 11]])

    def test_every_path_starts_from_k(self) -> None:
        self.assertEqual(disjoint(paths=3, k=7).seeds, 21)
        self.assertEqual(Lookup(NodeID(0), Breadth(k=7, alpha=1)).seeds, 7)

    def test_we_ourselves_are_dealt_to_nobody(self) -> None:
        each = disjoint(1, 2, 3, own_id=1)
        self.assertEqual(listed(each), [[2], [3]])

    def test_what_a_contact_names_is_heard_by_its_path_alone(self) -> None:
        each = disjoint(8, 9)
        ask(each, 0.0)
        each.replied(contact(8), [contact(1)], RTT)
        self.assertEqual(listed(each), [[1, 8], [9]])

    def test_one_named_on_two_paths_is_asked_on_the_first_alone(self) -> None:
        each = disjoint(8, 9)
        ask(each, 0.0)
        each.replied(contact(8), [contact(1)], RTT)
        each.replied(contact(9), [contact(1), contact(2)], RTT)
        self.assertEqual(ids(ask(each, RTT)), [1, 2])
        self.assertEqual(listed(each), [[1, 8], [2, 9]])
        each.replied(contact(2), [contact(1)], 2 * RTT)
        self.assertEqual(listed(each), [[1, 8], [2, 9]])

    def test_one_that_answered_is_told_and_dealt_to_nobody_else(self) -> None:
        each = disjoint(1, 9)
        ask(each, 0.0)
        each.replied(contact(1), [], RTT)
        each.replied(contact(9), [contact(1, "192.0.2.1")], RTT)
        each.add([contact(1, "192.0.2.2")], RTT)
        self.assertEqual(listed(each), [[1], [9]])
        self.assertTrue(each.finished)

    def test_every_path_needs_k_of_its_own(self) -> None:
        each = disjoint(1, 2, 3, 4, 5, k=2)
        for asked in ask(each, 0.0):
            each.replied(asked, [], RTT)
        self.assertFalse(each.finished)
        for asked in ask(each, RTT):
            each.replied(asked, [], 2 * RTT)
        self.assertTrue(each.finished)
        self.assertEqual(ids(each.closest()), [1, 2])
        self.assertEqual(ids(each.closest(3)), [1, 2, 3])
        self.assertEqual(each.next(2 * RTT), [])

    def test_alpha_is_shared_out(self) -> None:
        for alpha, asked in ((1, 3), (3, 3), (4, 4), (5, 5), (6, 6), (9, 9)):
            each = disjoint(*range(1, 40), paths=3, k=8, alpha=alpha)
            self.assertEqual(len(ask(each, 0.0)), asked)
            shares = [path.alpha for path in each.paths]
            self.assertLessEqual(max(shares) - min(shares), 1)

    def test_the_closest_of_all_paths_are_named_first(self) -> None:
        self.assertEqual(ids(disjoint(4, 3, 2, 1, alpha=4).next(0.0)), [1, 2, 3, 4])

    def test_wakes_at_the_next_end_of_a_soft_patience_on_any_path(self) -> None:
        each = disjoint(1, 2)
        self.assertIsNone(each.wakes_at())
        each.asked(contact(1), 0.0, 0.5)
        each.asked(contact(2), 0.0, 0.25)
        self.assertEqual(each.wakes_at(), 0.25)
        each.next(0.25)
        self.assertEqual(each.wakes_at(), 0.5)


class FalseEndpointTests(SynchronousTestCase):
    """A liar names an honest ID at a false address; another path hears of the true one."""

    TRUE = contact(1)
    FALSE = contact(1, "192.0.2.66")

    def setUp(self) -> None:
        self.lookup = disjoint(8, 9)
        ask(self.lookup, 0.0)
        self.lookup.replied(contact(8), [self.FALSE], RTT)
        self.lookup.replied(contact(9), [self.TRUE], RTT)

    def test_the_true_one_is_tried_when_patience_with_the_false_one_ends(self) -> None:
        self.assertEqual(ask(self.lookup, RTT), [self.FALSE])
        self.assertFalse(self.lookup.finished)
        self.assertEqual(ask(self.lookup, RTT + SOFT), [self.TRUE])
        self.assertFalse(self.lookup.finished)
        self.lookup.replied(self.TRUE, [], 2 * RTT + SOFT)
        self.assertTrue(self.lookup.finished, "nobody waits for the false one")
        self.assertEqual(self.lookup.closest()[0], self.TRUE)

    def test_or_as_soon_as_the_false_one_fails(self) -> None:
        ask(self.lookup, RTT)
        self.lookup.failed(self.FALSE, RTT + 0.01)
        self.assertEqual(ask(self.lookup, RTT + 0.01), [self.TRUE])

    def test_if_both_answer_it_is_one_node(self) -> None:
        ask(self.lookup, RTT)
        ask(self.lookup, RTT + SOFT)
        self.lookup.replied(self.FALSE, [], HARD)
        self.lookup.replied(self.TRUE, [], HARD)
        self.assertEqual(ids(self.lookup.closest()), [1, 8, 9])
        self.assertTrue(self.lookup.finished)

    def test_when_one_answers_the_other_is_not_tried(self) -> None:
        ask(self.lookup, RTT)
        self.lookup.replied(self.FALSE, [], 2 * RTT)
        self.assertEqual(self.lookup.next(2 * RTT), [])
        self.assertTrue(self.lookup.finished)


class BoundTests(SynchronousTestCase):
    """Bounded like a lookup with one path."""

    VICTIM = "198.51.100.7"

    def test_a_victim_named_on_all_paths_is_asked_twice(self) -> None:
        honest = [contact(20_000 + i) for i in range(20)]
        victims = [contact(i, self.VICTIM, 1024 + i) for i in range(1, 11)]
        each = disjoint(*range(2**20, 2**20 + 8), paths=4, k=8, alpha=8)

        def answer(asked: Contact) -> list[Contact] | None:
            return None if asked.endpoint.host == self.VICTIM else honest + victims

        seen = run(each, answer)
        hosts = Counter(asked.endpoint.host for asked in seen.asked)
        self.assertEqual(hosts[self.VICTIM], 2)
        self.assertEqual(each.closest(), honest[:8])

    def test_not_even_at_once(self) -> None:
        each = disjoint(2**20, 2**20 + 1, 2**20 + 2, paths=3, k=8, alpha=24)
        for start, asked in enumerate(ask(each, 0.0)):
            told = [
                contact(10 * start + i, self.VICTIM, 1000 + 10 * start + i) for i in range(1, 9)
            ]
            each.replied(asked, told, RTT)
        self.assertEqual(len(ask(each, RTT)), 2)

    def test_liars_that_always_know_someone_closer_cannot_keep_it_going(self) -> None:
        each = DisjointLookup(NodeID(0), Breadth(k=4, alpha=4), paths=4)
        seeds = [contact(2**23 + i) for i in range(4)]
        each.add(seeds, 0.0)
        steps = iter(range(2**23 - 1, 0, -1))
        seen = run(each, lambda _: [contact(next(steps)) for _ in range(20)])
        self.assertEqual(len(seen.asked), 4 * CAPACITY_FACTOR)

    def test_memory_is_bounded_and_a_flooded_path_costs_the_others_nothing(self) -> None:
        """One liar tells of 20,000 closer IDs, each at its own address, that never answer."""
        liar, good = contact(2**20), contact(2**20 + 1)
        each = DisjointLookup(NodeID(0), Breadth(k=4, alpha=4), paths=2)
        each.add([liar, good], 0.0)
        lies = [contact(i) for i in range(1, 20_001)]
        honest = [contact(30_000 + i) for i in range(4)]

        def answer(asked: Contact) -> list[Contact] | None:
            if asked == liar:
                return lies
            return honest if asked == good or asked in honest else None

        seen = run(each, answer)
        self.assertEqual(each.closest(), honest)
        self.assertLessEqual(sum(len(path) for path in listed(each)), 4 * CAPACITY_FACTOR)
        self.assertLessEqual(len(seen.asked), 4 * CAPACITY_FACTOR)

    def test_many_paths_have_room_for_four_times_k_each(self) -> None:
        each = DisjointLookup(NodeID(0), Breadth(k=2, alpha=1), paths=100)
        self.assertEqual({path.shortlist.capacity for path in each.paths}, {8})


class EventTests(SynchronousTestCase):
    """The rest of the driver's protocol."""

    def test_with_nobody_to_ask(self) -> None:
        each = disjoint()
        self.assertTrue(each.finished)
        self.assertEqual((each.closest(), each.next(0.0)), ([], []))
        self.assertEqual((each.trace(3.0).hops, each.trace(3.0).duration), (0, 3.0))

    def test_a_late_reply_counts_on_the_path_that_asked(self) -> None:
        each = disjoint(8, 9)
        ask(each, 0.0)
        each.failed(contact(9), HARD)
        each.replied(contact(9), [contact(1)], 1.0)
        self.assertEqual(listed(each), [[8], [1, 9]])
        self.assertEqual([step.outcome for step in each.trace(1.0).steps], ["waiting", "late"])

    def test_one_that_was_named_may_be_declined(self) -> None:
        each = disjoint(8, 9)
        for named in each.next(0.0):
            each.failed(named, 0.0, "failed")
        self.assertTrue(each.finished)
        self.assertEqual([step.outcome for step in each.trace(0.0).steps], ["failed", "failed"])

    def test_reports_of_strangers(self) -> None:
        each = disjoint(own_id=5)
        each.failed(contact(9), 0.0)
        each.replied(contact(5), [contact(1)], 0.0)
        self.assertTrue(each.finished)
        each.replied(contact(9), [contact(1)], 0.5)
        self.assertEqual(ids(each.closest()), [9])
        self.assertEqual(ids(each.next(0.5)), [1])

    def test_the_trace_is_in_the_order_of_asking_and_as_deep_as_the_closest(self) -> None:
        each = DisjointLookup(NodeID(0), Breadth(k=4, alpha=2), paths=2, now=100.0)
        each.add([contact(8), contact(9)], 100.0)
        ask(each, 100.0)
        each.replied(contact(9), [contact(2)], 100.25)
        ask(each, 100.25)
        each.replied(contact(8), [contact(4)], 100.5)
        ask(each, 100.5)
        each.replied(contact(2), [], 100.75)
        trace = each.trace(101.0)
        self.assertEqual([step.contact.node_id for step in trace.steps], [8, 9, 2, 4])
        self.assertEqual([step.asked for step in trace.steps], [0.0, 0.0, 0.25, 0.5])
        self.assertEqual((trace.hops, trace.duration), (2, 1.0))

    def test_needs_at_least_one_path_one_place_and_one_slot(self) -> None:
        for wrong in ({"paths": 0}, {"k": 0}, {"alpha": 0}):
            self.assertRaises(InvalidInput, disjoint, **wrong)


class ValueTests(SynchronousTestCase):
    def lookup(self, mode: Mode, *node_ids: int) -> RecordSearch:
        """A search for key 0 that has asked these nodes."""
        lookup = DisjointLookup(NodeID(0), Breadth(k=3, alpha=8), paths=2)
        each = RecordSearch(lookup, mode)
        each.add([contact(node_id) for node_id in node_ids], 0.0)
        ask(each, 0.0)
        return each

    def test_in_first_mode_one_record_ends_all_paths(self) -> None:
        each = self.lookup("first", 1, 2, 9)
        each.replied(contact(2), [contact(3)], 0.1)
        self.assertFalse(each.finished)
        self.assertEqual(ids(each.next(0.1)), [3])
        each.found(contact(9), [NEW], [contact(4)], 0.2)
        self.assertTrue(each.finished)
        self.assertEqual(each.next(0.2), [])

    def test_in_latest_mode_it_goes_all_the_way(self) -> None:
        each = self.lookup("latest", 1, 2, 3, 9)
        each.found(contact(1), [NEW], [contact(4)], 0.1)
        self.assertEqual(ids(ask(each, 0.1)), [4])
        for node_id, version in ((2, OLD), (9, NEW)):
            each.found(contact(node_id), [version], [], 0.2)
        each.replied(contact(3), [], 0.2)
        self.assertFalse(each.finished)
        each.found(contact(4), [NEW], [], 0.3, "unchanged")
        self.assertTrue(each.finished)
        self.assertEqual(each.versions(), [NEW, OLD])
        self.assertEqual(ids(each.holders(NEW)), [1, 4, 9])
        self.assertEqual(ids(each.without_record(NEW)), [2, 3])
        self.assertEqual(ids(each.without_record()), [3])
        outcomes = {step.contact.node_id: step.outcome for step in each.trace(1.0).steps}
        self.assertEqual(
            outcomes, {1: "record", 2: "record", 3: "nodes", 9: "record", 4: "unchanged"}
        )

    def test_there_is_no_third_mode(self) -> None:
        self.assertRaises(InvalidInput, self.lookup, cast("Any", "newest"))


class EffectivePathsTests(SynchronousTestCase):
    def test_each_path_needs_k_nodes(self) -> None:
        cases = (
            (4, 0, 1),
            (4, 39.9, 1),
            (4, 40, 2),
            (4, 79, 3),
            (4, 80, 4),
            (4, 1e9, 4),
            (1, 99, 1),
        )
        for d, size, paths in cases:
            self.assertEqual(effective_paths(d, size, 20), paths)

    def test_never_less_than_one(self) -> None:
        self.assertEqual(effective_paths(0, 1000, 20), 1)
