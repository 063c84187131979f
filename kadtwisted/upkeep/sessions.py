"""How long nodes stay: the median session length, estimated from what was seen recently.

Churn decides how often records must be replicated.  If nodes leave with a median session of m, a
record survives if it is brought back to k holders well within m.  For exponential sessions, the
maximum-likelihood mean is all the time that nodes were seen alive, divided by the number of
sessions that ended, and the median is ln 2 of that.

* Only the last :data:`WINDOW` seconds count, so that the estimate follows when nodes begin to leave
  faster.  Long sessions need no estimate: then the longest period is right.
* A contact was alive until it was last heard of.  The silence after that is no evidence: if it
  counted as life, sessions that are shorter than the time it takes to notice an end would look
  long.

Pure.  Bounded by the last :data:`REMEMBERED` sessions.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from typing import NamedTuple

WINDOW = 15 * 60.0
"""Seconds looked back: a table of 60 contacts sees 7 sessions end in it if their median is an hour,
the longest that makes a difference."""
REMEMBERED = 1024
"""Ended sessions remembered: as many as end within a window among 500 contacts whose sessions last
5 minutes."""
ENOUGH = 4
"""Ended sessions needed for an estimate: its standard error is then half of it."""
SHORTEST_PERIOD = 60.0
"""Seconds; with a shorter period, replication would cost more than it saves.  MAGIC: a simulation
of sessions shorter than two minutes would settle it."""


class Stay(NamedTuple):
    """From when to when a contact was seen alive, in seconds of a monotonic clock."""

    since: float
    until: float


class Sessions:
    """The sessions that one node has seen end."""

    def __init__(self) -> None:
        self._ended: list[Stay] = []

    def ended(self, length: float, now: float) -> None:
        """A contact is gone that was known for ``length`` seconds."""
        self._ended.append(Stay(now - max(0.0, length), now))
        del self._ended[:-REMEMBERED]

    def median(self, present: Iterable[Stay], gone: int, now: float) -> float | None:
        """The median session in seconds; ``None`` if too few sessions ended to tell.

        ``present`` are the stays of the contacts we have; ``gone`` of them are as good as gone.
        """
        start = now - WINDOW
        while self._ended and self._ended[0].until <= start:
            del self._ended[0]
        ended = len(self._ended) + gone
        if ended < ENOUGH:
            return None
        seen = sum(_within(each, start) for each in self._ended)
        return (seen + sum(_within(each, start) for each in present)) / ended * log(2)

    def period(self, present: Iterable[Stay], gone: int, longest: float, now: float) -> float:
        """Seconds between replications: at most a median session and at most ``longest``."""
        median = self.median(present, gone, now)
        if median is None:
            return longest
        return min(longest, max(SHORTEST_PERIOD, median))


def _within(stay: Stay, start: float) -> float:
    """Seconds of a stay that lie after ``start``."""
    return max(0.0, stay.until - max(stay.since, start))
