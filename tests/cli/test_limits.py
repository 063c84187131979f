"""Time limit and signals while no reactor runs."""

from __future__ import annotations

import os
import signal
import time

from twisted.trial import unittest

from kadtwisted.cli.limits import Interrupted, OutOfTime, limited

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


class LimitTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        # A shell that started this in the background may have it ignored.
        self.own = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.before = [signal.getsignal(each) for each in NUMBERS]

    def tearDown(self) -> None:
        self.assertEqual([signal.getsignal(each) for each in NUMBERS], self.before)
        self.assertEqual(signal.getitimer(signal.ITIMER_REAL), (0.0, 0.0))
        signal.signal(signal.SIGINT, self.own)

    def read_from_a_silent_pipe(self, seconds: float) -> None:
        reading, writing = os.pipe()
        try:
            with limited(seconds):
                os.read(reading, 1)
        finally:
            os.close(reading)
            os.close(writing)

    def test_time_is_over(self) -> None:
        started = time.monotonic()
        self.assertRaises(OutOfTime, self.read_from_a_silent_pipe, 0.05)
        self.assertLess(time.monotonic() - started, 20)

    def test_a_signal(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.assertRaises(Interrupted) as raised, limited(60):
                os.kill(os.getpid(), number)
                signal.pause()
            self.assertEqual(raised.exception.code, 128 + number)

    def test_what_ends_in_time(self) -> None:
        with limited(60):
            pass

    def test_a_limit_within_another_one(self) -> None:
        with limited(60):
            self.assertRaises(OutOfTime, self.read_from_a_silent_pipe, 0.05)
            self.assertGreater(signal.getitimer(signal.ITIMER_REAL)[0], 1)
            with limited(600):
                self.assertLessEqual(signal.getitimer(signal.ITIMER_REAL)[0], 60)
            with limited(0):
                self.assertGreater(signal.getitimer(signal.ITIMER_REAL)[0], 1)
        with self.assertRaises(OutOfTime), limited(0.05):
            self.read_from_a_silent_pipe(60)

    def test_no_limit(self) -> None:
        with limited(0.0):
            self.assertEqual(signal.getitimer(signal.ITIMER_REAL), (0.0, 0.0))

    def test_a_signal_that_is_ignored_on_purpose_stays_so(self) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            with limited(60):
                os.kill(os.getpid(), signal.SIGINT)
        finally:
            signal.signal(signal.SIGINT, before)
