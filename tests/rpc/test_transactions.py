"""Requests in flight: what is accepted as a reply, and when patience ends."""

from __future__ import annotations

import weakref

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidInput, TooManyRequests
from kadtwisted.model.contact import Endpoint
from kadtwisted.rpc import transactions as module
from kadtwisted.rpc.endpoints import Patience
from kadtwisted.rpc.transactions import HEAP_SLACK, Asked, Due, Transactions

HERE = Endpoint("192.0.2.1", 4000)
OTHER_PORT = Endpoint("192.0.2.1", 4001)
OTHER_HOST = Endpoint("192.0.2.2", 4000)
ALICE, BOB, CAROL, DAVE = (letter * 32 for letter in (b"a", b"b", b"c", b"d"))
PATIENCE = Patience(1.0, 3.0)


def tid(number: int) -> bytes:
    return number.to_bytes(8, "big")


def begin(table, number=1, endpoint=HERE, key=ALICE, *, now=0.0, patience=PATIENCE):
    context = f"context {number}"
    return table.begin(tid(number), Asked(endpoint, key), context, now, patience)


class MatchTests(SynchronousTestCase):
    """Only the reply to a request in flight is accepted, and only once."""

    def setUp(self):
        self.table = Transactions(10)

    def test_the_reply(self):
        transaction = begin(self.table)
        self.assertIs(self.table.match(HERE, ALICE, tid(1)), transaction)
        self.assertEqual(transaction.context, "context 1")
        self.assertEqual(len(self.table), 0)

    def test_the_endpoint_may_be_the_tuple_that_twisted_hands_over(self):
        transaction = begin(self.table)
        self.assertIs(self.table.match(("192.0.2.1", 4000), ALICE, tid(1)), transaction)

    def test_what_does_not_agree_matches_nothing_and_changes_nothing(self):
        transaction = begin(self.table)
        for endpoint, key, number in (
            (OTHER_PORT, ALICE, 1),
            (OTHER_HOST, ALICE, 1),
            (HERE, BOB, 1),
            (HERE, b"", 1),
            (HERE, ALICE, 2),
        ):
            self.assertIsNone(self.table.match(endpoint, key, tid(number)))
        self.assertIsNone(self.table.match(HERE, ALICE, tid(1)[:7]))
        self.assertIn(transaction, self.table)
        self.assertEqual(self.table.wakes_at(), 1.0)
        self.assertIs(self.table.match(HERE, ALICE, tid(1)), transaction)

    def test_the_id_of_a_request_to_somebody_else(self):
        begin(self.table, 1, HERE, ALICE)
        begin(self.table, 2, OTHER_HOST, BOB)
        self.assertIsNone(self.table.match(HERE, ALICE, tid(2)))
        self.assertIsNone(self.table.match(OTHER_HOST, BOB, tid(1)))
        self.assertEqual(len(self.table), 2)

    def test_a_second_reply(self):
        begin(self.table)
        self.table.match(HERE, ALICE, tid(1))
        self.assertIsNone(self.table.match(HERE, ALICE, tid(1)))

    def test_a_reply_after_the_soft_moment_still_counts(self):
        transaction = begin(self.table)
        self.assertEqual(self.table.due(1.0), [(transaction, Due.SOFT)])
        self.assertIs(self.table.match(HERE, ALICE, tid(1)), transaction)
        self.assertEqual(self.table.due(3.0), [])

    def test_a_reply_after_the_hard_moment_does_not(self):
        transaction = begin(self.table)
        self.assertEqual(self.table.due(3.0), [(transaction, Due.HARD)])
        self.assertNotIn(transaction, self.table)
        self.assertIsNone(self.table.match(HERE, ALICE, tid(1)))

    def test_a_reply_after_cancellation_does_not(self):
        transaction = begin(self.table)
        self.table.cancel(transaction)
        self.assertIsNone(self.table.match(HERE, ALICE, tid(1)))
        self.table.cancel(transaction)
        self.assertEqual(len(self.table), 0)

    def test_a_hello_takes_any_key(self):
        transaction = begin(self.table, key=b"")
        self.assertIsNone(self.table.match(OTHER_PORT, BOB, tid(1)))
        self.assertIs(self.table.match(HERE, BOB, tid(1)), transaction)

    def test_a_pinned_hello_takes_only_that_key(self):
        transaction = self.table.begin(tid(1), Asked(HERE, b"", ALICE), "context 1", 0.0, PATIENCE)
        self.assertIsNone(self.table.match(HERE, BOB, tid(1)))
        self.assertIsNone(self.table.match(HERE, b"", tid(1)))
        self.assertIs(self.table.match(HERE, ALICE, tid(1)), transaction)

    def test_what_ended_is_not_held_on_to(self):
        class Context:
            pass

        context = Context()
        alive = weakref.ref(context)
        self.table.begin(tid(1), Asked(HERE, ALICE), context, 0.0, PATIENCE)
        del context
        self.assertIsNotNone(alive())
        self.table.match(HERE, ALICE, tid(1))
        self.assertIsNone(alive())


