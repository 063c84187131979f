"""What ends ``kad`` while it does one thing after the other: its time limit, and signals.

While no reactor runs, ``kad`` waits in system calls: for a node's answer, for standard input, for
whoever reads its output.  An alarm ends any of them.  Nothing here needs Twisted.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SOON = 0.001
"""Seconds: a limit of 0 would be none."""


class OutOfTime(BaseException):
    """The time limit is over."""


class Interrupted(BaseException):
    """A signal ends the command; ``code`` is the exit code that shells know it by."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End whatever is done within by :class:`OutOfTime` after so many seconds, and by
    :class:`Interrupted` at SIGINT or SIGTERM.  With 0 there is no limit.

    Within another limit it ends no later than that one, which goes on afterwards."""
    before: dict[signal.Signals, Any] = {}
    for number, handler in (
        (signal.SIGINT, _interrupt),
        (signal.SIGTERM, _interrupt),
        (signal.SIGALRM, _alarm),
    ):
        # nohup and shells in scripts ignore a signal on purpose.
        if number == signal.SIGALRM or signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    started = time.monotonic()
    if outer and not 0 < seconds < outer:
        signal.setitimer(signal.ITIMER_REAL, outer)
    try:
        yield
    finally:
        left = max(outer - (time.monotonic() - started), _SOON) if outer else 0.0
        signal.setitimer(signal.ITIMER_REAL, left)
        for each, former in before.items():
            signal.signal(each, former)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


def _alarm(number: int, frame: FrameType | None) -> None:
    raise OutOfTime
