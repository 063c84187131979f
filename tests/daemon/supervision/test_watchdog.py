"""The watchdog is fed for a node that is of use, and for no zombie."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial import unittest

from kadtwisted.daemon.supervision.watchdog import SOONER, TELL_EVERY, Watchdog
from kadtwisted.errors import NodeStopped, RequestTimedOut, StorageError

PERIOD = 30.0
EVERY = PERIOD / 3


def told(events: Sequence[LogEvent]) -> list[tuple[str, str | None]]:
    return [
        (event["log_level"].name, formatEvent(event))
        for event in events
        if event["log_namespace"] == "kadtwisted.watchdog"
    ]


class WatchdogTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.fed: list[float] = []
        self.checks = 0
        self.answer: Deferred[None] | None = None
        self.error: Exception | None = None
        self.watchdog = Watchdog(self.clock, PERIOD, self.check, self.feed)
        self.addCleanup(self.watchdog.stop)

    def check(self) -> Deferred[None]:
        self.checks += 1
        if self.answer is not None:
            return self.answer
        return succeed(None) if self.error is None else fail(self.error)

    def feed(self) -> None:
        self.fed.append(self.clock.seconds())

    def run_for(self, seconds: float, step: float = 1.0) -> None:
        self.clock.pump([step] * round(seconds / step))

    def test_a_node_that_is_well_is_fed_three_times_a_period(self) -> None:
        with capturedLogs() as events:
            self.watchdog.start()
            self.clock.advance(0)
            self.run_for(2 * PERIOD)
        self.assertEqual(self.checks, 7)
        self.assertEqual(self.fed, [EVERY * each for each in range(7)])
        self.assertEqual(told(events), [])

    def test_a_machine_that_slept_is_no_reactor_that_stood_still(self) -> None:
        slept = [0.0]
        self.watchdog = Watchdog(self.clock, PERIOD, self.check, self.feed, lambda: slept[0])
        self.addCleanup(self.watchdog.stop)
        with capturedLogs() as events:
            self.watchdog.start()
            self.clock.advance(1)
            slept[0] = 8 * 3600.0
            self.clock.advance(8 * 3600.0)
            self.run_for(PERIOD)
            self.assertEqual(told(events), [])
            self.clock.advance(2 * PERIOD)
        self.assertIn("the reactor stood still for", str(told(events)))

    def test_the_reactor_must_have_turned(self) -> None:
        self.watchdog.start()
        self.assertEqual((self.checks, self.fed), (1, []))
        self.clock.advance(0)
        self.assertEqual(self.fed, [0.0])

    def test_a_zombie_that_never_answers_is_not_fed(self) -> None:
        self.answer = Deferred()
        with capturedLogs() as events:
            self.watchdog.start()
            self.run_for(10 * PERIOD)
        self.assertEqual(self.fed, [])
        self.assertEqual(self.checks, 1)
        ((level, line),) = told(events)
        self.assertEqual(level, "error")
        self.assertIn("no answer to the self-check for 10.0 s; no watchdog is fed", line or "")

    def test_a_late_answer_is_no_meal_but_the_next_one_is(self) -> None:
        answer = self.answer = Deferred()
        self.watchdog.start()
        self.run_for(2 * EVERY + 5)
        answer.callback(None)
        self.answer = None
        self.clock.advance(0)
        self.assertEqual((self.checks, self.fed), (1, []))
        self.run_for(EVERY / SOONER)
        self.assertEqual((self.checks, len(self.fed)), (2, 1))

    def test_in_a_flood_one_check_that_comes_through_is_enough(self) -> None:
        self.error = RequestTimedOut("our own datagram was lost")
        self.watchdog.start()
        self.run_for(PERIOD - EVERY)
        self.assertGreater(self.checks, 2 * 3)
        self.error = None
        self.run_for(EVERY / SOONER)
        self.assertEqual(len(self.fed), 1)

    def test_a_dead_port_or_a_storage_that_fails_is_not_fed(self) -> None:
        for error in (StorageError("the disk is gone"), NodeStopped("the UDP port is closed")):
            self.fed.clear()
            self.error = error
            watchdog = Watchdog(self.clock, PERIOD, self.check, self.feed)
            with capturedLogs() as events:
                watchdog.start()
                self.run_for(PERIOD)
                watchdog.stop()
            self.assertEqual(self.fed, [])
            ((level, line),) = told(events)
            self.assertEqual(level, "error")
            self.assertIn(f"{type(error).__name__}: {error}; no watchdog", line or "")

    def test_a_check_that_raises_is_a_check_that_fails(self) -> None:
        def fault() -> Deferred[None]:
            raise RuntimeError("a fault")

        watchdog = Watchdog(self.clock, PERIOD, fault, self.feed)
        with capturedLogs() as events:
            watchdog.start()
            self.run_for(PERIOD)
            watchdog.stop()
        self.assertEqual(self.fed, [])
        self.assertIn("RuntimeError: a fault", str(told(events)))

    def test_getting_well_is_told_and_fed(self) -> None:
        self.error = StorageError("the disk is gone")
        with capturedLogs() as events:
            self.watchdog.start()
            self.run_for(2 * TELL_EVERY)
            self.error = None
            self.run_for(PERIOD)
        self.assertEqual([level for level, _ in told(events)], ["error", "warn"])
        self.assertGreater(len(self.fed), 0)

    def test_flapping_does_not_fill_the_log(self) -> None:
        with capturedLogs() as events:
            self.watchdog.start()
            for _ in range(60):
                self.error = None if self.error else StorageError("the disk comes and goes")
                self.run_for(EVERY)
        self.assertLessEqual(len(told(events)), 60 * EVERY / TELL_EVERY + 1)
        self.assertGreater(len(told(events)), 1)

    def test_a_loop_that_stood_still_is_told(self) -> None:
        self.watchdog.start()
        self.run_for(EVERY)
        with capturedLogs() as events:
            self.clock.advance(PERIOD + 15)
        self.assertIn("the reactor stood still for 45.0 s", str(told(events)))

    def test_an_answer_that_had_to_wait_for_the_loop_is_too_late(self) -> None:
        answer = self.answer = Deferred()
        self.watchdog.start()
        self.clock.advance(EVERY / 2)
        answer.callback(None)
        self.answer = Deferred()
        self.clock.rightNow += EVERY  # a call that held up the reactor
        self.clock.advance(0)
        self.assertEqual(self.fed, [])

    def test_stopping(self) -> None:
        self.watchdog.start()
        self.watchdog.stop()
        self.watchdog.stop()
        self.run_for(PERIOD)
        self.assertEqual((self.checks, self.fed), (1, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])
