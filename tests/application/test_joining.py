"""Joining is tried until somebody answers; the log tells changes, not tries."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial import unittest

from kadtwisted.application.joining import Joining
from kadtwisted.errors import BootstrapFailed, NodeStopped
from kadtwisted.model.results import BootstrapResult
from tests.daemon.fakes import JOINED, FakeNode

ADDRESSES = ("192.0.2.7:8000", "192.0.2.8:8000")
SILENT = BootstrapFailed("no address answered (192.0.2.7:8000: silent)")


class JoiningTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.draw = 1.0
        self.joined: list[object] = []
        self.joining = Joining(self.clock, lambda: self.draw, self.joined.append)
        self.addCleanup(self.joining.stop)

    def start(self, *answers: Any) -> FakeNode:
        node = FakeNode(bootstrap=list(answers))
        self.joining.start(node, ADDRESSES)
        return node

    def pauses(self, node: FakeNode) -> list[float]:
        """The lengths of the pauses between tries, until none is due any more."""
        found = []
        while self.clock.getDelayedCalls():
            before = self.clock.seconds()
            self.clock.advance(self.clock.getDelayedCalls()[0].getTime() - before)
            found.append(self.clock.seconds() - before)
        return found

    def test_at_once(self) -> None:
        node = self.start(JOINED)
        self.assertEqual(node.calls, [("bootstrap", ADDRESSES)])
        self.assertEqual(self.joined, [JOINED])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_first_of_a_fleet(self) -> None:
        """It is told once, and the others are tried on."""
        reasons = dict.fromkeys(ADDRESSES, "why")
        itself = BootstrapFailed("nobody", reasons, ADDRESSES[:1])
        with capturedLogs() as events:
            node = self.start(itself, itself, itself, JOINED)
            self.assertEqual(self.joined, [BootstrapResult((), reasons, 0)])
            self.assertEqual(self.pauses(node), [2, 4, 8])
        self.assertEqual(self.joined[1:], [JOINED])
        lines = [str(formatEvent(event)) for event in events]
        self.assertEqual(len(lines), 3, lines)
        self.assertTrue(lines[1].startswith("192.0.2.7:8000 is this node itself, and no other"))

    def test_nobody_else_to_try(self) -> None:
        itself = BootstrapFailed("nobody", dict.fromkeys(ADDRESSES, "why"), ADDRESSES)
        self.start(itself)
        self.assertEqual(len(self.joined), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_pauses_double_up_to_their_bound(self) -> None:
        self.assertEqual(self.pauses(self.start(*[SILENT] * 7, JOINED)), [2, 4, 8, 16, 30, 30, 30])
        self.assertEqual(self.joined, [JOINED])

    def test_pauses_are_drawn_from_the_upper_half(self) -> None:
        self.draw = 0.0
        self.assertEqual(self.pauses(self.start(*[SILENT] * 6, JOINED)), [1, 2, 4, 8, 15, 15])

    def test_one_line_for_each_change_of_state(self) -> None:
        with capturedLogs() as events:
            self.pauses(self.start(*[SILENT] * 50, JOINED))
        lines = [formatEvent(event) for event in events]
        self.assertEqual(len(lines), 3)
        self.assertIn("joining through 192.0.2.7:8000, 192.0.2.8:8000", lines[0])
        self.assertEqual(
            lines[1],
            "no address answered (192.0.2.7:8000: silent); trying again until one answers",
        )
        self.assertIn("1 of 2 bootstrap addresses answered, contacts known: 3", lines[2])

    def test_a_fault_of_ours_is_logged_once_and_does_not_end_it(self) -> None:
        with capturedLogs() as events:
            self.pauses(self.start(RuntimeError("a fault"), RuntimeError("a fault"), JOINED))
        critical = [each for each in events if each["log_level"] is LogLevel.critical]
        self.assertEqual(len(critical), 1)
        self.assertEqual(self.joined, [JOINED])
        self.flushLoggedErrors(RuntimeError)

    def test_stop_during_a_pause(self) -> None:
        self.start(SILENT)
        self.joining.stop()
        self.joining.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_during_a_try_cancels_it(self) -> None:
        cancelled: list[object] = []
        self.start(Deferred(cancelled.append))
        self.joining.stop()
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_stopped_node_is_not_tried_again(self) -> None:
        for error in (NodeStopped(), CancelledError()):
            self.start(error)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_starting_again_gives_up_what_was_under_way(self) -> None:
        self.start(SILENT)
        node = self.start(JOINED)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(node.calls), 1)