class BeginTests(SynchronousTestCase):
    def test_what_is_kept(self):
        transaction = Transactions(1).begin(
            tid(7), Asked(HERE, ALICE, BOB), "context 7", 5.0, PATIENCE
        )
        self.assertEqual(transaction.transaction_id, tid(7))
        self.assertEqual((transaction.endpoint, transaction.key), (HERE, ALICE))
        self.assertEqual((transaction.sent_at, transaction.sends), (5.0, 1))
        self.assertEqual((transaction.wakes_at, transaction.hard_at), (6.0, 8.0))
        self.assertEqual((transaction.pinned, transaction.suspected), (BOB, False))

    def test_full(self):
        table = Transactions(2)
        begin(table, 1)
        second = begin(table, 2)
        with self.assertRaises(TooManyRequests) as caught:
            begin(table, 3)
        self.assertIn("2 requests are in flight", str(caught.exception))
        table.cancel(second)
        begin(table, 3)
        self.assertEqual(len(table), 2)

    def test_an_id_in_flight_is_refused_and_a_finished_one_is_not(self):
        table = Transactions(5)
        first = begin(table, 1)
        with self.assertRaises(InvalidInput):
            begin(table, 1, OTHER_HOST, BOB)
        self.assertEqual(table.in_flight_to(OTHER_HOST), 0)
        table.cancel(first)
        again = begin(table, 1, now=0.5)
        self.assertNotIn(first, table)
        self.assertIn(again, table)
        # The entry that the first one left in the heap belongs to nobody now.
        self.assertEqual(table.wakes_at(), 1.5)
        self.assertEqual(table.due(1.2), [])

    def test_the_entry_of_a_finished_request_wakes_nobody(self):
        table = Transactions(5)
        table.cancel(begin(table, 1))
        again = begin(table, 1, patience=Patience(2.0, 4.0))
        self.assertEqual(table.due(1.0), [])
        self.assertEqual(table.due(2.0), [(again, Due.SOFT)])

    def test_only_requests_are_in_the_table(self):
        self.assertNotIn("context", Transactions(1))


