"""The iterative lookup, on 8-bit IDs: what it finds, how long it takes, and what liars can do."""

from __future__ import annotations

from collections import Counter
from math import ceil
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput
from kadtwisted.lookup.attempts import UNSENT
from kadtwisted.lookup.iterative import CAPACITY_FACTOR, Breadth, Lookup
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


def lookup(target: int = 0, k: int = 4, alpha: int = 3, own_id: int | None = None) -> Lookup:
    own = None if own_id is None else NodeID(own_id)
    return Lookup(NodeID(target), Breadth(k, alpha, own))


def seeded(*node_ids: int, k: int = 4, alpha: int = 3) -> Lookup:
    each = lookup(k=k, alpha=alpha)
    each.add([contact(node_id) for node_id in node_ids], 0.0)
    return each


def ask(lookup: Lookup, now: float, soft: float = SOFT) -> list[Contact]:
    """Ask everyone the lookup names now."""
    named = lookup.next(now)
    for each in named:
        lookup.asked(each, now, soft)
    return named


class Search:
    """One lookup in a random network, driven to its end."""

    def __init__(self, random: Random, dead_share: float, spread: float = 0.0) -> None:
        self.k = random.choice((1, 3, 8, 20))
        self.alpha = random.choice((1, 3, 5))
        self.network = ToyNetwork(random, random.randrange(2, 250), self.k, dead_share)
        self.me = self.network.nodes[0]
        self.target = random.randrange(256)
        seeds = self.network.answer(self.me, self.target)
        self.named = set(ids(seeds))
        self.lookup = lookup(self.target, self.k, self.alpha, self.me)
        self.lookup.add(seeds, 0.0)
        self.seen: Outcome = run(self.lookup, self.answer, lambda: RTT + spread * random.random())

    def answer(self, asked: Contact) -> list[Contact] | None:
        if asked.node_id in self.network.dead:
            return None
        reply = self.network.answer(asked.node_id, self.target, self.me)
        self.named.update(ids(reply))
        return reply


class SearchTests(SynchronousTestCase):
    """Whole lookups, against the oracle."""

    @PROPERTY
    @given(SEEDS)
    def test_finds_exactly_the_k_closest_where_all_live(self, seed: int) -> None:
        search = Search(Random(seed), dead_share=0.0, spread=SOFT - 2 * RTT)
        others = [each for each in search.network.nodes if each != search.me]
        wanted = closest_of(others, search.target, search.k)
        self.assertEqual(ids(search.lookup.closest()), wanted)

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.1, 0.3, 0.5, 0.8)))
    def test_finds_the_k_closest_live_ones_it_heard_of(self, seed: int, dead: float) -> None:
        search = Search(Random(seed), dead)
        heard = [each for each in search.named if each not in search.network.dead | {search.me}]
        wanted = closest_of(heard, search.target, search.k)
        self.assertEqual(ids(search.lookup.closest()), wanted)

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.1, 0.3, 0.5, 0.8)))
    def test_the_dead_cost_slots_for_their_soft_patience_only(self, seed: int, dead: float) -> None:
        """alpha dead at a time pass within one soft patience; twice that, because near the end
        fewer than alpha are left to ask.  One hard timeout ends the last of them."""
        search = Search(Random(seed), dead)
        seen, alpha = search.seen, search.alpha
        waves = ceil(seen.dead_asked / alpha)
        answers = len(seen.asked) - seen.dead_asked
        rounds = ceil(answers / alpha)
        self.assertLessEqual(seen.ended, 2 * waves * SOFT + rounds * RTT + HARD)
        slots = max(alpha, search.k)  # near the end
        self.assertLessEqual(seen.most_in_flight, 3 * slots)
        self.assertLessEqual(seen.most_patient, slots)

    @PROPERTY
    @given(SEEDS, st.sampled_from((0.0, 0.5)))
    def test_nobody_is_asked_twice_and_never_ourselves(self, seed: int, dead: float) -> None:
        search = Search(Random(seed), dead)
        self.assertEqual(max(Counter(search.seen.asked).values()), 1)
        self.assertNotIn(search.me, ids(search.seen.asked))

    def test_asks_few(self) -> None:
        """Two hundred nodes, k=8: the 8 closest and a handful on the way."""
        asked = []
        for seed in range(20):
            random = Random(seed)
            network = ToyNetwork(random, 200, 8)
            each = lookup(seed, 8, 3)
            each.add(network.answer(network.nodes[0], seed), 0.0)
            seen = run(each, lambda asked: network.answer(asked.node_id, seed))  # noqa: B023
            asked.append(len(seen.asked))
        self.assertLess(sum(asked) / 20, 8 + 6)


