"""The STOREs of one record: when enough nodes hold it, and when all have decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, RequestTimedOut
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Acknowledgement
from kadtwisted.node.operations.writes.outcomes import Outcome, Refusal
from kadtwisted.node.operations.writes.spread import Sent, Spread

SILENT: Outcome = Refusal("somebody", RequestTimedOut("no answer"))
HERE: Outcome = Acknowledgement(None, 0, 60)


def contact(number: int) -> Contact:
    return Contact.at(NodeID(number), Endpoint("192.0.2.1", number), bytes([number]) * 32)


def taken(number: int) -> Outcome:
    return Acknowledgement(contact(number), number, 60)


class SpreadCase(SynchronousTestCase):
    """STOREs that the test ends: numbered from 1, over all families."""

    def begin(
        self,
        *sizes: int,
        here: Callable[[], Deferred[Outcome]] | None = None,
        early: bool = True,
    ) -> Spread:
        self.cancelled: list[int] = []
        self.stores = [self.store(number) for number in range(1, sum(sizes) + 1)]
        left = [Sent(contact(n), store) for n, store in enumerate(self.stores, 1)]
        families = []
        for size in sizes:
            families.append(left[:size])
            left = left[size:]
        self.spread = Spread(families, here, early=early)
        self.enough = self.spread.enough()
        return self.spread

    def store(self, number: int) -> Deferred[Outcome]:
        return Deferred(lambda _: self.cancelled.append(number))

    def take(self, *numbers: int) -> None:
        for each in numbers:
            self.stores[each - 1].callback(taken(each))

    def lose(self, *numbers: int) -> None:
        for each in numbers:
            self.stores[each - 1].callback(SILENT)


class EnoughTests(SpreadCase):
    def test_fifteen_of_twenty(self) -> None:
        spread = self.begin(20)
        self.take(*range(20, 6, -1))
        self.assertNoResult(self.enough)
        self.take(6)
        self.assertIsNone(self.successResultOf(self.enough))
        self.assertEqual([each.distance for each in spread.outcomes], list(range(6, 21)))
        self.assertEqual(spread.pending, [contact(number) for number in range(1, 6)])
        self.assertFalse(spread.is_over)

    def test_if_more_than_a_quarter_refuse_all_are_heard(self) -> None:
        self.begin(20)
        self.lose(*range(1, 7))
        self.take(*range(7, 20))
        self.assertNoResult(self.enough)
        self.take(20)
        self.assertIsNone(self.successResultOf(self.enough))
        self.assertTrue(self.spread.is_over)

    def test_each_family_has_its_own_quarter(self) -> None:
        self.begin(4, 8)
        self.take(*range(5, 13))
        self.assertNoResult(self.enough)
        self.take(1, 2)
        self.assertNoResult(self.enough)
        self.take(3)
        self.assertIsNone(self.successResultOf(self.enough))

    def test_one_family_may_fail_but_not_the_majority(self) -> None:
        self.begin(4, 4)
        self.lose(1, 2, 3, 4)
        self.take(5, 6, 7)
        self.assertNoResult(self.enough)  # 5 of 8 may still be against it
        self.take(8)
        self.assertIsNone(self.successResultOf(self.enough))

    def test_all_if_asked_for(self) -> None:
        self.begin(4, early=False)
        self.take(1, 2, 3)
        self.assertNoResult(self.enough)
        self.lose(4)
        self.assertIsNone(self.successResultOf(self.enough))

    def test_some_decide_at_once(self) -> None:
        done: Deferred[Outcome] = Deferred()
        done.callback(taken(1))
        later: Deferred[Outcome] = Deferred()
        spread = Spread([[Sent(contact(1), done), Sent(contact(2), later)]])
        enough = spread.enough()
        self.assertNoResult(enough)
        later.callback(taken(2))
        self.assertIsNone(self.successResultOf(enough))

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=24))
    def test_as_it_is_written(self, decisions: Sequence[tuple[int, bool]]) -> None:
        """The oracle counts anew after each decision."""
        families = sorted({family for family, _ in decisions})
        order = [d for family in families for d in decisions if d[0] == family]
        self.begin(*[sum(each[0] == family for each in order) for family in families])
        number_of = iter(sorted(range(len(order)), key=lambda n: (n * 7919) % 31))
        decided: list[tuple[int, bool]] = []
        for number in number_of:
            self.assertEqual(self.enough.called, self.is_enough(order, decided))
            (self.take if order[number][1] else self.lose)(number + 1)
            decided.append(order[number])
        self.assertTrue(self.enough.called and self.spread.is_over)

    @staticmethod
    def is_enough(asked: list[tuple[int, bool]], decided: list[tuple[int, bool]]) -> bool:
        if Fraction(sum(good for _, good in decided), len(asked)) <= Fraction(1, 2):
            return len(decided) == len(asked)
        for family in {each for each, _ in asked}:
            size = sum(each == family for each, _ in asked)
            heard = [good for each, good in decided if each == family]
            if len(heard) < size and Fraction(sum(heard), size) < Fraction(3, 4):
                return False
        return True


class HereTests(SpreadCase):
    """This node's own copy."""

    def setUp(self) -> None:
        self.own: list[Deferred[Outcome]] = []

    def here(self) -> Deferred[Outcome]:
        self.own.append(Deferred())
        return self.own[-1]

    def test_it_is_made_when_another_node_has_one_and_waited_for(self) -> None:
        self.begin(4, here=self.here)
        self.lose(1)
        self.assertEqual(self.own, [])
        self.take(2, 3, 4)
        (own,) = self.own
        self.assertNoResult(self.enough)
        own.callback(HERE)
        self.assertIsNone(self.successResultOf(self.enough))
        self.assertEqual(self.spread.outcomes[0], SILENT)
        self.assertIn(HERE, self.spread.outcomes)

    def test_not_if_nobody_else_has_one(self) -> None:
        self.begin(2, here=self.here)
        self.lose(1, 2)
        self.assertIsNone(self.successResultOf(self.enough))
        self.assertEqual(self.own, [])

    def test_not_if_nobody_answered_the_search(self) -> None:
        self.begin(0, here=self.here)
        self.assertIsNone(self.successResultOf(self.enough))
        self.assertEqual((self.own, self.spread.outcomes), ([], []))

    def test_alone_at_once(self) -> None:
        self.begin(here=self.here)
        self.own[0].callback(HERE)
        self.assertIsNone(self.successResultOf(self.enough))
        self.assertEqual(self.spread.outcomes, [HERE])


