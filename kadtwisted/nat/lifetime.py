"""How long a NAT lets somebody in to whom we wrote, and so how often we write to those that
introduce others to us.

One contact, to which nothing else is sent meanwhile, is asked to send a PING after so many seconds;
if it comes, the NAT still let it in.  The waits grow (:data:`TRIALS`).  One that was missed twice,
each time by another contact, ends the search: one datagram may get lost.

Introducers are pinged each :data:`FIRST` seconds at first, then after the longest wait that was
survived, less a fifth, and after :data:`LONGEST` at most.  A NAT may also give up our port when
nothing goes out at all; so if the port outside changes from one ping to the next, the wait before
the last one is what counts.

Pure; nothing here knows the time.
"""

from __future__ import annotations

TRIALS = (25.0, 55.0, 115.0, 175.0)
"""Seconds; lifetimes of NATs are 30, 60, 120 and 180 s most of the time (RFC 4787, REQ-5, asks for
120 or more; Linux has 30, and 120 once both sides have sent)."""
FIRST = 20.0
"""Seconds between two pings while nothing is known: less than nearly all lifetimes."""
SHORTEST = 10.0
"""MAGIC: seconds, where even the first trial is missed; more often costs more than it brings."""
LONGEST = 100.0
"""Seconds; introducers forget who is silent for 130 (:mod:`kadtwisted.rpc.attached`)."""
MARGIN = 0.8
"""The part of a lifetime after which a ping comes: it may be late, or wait for a lost one."""
MISSES = 2
"""PINGs of one trial that must be missed."""


class Lifetime:
    """The search for one port's lifetime.

    ``survived`` is the longest wait that was survived, in seconds; ``is_over`` says that the search
    has ended: then ``missed`` is the wait that was too long, if there was one.
    """

    def __init__(self) -> None:
        self.survived: float | None = None
        self.missed: float | None = None
        self._place = 0
        self._misses = 0

    @property
    def is_over(self) -> bool:
        """Whether there is no trial left."""
        return self.missed is not None or self._place >= len(TRIALS)

    @property
    def trial(self) -> float | None:
        """The wait to try now; ``None``: the search is over."""
        return None if self.is_over else TRIALS[self._place]

    @property
    def interval(self) -> float:
        """Seconds between two pings to each introducer."""
        if self.survived is None:
            return FIRST if self.missed is None else SHORTEST
        return min(LONGEST, self.survived * MARGIN)

    def came(self) -> None:
        """The PING of the trial came."""
        if not self.is_over:
            self.survived = TRIALS[self._place]
            self._place += 1
            self._misses = 0

    def lost(self) -> None:
        """The PING of the trial did not come, though nothing disturbed it."""
        if not self.is_over:
            self._misses += 1
            if self._misses >= MISSES:
                self.missed = TRIALS[self._place]

    def rebound(self) -> None:
        """Our port outside is another one than at the last ping: that was too long ago."""
        known = self.survived
        if known is None:
            return
        shorter = [each for each in TRIALS if each < known]
        self.survived = shorter[-1] if shorter else None
        self.missed = known
