"""Waiting for several searches at once, and what is left of them when one is enough."""

from __future__ import annotations

import gc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NodeStopped, RequestTimedOut
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.results import Trace, TraceStep
from kadtwisted.node.operations.searches import all_of, first_of, merge_traces


class Searches(list[Deferred[int]]):
    """Some searches under way; ``cancelled`` are the numbers of those that were told to end."""

    def __init__(self, count: int) -> None:
        self.cancelled: list[int] = []
        super().__init__(Deferred(lambda _, n=n: self.cancelled.append(n)) for n in range(count))


def is_good(number: int) -> bool:
    return number > 0


class WaitingCase(SynchronousTestCase):
    def tearDown(self) -> None:
        gc.collect()  # an error nobody took is logged now, and trial fails the test for it


class AllOfTests(WaitingCase):
    def test_fires_with_all_in_the_order_given(self) -> None:
        running = Searches(3)
        waiting = all_of(running)
        for index in (2, 0, 1):
            self.assertNoResult(waiting)
            running[index].callback(index * 10)
        self.assertEqual(self.successResultOf(waiting), [0, 10, 20])
        self.assertEqual(running.cancelled, [])

    def test_of_none_is_none(self) -> None:
        self.assertEqual(self.successResultOf(all_of([])), [])

    def test_the_first_failure_is_raised_as_itself_and_ends_the_others(self) -> None:
        running = Searches(3)
        waiting = all_of(running)
        running[0].callback(1)
        running[1].errback(NodeStopped())
        self.assertEqual(running.cancelled, [2])
        self.failureResultOf(waiting, NodeStopped)

    def test_one_that_has_failed_already_ends_the_others(self) -> None:
        running = Searches(2)
        self.failureResultOf(all_of([running[0], fail(NodeStopped()), running[1]]), NodeStopped)
        self.assertEqual(running.cancelled, [0, 1])

    def test_a_second_failure_is_nobodys(self) -> None:
        running = Searches(3)
        waiting = all_of(running)
        running[1].errback(RequestTimedOut("first"))
        self.assertEqual(str(self.failureResultOf(waiting, RequestTimedOut).value), "first")
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_cancelling_ends_them_all(self) -> None:
        running = Searches(3)
        waiting = all_of(running)
        running[1].callback(1)
        waiting.cancel()
        self.assertEqual(running.cancelled, [0, 2])
        self.failureResultOf(waiting, CancelledError)


class FirstOfTests(WaitingCase):
    def test_the_first_good_one_ends_the_others(self) -> None:
        running = Searches(4)
        waiting = first_of(running, is_good)
        running[2].callback(0)
        self.assertNoResult(waiting)
        running[1].callback(5)
        self.assertEqual(self.successResultOf(waiting), [0, 5])
        self.assertEqual(running.cancelled, [0, 3])

    def test_without_a_good_one_all_are_waited_for(self) -> None:
        running = Searches(3)
        waiting = first_of(running, is_good)
        for index, number in ((2, -2), (0, 0), (1, -1)):
            self.assertNoResult(waiting)
            running[index].callback(number)
        self.assertEqual(self.successResultOf(waiting), [-2, 0, -1])
        self.assertEqual(running.cancelled, [])

    def test_the_last_may_be_the_good_one(self) -> None:
        running = Searches(2)
        waiting = first_of(running, is_good)
        running[0].callback(0)
        running[1].callback(7)
        self.assertEqual(self.successResultOf(waiting), [0, 7])

    def test_results_that_are_there_already(self) -> None:
        running = Searches(1)
        waiting = first_of([succeed(0), succeed(3), running[0]], is_good)
        self.assertEqual(self.successResultOf(waiting), [0, 3])
        self.assertEqual(running.cancelled, [0])

    def test_a_failure_ends_the_others_and_is_raised(self) -> None:
        running = Searches(3)
        waiting = first_of(running, is_good)
        running[0].callback(0)
        running[2].errback(NodeStopped())
        self.failureResultOf(waiting, NodeStopped)
        self.assertEqual(running.cancelled, [1])

    def test_cancelling_ends_them_all(self) -> None:
        running = Searches(3)
        waiting = first_of(running, is_good)
        running[1].callback(0)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(running.cancelled, [0, 2])

    def test_what_comes_after_the_end_is_nobodys(self) -> None:
        stubborn: list[Deferred[int]] = [Deferred(lambda _: None) for _ in range(2)]
        waiting = first_of([succeed(1), *stubborn], is_good)
        self.assertEqual(self.successResultOf(waiting), [1])
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


def step(asked: float, number: int = 1) -> TraceStep:
    """A step of a trace."""
    contact = Contact.at(NodeID(number), Endpoint("192.0.2.1", number))
    return TraceStep(contact, asked, None, "waiting")


class MergeTests(SynchronousTestCase):
    def test_of_none_is_empty(self) -> None:
        self.assertEqual(merge_traces([]), Trace((), 0.0, 0))

    def test_of_one_is_the_same(self) -> None:
        trace = Trace((step(0.0), step(0.5)), 0.75, 2)
        self.assertEqual(merge_traces([trace]), trace)

    def test_steps_are_in_the_order_of_asking(self) -> None:
        one = Trace((step(0.0, 1), step(0.5, 2)), 0.75, 2)
        other = Trace((step(0.1, 3), step(0.9, 4)), 1.5, 1)
        merged = merge_traces([one, other])
        self.assertEqual([each.contact.node_id for each in merged.steps], [1, 3, 2, 4])
        self.assertEqual((merged.duration, merged.hops), (1.5, 2))

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=4))
    def test_nothing_is_lost(self, moments: list[list[int]]) -> None:
        traces = [
            Trace(tuple(step(float(asked)) for asked in sorted(each)), float(len(each)), len(each))
            for each in moments
        ]
        merged = merge_traces(traces)
        asked = [each.asked for each in merged.steps]
        self.assertEqual(asked, sorted(float(each) for many in moments for each in many))
        self.assertEqual(merged.hops, max((len(each) for each in moments), default=0))
