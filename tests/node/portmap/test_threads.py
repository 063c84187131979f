"""Calls in threads of their own: results, errors, no thread, nobody who waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.trial import unittest

from kadtwisted.errors import Unavailable
from kadtwisted.node.portmap.threads import in_thread


class Turns:
    """A reactor that does what threads hand it when it is told to."""

    def __init__(self) -> None:
        self._handed = threading.Semaphore(0)
        self._calls: list[Callable[[], None]] = []

    def callFromThread(self, call: Callable[..., None], *args: Any) -> None:
        self._calls.append(lambda: call(*args))
        self._handed.release()

    def turn(self) -> None:
        assert self._handed.acquire(timeout=60)
        self._calls.pop()()


class InThreadTests(unittest.SynchronousTestCase):
    def test_the_result(self) -> None:
        turns = Turns()
        done = in_thread(turns, threading.current_thread)
        self.assertNoResult(done)
        turns.turn()
        thread = self.successResultOf(done)
        self.assertTrue(thread.daemon)
        self.assertIsNot(thread, threading.current_thread())

    def test_an_error(self) -> None:
        turns = Turns()
        done = in_thread(turns, lambda: 1 // 0)
        turns.turn()
        self.failureResultOf(done, ZeroDivisionError)

    def test_nobody_waits_any_more(self) -> None:
        turns = Turns()
        done = in_thread(turns, lambda: 1 // 0)
        done.addErrback(lambda _: None)
        done.cancel()
        turns.turn()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_no_thread(self) -> None:
        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        self.patch(threading.Thread, "start", refuse)
        failure = self.failureResultOf(in_thread(Turns(), list), Unavailable)
        self.assertIn("no thread", failure.getErrorMessage())
