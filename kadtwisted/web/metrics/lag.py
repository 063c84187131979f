"""How late the reactor's timers are: whether something holds up the whole process.

A timer is due every second.  What is told is the most by which it was late within the last minute,
so that one look in a minute misses no stall, and many looks see the same.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.interfaces import IDelayedCall

EVERY = 1.0
KEPT = 60
"""Seconds, and so timers, that are remembered."""


class ReactorLag:
    """The lag of one reactor, measured from :meth:`start` to :meth:`stop`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._late: deque[float] = deque(maxlen=KEPT)
        self._timer: IDelayedCall | None = None
        self._due = 0.0

    def start(self) -> None:
        """Begin to measure."""
        if self._timer is None:
            self._next()

    def stop(self) -> None:
        """Measure no more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def seconds(self) -> float:
        """The most by which a timer was late; one that is overdue counts already."""
        overdue = self._reactor.seconds() - self._due if self._timer is not None else 0.0
        return max(0.0, overdue, *self._late)

    def _next(self) -> None:
        self._due = self._reactor.seconds() + EVERY
        self._timer = self._reactor.callLater(EVERY, self._tick)

    def _tick(self) -> None:
        self._late.append(max(0.0, self._reactor.seconds() - self._due))
        self._next()
