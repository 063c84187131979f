"""How many values are under way at once: as many as the network and this machine keep up with.

Too few waste time where round trips are long.  Too many fill queues, in a modem or in a node that
is slow, until requests are given up that were only late; then more is sent, and less is done.  So
the number follows what the values take, as TCP Vegas follows round trips (Brakmo and Peterson 1995,
section 3.2): of the values under way, those wait in queues for which they take longer than the
fastest.  While those are few there may be one more, while they are many one less; at first the
number doubles.  Where somebody was silent it is halved, once for all that were under way together.

Pure: seconds are arguments.
"""

from __future__ import annotations

from typing import Final

FEWEST: Final = 1.0
FIRST: Final = 4.0
"""MAGIC: values under way before anything was measured."""
MOST: Final = 64.0
"""MAGIC: with at most 60 requests each, half of what may be in flight in a node."""
FEW_QUEUED: Final = 2.0
MANY_QUEUED: Final = 4.0
"""Values that wait in queues: Vegas' alpha and beta, in packets there; section 5 has 2 and 4."""
AGE: Final = 30.0
"""MAGIC: seconds for which the fastest value counts, twice at most: the way may have become longer.
At the end of each age a single value is under way for a moment, so that the queues are empty, as
BBR does (Cardwell et al. 2016): else what waits in them would be taken for a part of the way."""


class Pace:
    """The number of values under way, for values of one sort."""

    def __init__(self) -> None:
        self._window = FIRST
        self._fastest = self._fastest_before = float("inf")
        self._age_began: float | None = None
        self._is_new = True
        self._halved_at = float("-inf")

    @property
    def at_once(self) -> int:
        """How many values may be under way now."""
        return int(self._window)

    def took(self, began: float, now: float) -> None:
        """A value that was begun then was done without anybody's silence."""
        if self._age_began is None:
            self._age_began = began
        elif now >= self._age_began + AGE:
            self._new_age(now)
        if began < self._age_began:
            return  # it waited behind those of the last age
        seconds = now - began
        self._fastest = min(self._fastest, seconds)
        fastest = min(self._fastest, self._fastest_before)
        queued = self._window * (1.0 - fastest / seconds) if seconds > 0 else 0.0
        if queued > MANY_QUEUED:
            self._is_new = False
            self._window = max(FEWEST, self._window - 1 / self._window)
        elif queued < FEW_QUEUED:
            self._window = min(MOST, self._window + (1.0 if self._is_new else 1 / self._window))

    def _new_age(self, now: float) -> None:
        self._age_began = now
        self._fastest_before, self._fastest = self._fastest, float("inf")
        self._window, self._is_new = FEWEST, True

    def lost(self, began: float, now: float) -> None:
        """Somebody was silent for a value that was begun then."""
        self._is_new = False
        if began > self._halved_at:
            self._halved_at = now
            self._window = max(FEWEST, self._window / 2)