class SlotTests(SynchronousTestCase):
    """Whom next, how many, and when to look again."""

    def test_at_most_alpha_closest_first(self) -> None:
        each = seeded(9, 1, 5, 3)
        self.assertEqual(ids(each.next(0.0)), [1, 3, 5])
        self.assertEqual(ids(each.next(0.0)), [1, 3, 5], "nothing was reported as asked")
        ask(each, 0.0)
        self.assertEqual(each.next(0.0), [])

    def test_never_beyond_the_k_closest(self) -> None:
        each = seeded(1, 2, 3, k=2)
        self.assertEqual(ids(ask(each, 0.0)), [1, 2])
        each.replied(contact(1), [], 0.1)
        self.assertEqual(each.next(0.1), [])

    def test_a_reply_frees_its_slot_at_once(self) -> None:
        each = seeded(8, 9, 10, 11)
        ask(each, 0.0)
        each.replied(contact(9), [contact(1)], 0.1)
        self.assertEqual(ids(each.next(0.1)), [1])

    def test_a_soft_patience_frees_its_slot_and_its_place(self) -> None:
        each = seeded(1, 2, 3, 4, k=2, alpha=2)
        ask(each, 0.0)
        self.assertEqual(each.next(SOFT - 0.01), [])
        self.assertEqual(ids(each.next(SOFT)), [3, 4])

    def test_dead_contacts_in_front_delay_by_soft_patiences(self) -> None:
        """Six dead, alpha 3: the live seventh is asked after two soft patiences."""
        asked_at = {}
        each = seeded(1, 2, 3, 4, 5, 6, 7, k=3)
        for now in (0.0, SOFT, 2 * SOFT):
            asked_at.update(dict.fromkeys(ids(ask(each, now)), now))
        self.assertEqual(asked_at[7], 2 * SOFT)

    def test_at_most_three_alpha_in_flight(self) -> None:
        each = seeded(*range(1, 10), alpha=2)
        asked = [len(ask(each, now)) for now in (0.0, SOFT, 2 * SOFT, 3 * SOFT)]
        self.assertEqual(asked, [2, 2, 2, 0])
        each.failed(contact(1), 3 * SOFT)
        self.assertEqual(ids(each.next(3 * SOFT)), [7])

    def test_wakes_at_the_next_end_of_a_soft_patience(self) -> None:
        each = seeded(1, 2)
        self.assertIsNone(each.wakes_at())
        each.asked(contact(1), 0.0, 0.5)
        each.asked(contact(2), 0.125, 0.25)
        self.assertEqual(each.wakes_at(), 0.375)
        each.next(0.375)
        self.assertEqual(each.wakes_at(), 0.5)
        each.replied(contact(1), [], 0.4)
        self.assertIsNone(each.wakes_at())

    def test_asking_again_changes_nothing(self) -> None:
        each = seeded(1)
        ask(each, 0.0)
        each.asked(contact(1), 1.0, SOFT)
        self.assertEqual(each.wakes_at(), SOFT)
        each.failed(contact(1), 1.0)
        self.assertTrue(each.finished)
        self.assertEqual(len(each.trace(1.0).steps), 1)

    def test_needs_at_least_one_slot_and_one_place(self) -> None:
        self.assertRaises(InvalidInput, lookup, k=0)
        self.assertRaises(InvalidInput, lookup, alpha=0)


