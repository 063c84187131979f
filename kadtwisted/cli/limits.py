"""What ends ``kad`` while it does one thing after the other: its time limit, and signals.

While no reactor runs, ``kad`` waits in system calls: for a node's answer, for standard input, for
whoever reads its output.  An alarm ends any of them.  Nothing here needs Twisted.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


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
    :class:`Interrupted` at SIGINT or SIGTERM."""
    before: dict[signal.Signals, Any] = {}
    for number, handler in (
        (signal.SIGINT, _interrupt),
        (signal.SIGTERM, _interrupt),
        (signal.SIGALRM, _alarm),
    ):
        # nohup and shells in scripts ignore a signal on purpose.
        if number == signal.SIGALRM or signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each, former in before.items():
            signal.signal(each, former)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


def _alarm(number: int, frame: FrameType | None) -> None:
    raise OutOfTime
