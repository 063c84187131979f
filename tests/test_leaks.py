"""A leak is seen; what merely ends late, or was there before, is none."""

from __future__ import annotations

import os
import threading

from twisted.trial.unittest import SynchronousTestCase

from tests import leaks
from tests.leaks import Before


def started(target: threading.Event) -> threading.Thread:
    """A thread that runs until the event is set."""
    thread = threading.Thread(target=target.wait, daemon=True)
    thread.start()
    return thread


class BeforeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.over = threading.Event()
        self.addCleanup(self.over.set)

    def test_a_thread_that_goes_on(self) -> None:
        before = Before()
        thread = started(self.over)
        self.assertEqual(before.new_threads(), [thread])
        self.patch(leaks, "PATIENCE", 0.01)
        self.assertEqual(before.left(), [f"the thread {thread.name}"])

    def test_a_thread_that_ends_late(self) -> None:
        before = Before()
        thread = started(self.over)
        ending = threading.Thread(target=self.over.set)
        ending.start()
        self.assertEqual(before.left(), [])
        self.assertFalse(thread.is_alive())

    def test_a_thread_of_before_that_ends(self) -> None:
        thread = started(self.over)
        before = Before()
        self.over.set()
        thread.join(leaks.PATIENCE)
        self.assertEqual(before.left(), [])

    def test_a_file_that_is_not_closed(self) -> None:
        old, other = os.pipe()
        self.addCleanup(os.close, other)
        before = Before()
        opened = os.open("/dev/null", os.O_RDONLY)
        self.assertEqual(before.left(), [f"descriptor {opened}, /dev/null"])
        os.close(opened)
        os.close(old)
        self.assertEqual(before.left(), [])