class EndTests(SynchronousTestCase):
    """Finished exactly when the k closest known have all answered or failed."""

    def test_with_nobody_to_ask(self) -> None:
        self.assertTrue(lookup().finished)
        self.assertEqual(lookup().closest(), [])

    def test_when_the_k_closest_answered(self) -> None:
        each = seeded(1, 2, 9, k=2)
        ask(each, 0.0)
        each.replied(contact(2), [], 0.1)
        self.assertFalse(each.finished)
        each.replied(contact(1), [], 0.2)
        self.assertTrue(each.finished)
        self.assertEqual(ids(each.closest()), [1, 2])
        self.assertEqual(each.next(0.2), [])

    def test_not_while_we_have_patience_with_one_of_them(self) -> None:
        each = seeded(1, 2, 3, k=2)
        ask(each, 0.0)
        each.replied(contact(2), [], RTT)
        each.replied(contact(3), [], RTT)
        each.next(SOFT - 0.01)
        self.assertFalse(each.finished)
        each.next(SOFT)
        self.assertTrue(each.finished)
        self.assertEqual(ids(each.closest()), [2, 3])

    def test_the_next_closest_steps_in_for_a_failed_one(self) -> None:
        each = seeded(1, 2, k=1, alpha=1)
        ask(each, 0.0)
        each.failed(contact(1), 0.1)
        self.assertFalse(each.finished)
        self.assertEqual(ids(ask(each, 0.1)), [2])
        each.replied(contact(2), [], 0.2)
        self.assertTrue(each.finished)

    def test_when_all_failed(self) -> None:
        each = seeded(1, 2)
        for asked in ask(each, 0.0):
            self.assertFalse(each.finished)
            each.failed(asked, HARD)
        self.assertTrue(each.finished)
        self.assertEqual(each.closest(), [])

    def test_a_closer_one_told_last_is_asked_first(self) -> None:
        each = seeded(9, k=1)
        ask(each, 0.0)
        each.replied(contact(9), [contact(1)], 0.1)
        self.assertFalse(each.finished)
        self.assertEqual(ids(each.next(0.1)), [1])

    def test_liars_that_always_know_someone_closer_cannot_keep_it_going(self) -> None:
        each = Lookup(NodeID(0), Breadth(k=2, alpha=3))
        each.add([contact(2**23)], 0.0)
        steps = iter(range(2**23 - 1, 0, -1))
        seen = run(each, lambda _: [contact(next(steps)) for _ in range(20)])
        self.assertEqual(len(seen.asked), 2 * CAPACITY_FACTOR)
        self.assertEqual(len(each.closest()), 2)


class LateTests(SynchronousTestCase):
    def test_a_reply_after_the_soft_patience_counts(self) -> None:
        each = seeded(9)
        ask(each, 0.0)
        each.next(SOFT)
        each.replied(contact(9), [contact(1)], 2 * SOFT)
        self.assertEqual(ids(each.closest()), [9])
        self.assertEqual(ids(each.next(2 * SOFT)), [1])
        self.assertEqual(each.trace(1.0).steps[0].outcome, "nodes")

    def test_a_reply_after_the_failure_counts(self) -> None:
        each = seeded(9, 10)
        ask(each, 0.0)
        each.failed(contact(9), HARD)
        each.replied(contact(9), [contact(1)], 1.0)
        self.assertEqual(ids(each.closest()), [9])
        self.assertEqual(ids(each.next(1.0)), [1])
        self.assertEqual(each.trace(1.0).steps[0].outcome, "late")

    def test_a_second_reply_adds_its_contacts_and_nothing_else(self) -> None:
        each = seeded(9)
        ask(each, 0.0)
        each.replied(contact(9), [], 0.1)
        each.replied(contact(9), [contact(1)], 0.3)
        self.assertEqual(ids(each.next(0.3)), [1])
        self.assertEqual(each.trace(1.0).steps[0].answered, 0.1)

    def test_a_failure_after_the_reply_is_nothing(self) -> None:
        each = seeded(9)
        ask(each, 0.0)
        each.replied(contact(9), [], 0.1)
        each.failed(contact(9), HARD)
        self.assertEqual(ids(each.closest()), [9])
        self.assertEqual(each.trace(1.0).steps[0].outcome, "nodes")


