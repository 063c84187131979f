"""The heap clock against Twisted's own: the same calls at the same moments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock, LoopingCall
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.testing.network.clock import HeapClock

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("later"), st.integers(0, 9), st.none() | st.integers(0, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("reset"), st.integers(0, 20), st.integers(-2, 9)),
        st.tuples(st.just("delay"), st.integers(0, 20), st.integers(-4, 9)),
        st.tuples(st.just("advance"), st.integers(0, 6)),
    ),
    max_size=60,
)


class Script:
    """Runs operations on a clock and writes down what it can see."""

    def __init__(self, clock: IReactorTime, advance: Callable[[int], None]) -> None:
        self.clock = clock
        self.advance = advance
        self.calls: list[IDelayedCall] = []
        self.made: list[tuple[float, int]] = []
        self.seen: list[object] = []

    def run(self, operations: list[tuple[object, ...]]) -> None:
        for name, *arguments in operations:
            getattr(self, f"do_{name}")(*arguments)
            # Which of two calls at one moment comes first is nowhere promised after a move.
            self.seen.append(sorted(self.made))
            self.seen.append([(call.active(), call.getTime()) for call in self.calls])
            self.seen.append(sorted(call.getTime() for call in self.clock.getDelayedCalls()))
            self.seen.append(self.clock.seconds())

    def do_later(self, delay: int, again: int | None) -> None:
        self.calls.append(self.clock.callLater(delay, self.fire, len(self.calls), again=again))

    def fire(self, number: int, again: int | None) -> None:
        self.made.append((self.clock.seconds(), number))
        if again is not None:
            self.do_later(again, None)

    def do_cancel(self, number: int) -> None:
        self.change(number, lambda call: call.cancel())

    def do_reset(self, number: int, seconds: int) -> None:
        self.change(number, lambda call: call.reset(seconds))

    def do_delay(self, number: int, seconds: int) -> None:
        self.change(number, lambda call: call.delay(seconds))

    def change(self, number: int, operation: Callable[[IDelayedCall], None]) -> None:
        try:
            if number < len(self.calls):
                operation(self.calls[number])
        except (AlreadyCalled, AlreadyCancelled) as error:
            self.seen.append(type(error))

    def do_advance(self, seconds: int) -> None:
        self.advance(seconds)


def second_by_second(clock: Clock, seconds: int) -> None:
    """The oracle shows every call the final moment, so it goes in steps."""
    clock.pump([0] + [1] * seconds)


class TestAgainstTwisted(SynchronousTestCase):
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(OPERATIONS)
    def test_same_history(self, operations: list[tuple[object, ...]]) -> None:
        clock, oracle = HeapClock(), Clock()
        ours = Script(clock, clock.advance)
        theirs = Script(oracle, partial(second_by_second, oracle))
        ours.run(operations)
        theirs.run(operations)
        self.assertEqual(ours.seen, theirs.seen)
        self.assertEqual(clock.pending(), len(oracle.getDelayedCalls()))
        self.assertLessEqual(clock.heap_size(), 2 * clock.pending() + 64)


class TestHeapClock(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.made: list[object] = []

    def note(self, name: object) -> None:
        self.made.append((self.clock.seconds(), name))

    def test_interfaces(self) -> None:
        self.assertTrue(verifyObject(IReactorTime, self.clock))
        self.assertTrue(verifyObject(IDelayedCall, self.clock.callLater(1, self.note)))

    def test_each_call_sees_its_own_moment(self) -> None:
        for delay in (3.5, 0.25, 2.0):
            self.clock.callLater(delay, self.note, delay)
        self.clock.advance(10)
        self.assertEqual(self.made, [(0.25, 0.25), (2.0, 2.0), (3.5, 3.5)])
        self.assertEqual(self.clock.seconds(), 10)

    def test_same_moment_in_the_order_of_scheduling(self) -> None:
        moved = self.clock.callLater(1, self.note, "moved")
        for name in range(100):
            self.clock.callLater(1, self.note, name)
        moved.reset(1)
        self.clock.advance(1)
        self.assertEqual([name for _, name in self.made], [*range(100), "moved"])

    def test_origin_is_free(self) -> None:
        clock = HeapClock(1e6)
        call = clock.callLater(2, self.note, "x")
        self.assertEqual((clock.seconds(), call.getTime()), (1e6, 1e6 + 2))

    def test_run_until_includes_its_moment(self) -> None:
        self.clock.callLater(5, self.note, "now")
        self.clock.callLater(5.001, self.note, "later")
        self.clock.run_until(5)
        self.assertEqual(self.made, [(5.0, "now")])
        self.assertEqual(self.clock.pending(), 1)

    def test_time_does_not_run_backwards(self) -> None:
        self.clock.advance(5)
        self.assertRaises(ValueError, self.clock.run_until, 4.9)
        self.assertRaises(ValueError, self.clock.advance, -1)
        self.assertEqual(self.clock.seconds(), 5)

    def test_a_call_moved_into_the_past_is_made_at_once(self) -> None:
        self.clock.advance(5)
        call = self.clock.callLater(10, self.note, "x")
        call.delay(-12)
        self.assertEqual(call.getTime(), 3)
        self.clock.advance(0)
        self.assertEqual(self.made, [(5, "x")])

    def test_bad_arguments_fail_as_with_the_real_reactor(self) -> None:
        self.assertRaises(AssertionError, self.clock.callLater, -0.1, self.note)
        self.assertRaises(AssertionError, self.clock.callLater, float("nan"), self.note)
        self.assertRaises(AssertionError, self.clock.callLater, 1, None)
        self.assertEqual(self.clock.pending(), 0)

    def test_an_exception_is_logged_and_time_goes_on(self) -> None:
        self.clock.callLater(1, lambda: 1 // 0)
        self.clock.callLater(1, self.note, "after")
        self.clock.advance(2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.made, [(1, "after")])
        self.assertEqual(self.clock.seconds(), 2)

    def test_a_call_is_not_active_while_it_is_made(self) -> None:
        call = self.clock.callLater(1, lambda: self.assertRaises(AlreadyCalled, call.cancel))
        self.clock.advance(1)
        self.assertFalse(call.active())

    def test_cancelling_another_call_of_the_same_moment(self) -> None:
        def strike() -> None:
            victim.cancel()

        self.clock.callLater(1, strike)
        victim = self.clock.callLater(1, self.note, "victim")
        self.clock.advance(1)
        self.assertEqual(self.made, [])

    def test_a_cancelled_call_lets_go(self) -> None:
        call = self.clock.callLater(1, self.note, "x")
        self.assertIn("note", repr(call))
        call.cancel()
        self.assertNotIn("note", repr(call))
        self.assertIn("cancelled", repr(call))

    def test_looping_call(self) -> None:
        loop = LoopingCall(lambda: self.note("tick"))
        loop.clock = self.clock
        loop.start(2, now=False)
        self.clock.advance(7)
        loop.stop()
        self.assertEqual([moment for moment, _ in self.made], [2, 4, 6])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled_and_moved_calls_do_not_fill_the_heap(self) -> None:
        calls = [self.clock.callLater(n, self.note) for n in range(1_000)]
        for _ in range(20):
            for call in calls:
                call.reset(500)
            self.assertLessEqual(self.clock.heap_size(), 2 * 1_000 + 64)
        for call in calls[1:]:
            call.cancel()
        self.assertEqual(self.clock.pending(), 1)
        self.assertLessEqual(self.clock.heap_size(), 66)

    def test_sweeping_while_running(self) -> None:
        """If a call cancels so many others that the heap is cleaned, no other call is lost."""
        victims = [self.clock.callLater(5, self.note, "victim") for _ in range(500)]
        self.clock.callLater(1, lambda: [victim.cancel() for victim in victims])
        self.clock.callLater(2, self.note, "survivor")
        self.clock.advance(9)
        self.assertEqual(self.made, [(2, "survivor")])


class PostTests(SynchronousTestCase):
    """What is posted comes in its turn among the calls, and cannot be moved."""

    def setUp(self) -> None:
        self.clock = HeapClock(100.0)
        self.seen: list[object] = []

    def note(self, *what: object) -> None:
        self.seen.append((*what, self.clock.seconds()))

    def test_in_the_order_of_moments_and_then_of_scheduling(self) -> None:
        self.clock.post(2.0, self.note, "a", 1)
        self.clock.callLater(2.0, self.note, "b")
        self.clock.post(1.0, self.note, "c")
        self.clock.post(2.0, self.note)
        self.clock.advance(1.5)
        self.assertEqual(self.seen, [("c", 101.0)])
        self.clock.advance(1.0)
        self.assertEqual(self.seen[1:], [("a", 1, 102.0), ("b", 102.0), (102.0,)])

    def test_it_is_pending_but_no_delayed_call(self) -> None:
        self.clock.post(1.0, self.note)
        call = self.clock.callLater(1.0, self.note)
        self.assertEqual((self.clock.pending(), self.clock.getDelayedCalls()), (2, [call]))
        self.clock.advance(1.0)
        self.assertEqual((self.clock.pending(), self.clock.heap_size()), (0, 0))

    def test_it_stays_when_the_heap_is_cleaned(self) -> None:
        for number in range(50):
            self.clock.post(5.0, self.note, number)
        for call in [self.clock.callLater(1.0, self.note) for _ in range(200)]:
            call.cancel()
        self.assertLessEqual(self.clock.heap_size(), 2 * self.clock.pending() + 64)
        self.clock.advance(5.0)
        self.assertEqual(self.seen, [(number, 105.0) for number in range(50)])

    def test_the_past_is_refused(self) -> None:
        self.assertRaises(AssertionError, self.clock.post, -0.1, self.note)

    def test_an_error_is_logged_and_the_rest_goes_on(self) -> None:
        self.clock.post(1.0, int, "no number")
        self.clock.post(1.0, self.note)
        self.clock.advance(1.0)
        self.assertEqual(self.seen, [(101.0,)])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
