"""Whether this machine is where it was: its own address in one family, look by look.

A node on a laptop wakes up in another network: its address is another one, or none for a while, or
the same one behind another gateway.  What it learned of itself in the old network is wrong then,
and its contacts do not know where it is.  The rules of this file:

* The first address that is seen is where the node is; no change has been seen.
* Another source address is a move.  So is another default gateway or interface with the same
  address (many homes have the same private network), an address after none, and a long pause
  between two looks: the machine slept, and every NAT on the way has forgotten it.
* There is no network after :data:`LOOKS` looks without an address: one may fall into the moment in
  which a lease is renewed.
* After a move others are asked, until one has answered: at once, then later and later.

Pure: ``now`` is an argument.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

LOOK_EVERY = 5.0
"""MAGIC: seconds between two looks: two system calls, and a node should serve again within ten."""
LOOK_WHILE_GONE = 1.0
"""MAGIC: the same while there is no address."""
LOOKS = 2
A_SLEEP = 30.0
"""Seconds between two looks that mean that this machine slept: the shortest time for which NATs are
seen to keep a UDP mapping (RFC 4787, 4.3, asks for two minutes; many keep half a minute)."""
FIRST_PAUSE = 2.0
LAST_PAUSE = 30.0
"""Seconds until others are asked again after a move that none of them has answered, doubled from
the first to the last.  MAGIC: a wireless network needs a few seconds until it passes anything."""


class Whereabouts(NamedTuple):
    """What the system says of us in one family: from which address it would send (``None``: there
    is no way), and over which gateway (empty if it does not tell)."""

    source: str | None
    way: str = ""


class Change(Enum):
    """What a look has shown."""

    NONE = auto()
    GONE = auto()
    """There is no address any more."""
    MOVED = auto()
    """The machine is somewhere else, or somewhere again."""


class OwnAddress:
    """Our own address in one family."""

    __slots__ = ("_again_at", "_looked_at", "_pause", "_without", "gone_at", "here", "is_gone")

    def __init__(self) -> None:
        self.here: Whereabouts | None = None
        """Where we were when there was an address for the last time."""
        self.is_gone = False
        """Whether there is no address now."""
        self.gone_at = 0.0
        """When that was first seen."""
        self._without = 0
        self._looked_at: float | None = None
        self._again_at: float | None = None
        self._pause = FIRST_PAUSE

    def look_elsewhere(self) -> None:
        """From now on looks are at another direction, which may be another address."""
        self.here, self.is_gone, self._without = None, False, 0

    def looked(self, seen: Whereabouts, now: float) -> Change:
        """The system was asked; what that shows."""
        before, self._looked_at = self._looked_at, now
        if seen.source is None:
            return self._none(now)
        was, self.here = self.here, seen
        was_gone, self.is_gone, self._without = self.is_gone, False, 0
        slept = before is not None and now - before >= A_SLEEP
        if was_gone or (was is not None and (slept or _differs(was, seen))):
            self._again_at, self._pause = now + FIRST_PAUSE, FIRST_PAUSE
            return Change.MOVED
        return Change.NONE

    def _none(self, now: float) -> Change:
        self._without += 1
        if self._without == 1:
            self.gone_at = now
        if self._without != LOOKS:
            return Change.NONE
        self.is_gone = True
        return Change.GONE

    def ask_again(self, heard: bool, now: float) -> bool:
        """Whether to ask others once more where we are; ``heard`` says that one has answered since
        the last move."""
        if heard:
            self._again_at = None
        if self._again_at is None or self.is_gone or now < self._again_at:
            return False
        self._pause = min(2 * self._pause, LAST_PAUSE)
        self._again_at = now + self._pause
        return True

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return LOOK_WHILE_GONE if self._without or self._again_at is not None else LOOK_EVERY


def _differs(one: Whereabouts, other: Whereabouts) -> bool:
    ways = one.way, other.way
    return one.source != other.source or (all(ways) and ways[0] != ways[1])
