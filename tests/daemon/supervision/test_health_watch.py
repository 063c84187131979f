"""Each change of the verdict is told once, bad news and their end as warnings."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial import unittest

from kadtwisted.daemon.supervision.health_watch import LOOK_EVERY, LOOKS_A_CLOCK, HealthWatch
from kadtwisted.model.health import Health


class HealthWatchTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.health = Health.JOINING
        self.watch = HealthWatch(self.clock, lambda: self.health)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: LogEvent) -> None:
        if event["log_namespace"] == "kadtwisted.health":
            self.events.append(event)

    def told(self) -> list[tuple[str, str, str | None]]:
        """What was told since the last time: level, word, and the word before."""
        events, self.events = self.events, []
        return [(each["log_level"].name, each["word"], each["before"]) for each in events]

    def become(self, health: Health) -> None:
        self.health = health
        self.clock.pump([LOOK_EVERY] * 3)

    def test_the_first_verdict_is_told_at_once(self) -> None:
        self.watch.start()
        self.assertEqual(self.told(), [("info", "joining", None)])

    def test_a_sleep_of_the_machine_is_told(self) -> None:
        slept = [1000.0]
        self.watch = HealthWatch(self.clock, lambda: self.health, slept=lambda: slept[0])
        self.watch.start()
        self.events.clear()
        for each in (0.0, 1.0, 28_800.0, 0.0):
            slept[0] += each
            self.clock.advance(LOOK_EVERY)
        self.assertEqual(
            [formatEvent(each) for each in self.events],
            ["the machine slept for 28800 s; what is overdue is done now"],
        )

    def test_each_change_once(self) -> None:
        self.watch.start()
        self.become(Health.SERVING)
        self.become(Health.SERVING)
        self.become(Health.JOINING)
        self.assertEqual([word for _, word, _ in self.told()], ["joining", "serving", "joining"])

    def test_what_comes_and_goes_between_two_looks_is_not_told(self) -> None:
        self.watch.start()
        self.told()
        self.health = Health.ISOLATED
        self.clock.advance(LOOK_EVERY / 2)
        self.health = Health.JOINING
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.told(), [])

    def test_bad_times_and_their_end_are_warnings(self) -> None:
        self.watch.start()
        self.told()
        for bad in (Health.ISOLATED, Health.DEGRADED):
            self.become(bad)
            self.become(Health.SERVING)
            self.assertEqual(
                [(level, word) for level, word, _ in self.told()],
                [("warn", bad.word), ("warn", "serving")],
            )
        self.become(Health.ISOLATED)
        self.become(Health.STOPPING)
        self.assertEqual(self.told()[1], ("info", "stopping", "isolated"))

    def test_the_sentence_is_in_the_line(self) -> None:
        self.watch.start()
        (event,) = self.events
        self.assertEqual(event["log_format"], "the node is {word}: {sentence}")
        self.assertEqual(event["sentence"], Health.JOINING.sentence)
        self.assertIs(event["log_level"], LogLevel.info)

    def test_others_hear_of_every_look(self) -> None:
        looked: list[Health] = []
        watch = HealthWatch(self.clock, lambda: self.health, looked.append)
        watch.start()
        self.become(Health.SERVING)
        watch.stop(None)
        self.assertEqual(looked, [Health.JOINING] + [Health.SERVING] * 4)

    def test_a_wrong_clock_is_told_once_and_so_is_its_end(self) -> None:
        ahead: float | None = None
        watch = HealthWatch(self.clock, lambda: self.health, clock_ahead=lambda: ahead)
        watch.start()
        self.assertEqual(len(self.told()), 1)
        lines = []
        for seen in (400.0, 410.0, None, 420.0, 1.0, None, 2.0):
            ahead = seen
            self.clock.pump([LOOK_EVERY] * LOOKS_A_CLOCK)
            lines += [(e["log_level"].name, formatEvent(e)) for e in self.events]
            self.events.clear()
        self.assertEqual(
            lines,
            [
                ("warn", "its clock is 400 s ahead of the network's; set it"),
                ("warn", "its clock agrees with the network's again"),
            ],
        )

    def test_stopping_looks_a_last_time(self) -> None:
        self.watch.start()
        self.health = Health.STOPPED
        self.assertEqual(self.watch.stop("passed on"), "passed on")
        self.assertEqual([word for _, word, _ in self.told()], ["joining", "stopped"])
        self.health = Health.SERVING
        self.clock.advance(10 * LOOK_EVERY)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.watch.stop(None)

    def test_a_fault_ends_the_watch_and_is_told(self) -> None:
        def fault() -> Health:
            raise RuntimeError("a fault")

        HealthWatch(self.clock, fault).start()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
