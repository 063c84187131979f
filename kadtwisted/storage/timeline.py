"""Moments that survive a restart: the time line of a durable storage.

In memory all moments are monotonic: their origin means nothing to the next process.  On the disk
they lie on a time line of the storage.  It begins with the time of the wall clock, and then it goes
on with the monotonic clock, so a wall clock that jumps while the process runs changes nothing.

Only the wall clock knows how much time passes while no process runs.  If it was set back meanwhile,
the line stands still and never runs backwards, so no record lives for ever.

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
    """Converts the moments of one process; ``now`` is the monotonic clock, ``unix_time`` the wall
    clock, both in seconds."""

    def __init__(self, now: Callable[[], float], unix_time: Callable[[], float]) -> None:
        self._now = now
        self._unix_time = unix_time
        self._ahead = unix_time() - now()

    def resume(self, anchor: Anchor | None) -> None:
        """Go on from the anchor that was saved last, or begin a new line if there is none."""
        unix_time = self._unix_time()
        moment = unix_time
        if anchor is not None:
            moment = anchor.moment + max(0.0, unix_time - anchor.unix_time)
        self._ahead = moment - self._now()

    def anchor(self) -> Anchor:
        """Where the line is now."""
        return Anchor(self._now() + self._ahead, self._unix_time())

    def saved(self, moment: float) -> float:
        """The moment on the disk for a monotonic one of this process."""
        return moment + self._ahead

    def monotonic(self, saved: float) -> float:
        """The monotonic moment of this process for one from the disk."""
        return saved - self._ahead