class UnaskedTests(SynchronousTestCase):
    """Reports about contacts that the lookup did not have in flight."""

    def test_a_contact_named_may_be_declined(self) -> None:
        each = seeded(1, 2, k=1)
        each.failed(contact(1), 0.0, "failed")
        self.assertEqual(ids(each.next(0.0)), [2])
        step = each.trace(0.0).steps[0]
        self.assertEqual((step.contact, step.answered, step.outcome), (contact(1), None, "failed"))

    def test_an_unexpected_answer_is_an_answer(self) -> None:
        each = lookup()
        each.replied(contact(9), [contact(1)], 0.5)
        self.assertEqual(ids(each.closest()), [9])
        self.assertEqual(ids(each.next(0.5)), [1])
        self.assertEqual(each.trace(0.5).steps[0].outcome, "nodes")

    def test_a_strangers_failure_is_nothing(self) -> None:
        each = lookup()
        each.failed(contact(9), 0.0)
        self.assertEqual(each.trace(0.0).steps, ())
        self.assertTrue(each.finished)

    def test_we_ourselves_are_nobody(self) -> None:
        each = lookup(own_id=5)
        each.add([contact(5)], 0.0)
        each.asked(contact(5), 0.0, SOFT)
        each.replied(contact(5), [contact(1)], 0.0)
        each.failed(contact(5), 0.0)
        self.assertEqual((each.next(0.0), each.wakes_at()), ([], None))
        self.assertTrue(each.finished)


class FalseEndpointTests(SynchronousTestCase):
    """An honest ID named at a false address."""

    TRUE = contact(1)
    FALSE = contact(1, "192.0.2.66")

    def told(self, *replies: list[Contact]) -> Lookup:
        """A lookup to which each of the nodes 200, 201... told one of these lists."""
        tellers = [contact(200 + index) for index in range(len(replies))]
        each = lookup(k=8, alpha=8)
        each.add(tellers, 0.0)
        for teller, reply in zip(ask(each, 0.0), replies, strict=True):
            each.replied(teller, reply, RTT)
        return each

    def test_our_own_verified_endpoint_is_tried_first(self) -> None:
        each = self.told([self.FALSE])
        each.add([self.TRUE], RTT)
        self.assertEqual(each.next(RTT), [self.TRUE])

    def test_when_one_fails_the_other_is_tried(self) -> None:
        each = self.told([self.FALSE], [self.TRUE])
        self.assertEqual(ask(each, RTT), [self.FALSE])
        each.failed(self.FALSE, RTT + 0.01)
        self.assertFalse(each.finished)
        self.assertEqual(ask(each, RTT + 0.01), [self.TRUE])
        each.replied(self.TRUE, [], 2 * RTT)
        self.assertIn(self.TRUE, each.closest())
        self.assertTrue(each.finished)

    def test_a_soft_patience_is_enough_to_try_the_other(self) -> None:
        each = self.told([self.FALSE], [self.TRUE])
        ask(each, RTT)
        self.assertEqual(each.next(RTT + SOFT), [self.TRUE])

    def test_the_true_one_told_after_the_false_one_failed_is_tried(self) -> None:
        each = self.told([self.FALSE], [contact(2)])
        ask(each, RTT)
        each.failed(self.FALSE, HARD)
        each.replied(contact(2), [self.TRUE], HARD)
        self.assertEqual(each.next(HARD), [self.TRUE])

    def test_one_liar_cannot_fill_all_three_places(self) -> None:
        lies = [contact(1, f"192.0.2.{index}") for index in range(1, 60)]
        each = self.told(lies, [self.TRUE])
        seen = run(each, lambda asked: [] if asked == self.TRUE else None)
        self.assertEqual(seen.asked, [lies[0], self.TRUE])
        self.assertEqual(each.closest()[0], self.TRUE)

    def test_at_most_three_endpoints_are_asked_for_one_id(self) -> None:
        lies = [[contact(1, f"192.0.2.{index}")] for index in range(1, 9)]
        each = self.told(*lies)
        seen = run(each, lambda _: None)
        self.assertEqual(seen.asked, [contact(1, f"192.0.2.{index}") for index in (1, 2, 3)])

    def test_who_answers_first_is_the_one(self) -> None:
        third = contact(1, "192.0.2.67")
        each = self.told([self.FALSE], [self.TRUE], [third])
        ask(each, RTT)
        ask(each, RTT + SOFT)
        each.replied(self.TRUE, [], RTT + SOFT)
        self.assertEqual(each.closest()[0], self.TRUE)
        self.assertEqual(each.next(RTT + 2 * SOFT), [], "the third is not considered any more")
        each.replied(self.FALSE, [], HARD)
        self.assertEqual(each.closest()[0], self.TRUE)
        self.assertEqual(ids(each.closest()).count(1), 1)