class EndTests(SpreadCase):
    def test_any_number_wait_for_the_end(self) -> None:
        spread = self.begin(4)
        first, second, gone = spread.ended(), spread.ended(), spread.ended()
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.take(1, 2, 3)
        self.assertNoResult(first)
        self.lose(4)
        for each in (first, second, spread.ended()):
            self.assertIsNone(self.successResultOf(each))
        self.assertEqual(self.cancelled, [])

    def test_cancelling_before_enough_cancels_everything(self) -> None:
        self.begin(4)
        self.take(1)
        self.enough.cancel()
        self.failureResultOf(self.enough, CancelledError)
        self.assertEqual(self.cancelled, [2, 3, 4])
        self.assertTrue(self.spread.is_over)

    def test_a_stop_tells_those_who_wait(self) -> None:
        spread = self.begin(4)
        self.take(1, 2, 3)
        waiting = spread.ended()
        self.stores[3].errback(NodeStopped())
        self.failureResultOf(waiting, NodeStopped)
        self.failureResultOf(spread.ended(), NodeStopped)

    def test_a_stop_that_nobody_waits_for_is_silent(self) -> None:
        self.begin(4)
        self.take(1, 2, 3)
        self.stores[3].errback(NodeStopped())
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_stop_before_enough(self) -> None:
        self.begin(4)
        self.stores[0].errback(NodeStopped())
        self.failureResultOf(self.enough, NodeStopped)
        self.assertEqual(self.cancelled, [2, 3, 4])

    def test_cancelling_what_is_left(self) -> None:
        spread = self.begin(4)
        self.take(1, 2, 3)
        waiting = spread.ended()
        spread.cancel()
        spread.cancel()
        self.failureResultOf(waiting, NodeStopped)
        self.assertEqual(self.cancelled, [4])
