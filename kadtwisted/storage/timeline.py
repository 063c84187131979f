"""Moments that survive a restart: a durable storage's own time line.

In memory all moments are monotonic, with an origin that means nothing to the next process.  On disk
they lie on a time line of the storage's own, which begins with the wall clock's time and goes on
with the monotonic clock's pace, so that a wall clock that jumps while the process runs changes
nothing.  What passes while no process runs only the wall clock can tell; one that was set back in
between makes nothing immortal, for the line never runs backwards.

Pure: it is given both clocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Anchor(NamedTuple):
    """A moment on the time line, and the wall clock's time at it; saved with every commit."""

    moment: float
    unix_time: float


class Timeline:
    """Converts moments of one process; ``now`` is monotonic, ``unix_time`` the wall clock."""

    def __init__(self, now: Callable[[], float], unix_time: Callable[[], float]) -> None:
        self._now = now
        self._unix_time = unix_time
        self._ahead = unix_time() - now()

    def resume(self, anchor: Anchor | None) -> None:
        """Go on from what an earlier process saved last, or begin a new line."""
        unix_time = self._unix_time()
        moment = unix_time
        if anchor is not None:
            moment = anchor.moment + max(0.0, unix_time - anchor.unix_time)
        self._ahead = moment - self._now()

    def anchor(self) -> Anchor:
        """Where the line is now."""
        return Anchor(self._now() + self._ahead, self._unix_time())

    def saved(self, moment: float) -> float:
        """A monotonic moment as it is written to the disk."""
        return moment + self._ahead

    def monotonic(self, saved: float) -> float:
        """A moment from the disk, for this process."""
        return saved - self._ahead
