"""How long nodes stay: the median session length, from those that ended and those that go on.

Churn decides how often records must be replicated: a record whose k holders leave with a median
session of m survives if it is brought back to k well within m.  Sessions of nodes still here count
as censored observations; for exponential sessions the maximum-likelihood mean is all time observed
divided by the number of ends, and the median is ln 2 of that.

Pure; bounded to the last :data:`REMEMBERED` sessions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import log

REMEMBERED = 64
"""Ended sessions remembered: the estimate's standard error is an eighth of it."""
ENOUGH = 8
"""Ended sessions needed for an estimate at all."""
SHORTEST_PERIOD = 60.0
"""Seconds; below, replication would cost more than it saves.  MAGIC: to be settled by simulation
of sessions shorter than two minutes."""


class Sessions:
    """The sessions that one node has seen end, in seconds."""

    def __init__(self) -> None:
        self._ended: deque[float] = deque(maxlen=REMEMBERED)

    def ended(self, length: float) -> None:
        """A contact is gone that was known for this long."""
        self._ended.append(max(0.0, length))

    def median(self, ages: Iterable[float]) -> float | None:
        """The median session, given how long the present contacts are known; ``None`` if too few
        sessions ended to tell."""
        if len(self._ended) < ENOUGH:
            return None
        mean = (sum(self._ended) + sum(ages)) / len(self._ended)
        return mean * log(2)

    def period(self, ages: Iterable[float], longest: float) -> float:
        """Seconds between replications: at most a median session, at most ``longest``."""
        median = self.median(ages)
        if median is None:
            return longest
        return min(longest, max(SHORTEST_PERIOD, median))