class EndpointTests(SynchronousTestCase):
    """What is in flight to one endpoint."""

    def setUp(self):
        self.table = Transactions(10)

    def test_nothing(self):
        self.assertEqual(self.table.expected_keys(HERE), ())
        self.assertFalse(self.table.hello_pending(HERE))
        self.assertEqual(self.table.in_flight_to(HERE), 0)

    def test_three_keys_the_latest_first(self):
        for number, key in enumerate((ALICE, BOB, CAROL, DAVE)):
            begin(self.table, number, key=key)
        self.assertEqual(self.table.expected_keys(HERE), (DAVE, CAROL, BOB))
        begin(self.table, 9, key=ALICE)
        self.assertEqual(self.table.expected_keys(HERE), (ALICE, DAVE, CAROL))
        self.assertEqual(self.table.in_flight_to(HERE), 5)
        self.assertEqual(self.table.expected_keys(OTHER_PORT), ())

    def test_a_key_is_expected_until_its_last_request_ends(self):
        begin(self.table, 1)
        begin(self.table, 2)
        self.assertEqual(self.table.expected_keys(HERE), (ALICE,))
        self.table.match(HERE, ALICE, tid(1))
        self.assertEqual(self.table.expected_keys(HERE), (ALICE,))
        self.table.match(HERE, ALICE, tid(2))
        self.assertEqual(self.table.expected_keys(HERE), ())

    def test_a_hello_is_no_key(self):
        hello = begin(self.table, 1, key=b"")
        self.assertTrue(self.table.hello_pending(HERE))
        self.assertEqual(self.table.expected_keys(HERE), ())
        begin(self.table, 2)
        self.assertEqual(self.table.expected_keys(HERE), (ALICE,))
        self.assertEqual(self.table.in_flight_to(HERE), 2)
        self.table.cancel(hello)
        self.assertFalse(self.table.hello_pending(HERE))
        self.assertEqual(self.table.expected_keys(HERE), (ALICE,))


class PatienceTests(SynchronousTestCase):
    """When requests come due."""

    def setUp(self):
        self.table = Transactions(1000)

    def test_idle(self):
        self.assertIsNone(self.table.wakes_at())
        self.assertEqual(self.table.due(1e9), [])

    def test_soft_once_then_hard(self):
        transaction = begin(self.table, now=10.0)
        self.assertEqual(self.table.wakes_at(), 11.0)
        self.assertEqual(self.table.due(10.999), [])
        self.assertEqual(self.table.due(11.0), [(transaction, Due.SOFT)])
        self.assertTrue(transaction.suspected)
        self.assertEqual(self.table.due(12.0), [])
        self.assertEqual(self.table.wakes_at(), 13.0)
        self.assertEqual(self.table.due(13.0), [(transaction, Due.HARD)])
        self.assertIsNone(self.table.wakes_at())
        self.assertEqual(self.table.in_flight_to(HERE), 0)

    def test_more_repeats_come_after_twice_as_long_each(self):
        transaction = begin(self.table, now=10.0, patience=Patience(1.0, 20.0, 3))
        dues = []
        while (moment := self.table.wakes_at()) is not None:
            dues += [(moment, due) for _, due in self.table.due(moment)]
        soft, again, hard = Due.SOFT, Due.AGAIN, Due.HARD
        self.assertEqual(dues, [(11.0, soft), (13.0, again), (17.0, again), (30.0, hard)])
        self.assertNotIn(transaction, self.table)

    def test_none_is_repeated_when_it_has_failed(self):
        transaction = begin(self.table, patience=Patience(1.0, 4.0, 9))
        self.assertEqual(self.table.due(1.0), [(transaction, Due.SOFT)])
        self.assertEqual(self.table.due(3.0), [(transaction, Due.AGAIN)])
        self.assertEqual(self.table.wakes_at(), 4.0)
        self.assertEqual(self.table.due(4.0), [(transaction, Due.HARD)])

    def test_a_late_timer_repeats_once(self):
        transaction = begin(self.table, patience=Patience(1.0, 100.0, 4))
        self.assertEqual(self.table.due(9.0), [(transaction, Due.SOFT)])
        self.assertEqual(self.table.wakes_at(), 11.0)

    def test_in_order_of_the_moments(self):
        slow = begin(self.table, 1, patience=Patience(2.0, 9.0))
        quick = begin(self.table, 2, patience=Patience(0.5, 1.5))
        same = begin(self.table, 3, patience=Patience(2.0, 9.0))
        self.assertEqual(
            self.table.due(2.0), [(quick, Due.HARD), (slow, Due.SOFT), (same, Due.SOFT)]
        )

    def test_a_late_timer_does_not_call_for_a_pointless_retransmission(self):
        transaction = begin(self.table)
        self.assertEqual(self.table.due(60.0), [(transaction, Due.HARD)])

    def test_sending_again_moves_no_moment(self):
        transaction = begin(self.table)
        self.table.resent(transaction, 0.25)
        self.assertEqual((transaction.sends, transaction.sent_at), (2, 0.25))
        self.assertEqual(self.table.wakes_at(), 1.0)
        self.assertEqual((transaction.wakes_at, transaction.hard_at), (1.0, 3.0))

    def test_karns_rule(self):
        transaction = begin(self.table, now=1.0)
        self.assertEqual(transaction.rtt(1.125), 0.125)
        self.table.resent(transaction, 2.0)
        self.assertIsNone(transaction.rtt(2.125))

    def test_drain(self):
        begun = [begin(self.table, number, endpoint=HERE) for number in range(5)]
        self.table.cancel(begun.pop(2))
        self.assertEqual(self.table.drain(), begun)
        self.assertEqual((len(self.table), self.table.in_flight_to(HERE)), (0, 0))
        self.assertIsNone(self.table.wakes_at())
        self.assertEqual(self.table.due(9.0), [])
        self.assertEqual(self.table.drain(), [])

    def test_the_heap_stays_bounded_when_every_request_is_answered(self):
        for number in range(5):
            begin(self.table, number, OTHER_HOST, patience=Patience(100.0, 300.0))
        largest = 0
        for number in range(100, 2100):
            begin(self.table, number)
            self.assertIsNotNone(self.table.match(HERE, ALICE, tid(number)))
            largest = max(largest, len(self.table._heap))
            self.assertLessEqual(len(self.table._heap), 2 * len(self.table) + HEAP_SLACK)
        # The bound was reached, so it was compaction that kept it.
        self.assertEqual(largest, 2 * 5 + HEAP_SLACK)
        self.assertEqual(len(self.table.due(100.0)), 5)

    def test_compaction_changes_no_moment(self):
        fired = begin(self.table, 1, patience=Patience(1.0, 50.0))
        late = begin(self.table, 2, patience=Patience(40.0, 60.0))
        early = begin(self.table, 3, patience=Patience(30.0, 70.0))
        self.assertEqual(self.table.due(1.0), [(fired, Due.SOFT)])
        # The last of these ends one entry above the bound of 2 x 3 + slack.
        for number in range(100, 100 + HEAP_SLACK + 4):
            self.table.cancel(begin(self.table, number, now=1.0))
        self.assertEqual(len(self.table._heap), 3)
        self.assertEqual(self.table.wakes_at(), 30.0)
        self.assertEqual(
            self.table.due(50.0), [(early, Due.SOFT), (late, Due.SOFT), (fired, Due.HARD)]
        )


