"""Which kinds of record other nodes know, as far as they have told.

A PONG tells all kinds that a node knows, and the error UNKNOWN_KIND one that it does not; the
newest word counts.  A node that has told nothing may know every kind.

What is known goes by public key: the same program answers wherever a node is.  It holds at most
``capacity`` nodes, and those that told longest ago go first.  A refusal counts for an hour,
because programs are replaced by newer ones.  ``now`` is in seconds of a monotonic clock.
"""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.model.bitmaps import has_number
from kadtwisted.model.generations import Generations

REFUSAL_COUNTS = 3600.0
"""MAGIC: seconds; a node is pinged several times in an hour, and its PONG would settle it."""


class _Told(NamedTuple):
    """The bitmap of a node's last PONG, empty if it had none, and when a kind was refused since."""

    kinds: bytes
    refused: tuple[tuple[int, float], ...] = ()


class ServedKinds:
    """What one port has heard of the kinds that others know."""

    def __init__(self, capacity: int) -> None:
        self._told: Generations[bytes, _Told] = Generations(capacity)
        self._latest = _Told(b"")

    def __len__(self) -> int:
        """Of how many nodes something is known."""
        return len(self._told)

    def told(self, key: bytes, kinds: bytes) -> None:
        """A node's PONG had this bitmap of kinds; an empty one says nothing."""
        if not kinds:
            return
        if kinds != self._latest.kinds:
            self._latest = _Told(kinds)
        self._told.keep(key, self._latest)  # one object for all nodes that say the same in a row

    def refused(self, key: bytes, kind: int, now: float) -> None:
        """A node answered that it does not know this kind."""
        kinds, refused = self._told.find(key) or _Told(b"")
        others = tuple(e for e in refused if e[0] != kind and now - e[1] < REFUSAL_COUNTS)
        self._told.keep(key, _Told(kinds, (*others, (kind, now))))

    def knows(self, key: bytes, kind: int, now: float) -> bool | None:
        """Whether a node knows this kind; ``None`` if it has not told."""
        told = self._told.find(key)
        if told is None:
            return None
        if any(kind == number and now - at < REFUSAL_COUNTS for number, at in told.refused):
            return False
        return has_number(told.kinds, kind) if told.kinds else None
