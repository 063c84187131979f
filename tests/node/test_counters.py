"""Counting, and speaking of faults without filling a disk."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger, LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.node.counters import FOLD_SECONDS, MAX_KINDS, Counters, FaultLog


class CountersTests(SynchronousTestCase):
    def test_totals_by_name(self) -> None:
        counters = Counters()
        counters.add("one")
        counters.add("many", 5)
        counters.add("many", 2)
        counters.counts["open"] += 1
        counters.dropped("too-short")
        counters.dropped("too-short")
        expected = {"dropped.too-short": 2, "many": 7, "one": 1, "open": 1}
        self.assertEqual(counters.snapshot(), expected)
        self.assertEqual(list(counters.snapshot()), sorted(expected))

    def test_a_snapshot_does_not_move(self) -> None:
        counters = Counters()
        counters.add("a")
        before = counters.snapshot()
        counters.add("a")
        before["b"] = 1
        self.assertEqual(before["a"], 1)
        self.assertEqual(counters.snapshot(), {"a": 2})


class FaultLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = 1000.0
        self.events: list[dict[str, Any]] = []
        log = Logger(namespace="test", observer=self.events.append)
        self.faults = FaultLog(log, lambda: self.time)

    def lines(self) -> list[str]:
        return [formatEvent(event) for event in self.events]

    def test_the_first_is_told_at_once(self) -> None:
        self.faults.report("port", "the port died")
        self.assertEqual(self.lines(), ["the port died"])
        self.assertEqual(self.events[0]["log_level"], LogLevel.warn)

    def test_a_hundred_thousand_at_once_are_one_line(self) -> None:
        for _ in range(100_000):
            self.faults.report("port", "the port died")
        self.assertEqual(len(self.events), 1)
        self.time += FOLD_SECONDS
        self.faults.report("port", "the port died")
        self.assertEqual(self.lines()[1], "the port died (and 99999 more like it before)")

    def test_a_hundred_thousand_over_time_are_one_line_in_ten_seconds(self) -> None:
        told: list[float] = []
        for number in range(100_000):
            self.time = number / 1024  # about a thousand a second; exact in binary
            before = len(self.events)
            self.faults.report("port", "the port died")
            told += [self.time] * (len(self.events) - before)
        self.assertEqual(told, [10.0 * number for number in range(10)])
        self.time += FOLD_SECONDS
        self.faults.report("port", "the port died")
        folded = sum(int(line.split()[4]) for line in self.lines()[1:])
        self.assertEqual(folded + len(self.events), 100_001)

    def test_the_count_starts_anew_with_each_line(self) -> None:
        for moment in (0, 1, 2, 10, 20, 30):
            self.time = float(moment)
            self.faults.report("a", "fault")
        more = " (and 2 more like it before)"
        self.assertEqual(self.lines(), ["fault", "fault" + more, "fault", "fault"])

    def test_kinds_are_folded_apart(self) -> None:
        for _ in range(100):
            self.faults.report("a", "one fault")
            self.faults.report("b", "another")
        self.assertEqual(self.lines(), ["one fault", "another"])

    def test_the_kind_is_what_is_folded_not_the_text(self) -> None:
        for number in range(100):
            self.faults.report("a", f"fault {number}")
        self.assertEqual(self.lines(), ["fault 0"])

    def test_a_failure_is_told_with_its_traceback(self) -> None:
        failures = []
        for number in range(3):
            try:
                raise OSError(number, "broken")
            except OSError:
                failures.append(Failure())
        for failure in failures:
            self.faults.report("disk", "cannot write", failure)
        self.time += FOLD_SECONDS
        self.faults.report("disk", "cannot write", failures[2])
        self.assertEqual([e["log_failure"] for e in self.events], [failures[0], failures[2]])
        self.assertEqual({e["log_level"] for e in self.events}, {LogLevel.critical})
        self.assertEqual(self.lines()[1], "cannot write (and 2 more like it before)")

    def test_a_text_is_no_template(self) -> None:
        self.faults.report("a", "{0} {log_level} {more} %s {")
        self.assertEqual(self.lines(), ["{0} {log_level} {more} %s {"])

    def test_too_many_kinds_become_one(self) -> None:
        for number in range(10 * MAX_KINDS):
            self.faults.report(f"kind {number}", "fault")
        self.assertEqual(len(self.events), MAX_KINDS + 1)
        self.time += FOLD_SECONDS
        self.faults.report("kind -1", "fault")
        expected = f"fault (and {9 * MAX_KINDS - 1} more like it before)"
        self.assertEqual(self.lines()[-1], expected)
        self.faults.report("kind 0", "fault")
        self.assertEqual(self.lines()[-1], "fault")