class Naive:
    """The oracle: a list, searched from end to end, and what is to come of each request."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.flying = []
        self.plans = {}

    def begin(self, transaction, now, patience):
        self.flying.append(transaction)
        self.plans[transaction] = [now + patience.soft, patience.soft, patience.repeats, Due.SOFT]

    def match(self, endpoint, key, transaction_id):
        for each in self.flying:
            wanted = each.key or each.pinned or key
            if (each.endpoint, wanted, each.transaction_id) == (endpoint, key, transaction_id):
                self.flying.remove(each)
                return each
        return None

    def pending(self, each):
        at, _, repeats, _ = self.plans[each]
        return at if repeats and at < each.hard_at else each.hard_at

    def due(self, now):
        hard = [each for each in self.flying if each.hard_at <= now]
        self.flying = [each for each in self.flying if each not in hard]
        late = [each for each in self.flying if self.pending(each) <= now]
        found = [(each.hard_at, each.order, each, Due.HARD) for each in hard]
        for each in late:
            at, gap, repeats, due = self.plans[each]
            found.append((at, each.order, each, due))
            self.plans[each] = [now + 2 * gap, 2 * gap, repeats - 1, Due.AGAIN]
        return [(each, due) for _, _, each, due in sorted(found, key=lambda row: row[:2])]

    def wakes_at(self):
        return min((self.pending(each) for each in self.flying), default=None)

    def keys_by_latest(self, endpoint, begun):
        """Keys in flight at an endpoint, by their latest beginning since they are in flight."""
        keys = {each.key for each in self.flying if each.endpoint == endpoint} - {b""}
        return tuple(sorted(keys, key=lambda key: -begun[endpoint, key])[:3])


ENDPOINTS = st.sampled_from((HERE, OTHER_PORT))
KEYS = st.sampled_from((b"", ALICE, BOB, CAROL, DAVE))
NUMBERS = st.integers(0, 11)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("begin"),
            NUMBERS,
            ENDPOINTS,
            KEYS,
            st.sampled_from(
                (Patience(1.0, 3.0), Patience(2.0, 2.0), Patience(0.5, 6.0), Patience(0.5, 6.0, 3))
            ),
            st.sampled_from((None, None, BOB)),
        ),
        st.tuples(st.just("match"), NUMBERS, ENDPOINTS, KEYS),
        st.tuples(st.just("answer"), NUMBERS),
        st.tuples(st.just("cancel"), NUMBERS),
        st.tuples(st.just("resent"), NUMBERS),
        st.tuples(st.just("due"), st.sampled_from((0.0, 0.5, 1.0, 2.5))),
        st.tuples(st.just("drain")),
    ),
    min_size=20,
    max_size=60,
)


class ModelTests(SynchronousTestCase):
    """The table against the oracle, whatever happens in whatever order."""

    capacity = 8

    def setUp(self):
        # None, so that even the few requests of an example need compaction.
        self.patch(module, "HEAP_SLACK", 0)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(STEPS)
    def test_like_a_list(self, steps):
        self.table, self.model = Transactions(self.capacity), Naive(self.capacity)
        self.now, self.handles, self.begun = 0.0, {}, {}
        for name, *arguments in steps:
            getattr(self, f"step_{name}")(*arguments)
            self.check()

    def check(self):
        table, model = self.table, self.model
        self.assertEqual(len(table), len(model.flying))
        self.assertTrue(all(each in table for each in model.flying))
        self.assertLessEqual(len(table._heap), 2 * len(table) + module.HEAP_SLACK)
        self.assertEqual(table.wakes_at(), model.wakes_at())
        for endpoint in (HERE, OTHER_PORT):
            there = [each.key for each in model.flying if each.endpoint == endpoint]
            self.assertEqual(table.in_flight_to(endpoint), len(there))
            self.assertEqual(table.hello_pending(endpoint), b"" in there)
            self.assertEqual(
                table.expected_keys(endpoint), model.keys_by_latest(endpoint, self.begun)
            )

    def step_begin(self, number, endpoint, key, patience, pinned):
        asked = Asked(endpoint, key, None if key else pinned)
        arguments = (tid(number), asked, number, self.now, patience)
        if len(self.model.flying) >= self.capacity:
            self.assertRaises(TooManyRequests, self.table.begin, *arguments)
        elif any(each.transaction_id == tid(number) for each in self.model.flying):
            self.assertRaises(InvalidInput, self.table.begin, *arguments)
        else:
            transaction = self.table.begin(*arguments)
            self.handles[number] = transaction
            self.begun[endpoint, key] = transaction.order
            self.model.begin(transaction, self.now, patience)

    def step_match(self, number, endpoint, key):
        expected = self.model.match(endpoint, key, tid(number))
        self.assertIs(self.table.match(endpoint, key, tid(number)), expected)

    def step_answer(self, number):
        if number in self.handles:
            asked = self.handles[number]
            self.step_match(number, asked.endpoint, asked.key or asked.pinned or CAROL)

    def step_cancel(self, number):
        if number in self.handles:
            self.table.cancel(self.handles[number])
            self.model.flying = [e for e in self.model.flying if e is not self.handles[number]]

    def step_resent(self, number):
        if number in self.handles:
            sends = self.handles[number].sends
            self.table.resent(self.handles[number], self.now)
            self.assertEqual(self.handles[number].sends, sends + 1)

    def step_due(self, seconds):
        self.now += seconds
        expected = self.model.due(self.now)
        self.assertEqual(self.table.due(self.now), expected)

    def step_drain(self):
        self.assertEqual(self.table.drain(), self.model.flying)
        self.model.flying = []