class RadiusTests(SynchronousTestCase):
    """All nodes within a radius of the target count as close, as far as three times k."""

    def wide(self, radius: int, *node_ids: int, k: int = 2) -> Lookup:
        each = Lookup(NodeID(0), Breadth(k, 8, radius=radius))
        each.add([contact(node_id) for node_id in node_ids], 0.0)
        return each

    def answered(self, each: Lookup, *told: int) -> list[int]:
        """Whom a lookup asks until it is finished; everybody answers and names the same."""
        return sorted(ids(run(each, lambda _: [contact(node_id) for node_id in told]).asked))

    def test_all_within_it_are_asked_and_nobody_beyond(self) -> None:
        for radius, asked in ((0, [1, 2]), (2, [1, 2]), (3, [1, 2, 3]), (5, [1, 2, 3, 4, 5])):
            each = self.wide(radius, 1)
            self.assertEqual(self.answered(each, 1, 2, 3, 4, 5, 6, 7), asked)
            self.assertEqual(ids(each.closest()), [1, 2])

    def test_as_far_as_three_times_k(self) -> None:
        each = self.wide(200, 1)
        self.assertEqual(self.answered(each, *range(1, 30)), [1, 2, 3, 4, 5, 6])
        self.assertEqual(ids(each.closest(9)), [1, 2, 3, 4, 5, 6])

    def test_who_fails_within_it_is_replaced_up_to_k_only(self) -> None:
        each = self.wide(3, 1, 2, 3, 9, 10)
        ask(each, 0.0)
        for node_id in (1, 2):
            each.failed(contact(node_id), 0.1)
        self.assertFalse(each.finished)
        self.assertEqual(ids(ask(each, 0.1)), [9, 10], "10 is in case one more is lost")
        each.replied(contact(3), [], 2.0)
        self.assertFalse(each.finished)
        each.replied(contact(9), [], 2.0)
        self.assertTrue(each.finished)

    def test_a_crowd_hides_nobody(self) -> None:
        """16 Sybils nearer than anybody, who name each other alone; 8 honest nodes belong there."""
        random = Random(1)
        network = ToyNetwork(random, 200, 8, bits=16)
        sybils = list(range(1, 17))
        for owner in network.nodes:
            network.table(owner)[:4] = random.sample(sybils, 4)

        def answer(asked: Contact) -> list[Contact]:
            if asked.node_id in sybils:
                return [contact(each) for each in sybils]
            return network.answer(asked.node_id, 0)

        near = closest_of(network.nodes, 0, 8)
        for radius, expected in ((0, 0), ((1 << 16) * 8 // 200, 8)):
            each = Lookup(NodeID(0), Breadth(8, 5, radius=radius))
            each.add(network.answer(network.nodes[7], 0), 0.0)
            run(each, answer)
            self.assertEqual(len(set(near).intersection(ids(each.closest(24)))), expected)


class VictimTests(SynchronousTestCase):
    """Contact lists that name one host again and again."""

    VICTIM = "198.51.100.7"

    def test_ten_thousand_mentions_cause_two_requests(self) -> None:
        victims = [contact(i, self.VICTIM, 1024 + i % 5000) for i in range(1, 10_001)]
        honest = [contact(20_000 + i) for i in range(20)]
        each = lookup(k=20, alpha=5)
        each.add([contact(2**20)], 0.0)
        victim = self.VICTIM

        def answer(asked: Contact) -> list[Contact] | None:
            return None if asked.endpoint.host == victim else honest + victims

        seen = run(each, answer)
        hosts = Counter(asked.endpoint.host for asked in seen.asked)
        self.assertEqual(hosts[self.VICTIM], 2)
        self.assertEqual(len(each.closest()), 1)

    def test_honest_ones_are_found_among_the_mentions(self) -> None:
        victims = [contact(i, self.VICTIM, 1024 + i) for i in range(1, 31)]
        honest = [contact(100 + i) for i in range(20)]
        each = lookup(k=20, alpha=5)
        each.add([contact(255)], 0.0)
        victim = self.VICTIM

        def answer(asked: Contact) -> list[Contact] | None:
            return None if asked.endpoint.host == victim else victims + honest

        seen = run(each, answer)
        self.assertEqual(sum(asked in victims for asked in seen.asked), 2)
        self.assertEqual(each.closest(), honest)

    def test_a_whole_block_gets_eight_on_a_network_without_a_secret(self) -> None:
        victims = [contact(i, f"198.51.100.{i}") for i in range(1, 200)]
        honest = [contact(1000 + i) for i in range(20)]
        for by_block, most in ((True, 8), (False, 199)):
            each = Lookup(NodeID(0), Breadth(20, 5, by_block=by_block))
            each.add([contact(2**20)], 0.0)
            seen = run(each, lambda one: None if one in victims else honest + victims)
            self.assertEqual(sum(asked in victims for asked in seen.asked), most)
        self.assertEqual(each.closest(), honest)

    def test_what_was_not_sent_costs_a_block_nothing(self) -> None:
        each = Lookup(NodeID(0), Breadth(20, 20, by_block=True))
        each.replied(contact(999), [contact(i, f"198.51.100.{i}") for i in range(1, 21)], 0.0)
        held_back = ask(each, 0.0)
        self.assertEqual(len(held_back), 8)
        for asked in held_back:
            each.failed(asked, 0.0, UNSENT)
        self.assertEqual(ids(ask(each, 0.0)), list(range(9, 17)))

    def test_not_even_at_once(self) -> None:
        each = lookup(k=8, alpha=8)
        each.replied(contact(99), [contact(i, self.VICTIM, i) for i in range(1, 9)], 0.0)
        self.assertEqual(ids(ask(each, 0.0)), [1, 2])
        self.assertEqual(each.next(SOFT), [], "past its patience it has still not answered")
        self.assertFalse(each.finished)

    def test_a_late_answer_shows_that_the_host_is_no_victim(self) -> None:
        each = lookup(k=8, alpha=8)
        told = [contact(i, self.VICTIM, i) for i in range(1, 5)]
        each.replied(contact(99), told, 0.0)
        for asked in ask(each, 0.0):
            each.failed(asked, HARD)
        self.assertTrue(each.finished)
        each.replied(told[0], [], 1.0)
        self.assertEqual(each.next(1.0), [told[2]])

    def test_many_nodes_that_answer_may_share_an_address(self) -> None:
        told = [contact(i, self.VICTIM, i) for i in range(1, 9)]
        each = lookup(k=8, alpha=8)
        each.replied(contact(99), told, 0.0)
        run(each, lambda _: [])
        self.assertEqual(each.closest(), told)

    def test_a_declined_contact_costs_its_host_nothing(self) -> None:
        each = lookup(k=8, alpha=8)
        told = [contact(i, self.VICTIM, i) for i in range(1, 5)]
        each.replied(contact(99), told, 0.0)
        each.failed(told[0], 0.0, "failed")
        self.assertEqual(each.next(0.0), told[1:3])

    def test_a_declined_contact_may_still_answer(self) -> None:
        each = lookup(k=8, alpha=8)
        told = [contact(i, self.VICTIM, i) for i in range(1, 6)]
        each.replied(contact(99), told, 0.0)
        each.failed(told[0], 0.0, "failed")
        ask(each, 0.0)
        each.replied(told[0], [], 0.1)
        self.assertEqual(ids(each.closest()), [1, 99])
        self.assertEqual(each.next(0.1), [], "two are still waited for there")

    def test_seeds_are_exempt(self) -> None:
        each = lookup(k=8, alpha=8)
        each.add([contact(i, self.VICTIM, i) for i in range(1, 6)], 0.0)
        each.replied(contact(99), [contact(i, self.VICTIM, i) for i in range(6, 9)], 0.0)
        self.assertEqual(ids(ask(each, 0.0)), [1, 2, 3, 4, 5, 6, 7])

    def test_loopback_is_exempt(self) -> None:
        for host in ("127.0.0.1", "::1"):
            each = lookup(k=8, alpha=8)
            each.replied(contact(99), [contact(i, host, i) for i in range(1, 8)], 0.0)
            self.assertEqual(ids(ask(each, 0.0)), [1, 2, 3, 4, 5, 6, 7])


class FloodTests(SynchronousTestCase):
    def test_memory_is_bounded_and_our_own_contacts_are_still_asked(self) -> None:
        """One liar tells of 20,000 closer IDs, each at its own address, that never answer."""
        each = lookup(k=4, alpha=3)
        seeds = [contact(2**20 + i) for i in range(3)]
        liar = contact(2**19)
        each.add([*seeds, liar], 0.0)
        lies = [contact(i) for i in range(1, 20_001)]

        def answer(asked: Contact) -> list[Contact] | None:
            if asked == liar:
                return lies
            return [] if asked in seeds else None

        seen = run(each, answer)
        self.assertEqual(len(each.shortlist), 4 * CAPACITY_FACTOR)
        self.assertEqual(each.closest(), [liar, *seeds])
        self.assertLessEqual(len(seen.asked), 4 * CAPACITY_FACTOR + len(seeds))

    def test_hearsay_is_followed_as_often_as_the_shortlist_is_long(self) -> None:
        """Second endpoints of IDs that are silent are no way around the bound."""
        each = lookup(k=1, alpha=16)
        each.replied(contact(255), [contact(i) for i in range(1, 100)], 0.0)
        asked = [len(ask(each, step * SOFT)) for step in range(CAPACITY_FACTOR)]
        self.assertEqual(sum(asked), CAPACITY_FACTOR - 1)
        each.replied(contact(255), [contact(i, port=1) for i in range(1, 100)], 4.0)
        self.assertEqual(each.next(4.0), [])
        each.add([contact(200)], 4.0)
        self.assertEqual(ids(each.next(4.0)), [200])

    def test_what_was_not_sent_was_not_followed(self) -> None:
        each = lookup(k=1, alpha=16)
        each.replied(contact(255), [contact(i) for i in range(1, 100)], 0.0)
        while held_back := ask(each, 0.0):
            for asked in held_back:
                each.failed(asked, 0.0, UNSENT)
        each.replied(contact(255), [contact(i, port=1) for i in range(1, 100)], 4.0)
        self.assertTrue(each.next(4.0))


class TraceTests(SynchronousTestCase):
    def test_tells_who_when_and_what(self) -> None:
        each = Lookup(NodeID(0), Breadth(k=3, alpha=4), now=100.0)
        each.add([contact(i) for i in (8, 9, 10, 11)], 100.0)
        ask(each, 100.0)
        each.replied(contact(8), [contact(1)], 100.25)
        each.failed(contact(9), 100.5, "refused")
        each.failed(contact(10), 101.0)
        ask(each, 101.0)
        trace = each.trace(101.5)
        self.assertEqual(
            [(step.contact.node_id, *step[1:]) for step in trace.steps],
            [
                (8, 0.0, 0.25, "nodes"),
                (9, 0.0, None, "refused"),
                (10, 0.0, None, "silent"),
                (1, 1.0, None, "waiting"),
                (11, 1.0, None, "waiting"),
            ],
        )
        self.assertEqual(trace.duration, 1.5)

    def test_hops_are_the_depth_of_the_closest_that_answered(self) -> None:
        each = seeded(64, 32)
        self.assertEqual(each.trace(0.0).hops, 0)
        ask(each, 0.0)
        each.replied(contact(32), [contact(16)], 0.1)
        self.assertEqual(each.trace(0.1).hops, 1)
        ask(each, 0.1)
        each.replied(contact(16), [contact(1)], 0.2)
        ask(each, 0.2)
        self.assertEqual(each.trace(0.2).hops, 2)
        each.replied(contact(1), [], 0.3)
        self.assertEqual(each.trace(0.3).hops, 3)
