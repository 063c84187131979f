"""Which kinds of record other nodes know, as far as they have told.

A PONG tells all kinds that a node knows, and the error UNKNOWN_KIND one that it does not; the
newest word counts.  A node that has told nothing may know every kind.

What is known goes by public key: the same program answers wherever a node is.  It holds at most
``capacity`` nodes, and the one that told longest ago goes first.  A refusal counts for an hour,
because programs are replaced by newer ones.  ``now`` is in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from kadtwisted.model.bitmaps import has_number

REFUSAL_COUNTS = 3600.0
"""MAGIC: seconds; a node is pinged several times in an hour, and its PONG would settle it."""


class _Told(NamedTuple):
    """The bitmap of a node's last PONG, empty if it had none, and when a kind was refused since."""

    kinds: bytes
    refused: tuple[tuple[int, float], ...] = ()


class ServedKinds:
    """What one port has heard of the kinds that others know."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._told: OrderedDict[bytes, _Told] = OrderedDict()

    def __len__(self) -> int:
        """Of how many nodes something is known."""
        return len(self._told)

    def told(self, key: bytes, kinds: bytes) -> None:
        """A node's PONG had this bitmap of kinds; an empty one says nothing."""
        if kinds:
            self._note(key, _Told(kinds))

    def refused(self, key: bytes, kind: int, now: float) -> None:
        """A node answered that it does not know this kind."""
        kinds, refused = self._told.get(key, _Told(b""))
        others = tuple(e for e in refused if e[0] != kind and now - e[1] < REFUSAL_COUNTS)
        self._note(key, _Told(kinds, (*others, (kind, now))))

    def _note(self, key: bytes, told: _Told) -> None:
        self._told[key] = told
        self._told.move_to_end(key)
        if len(self._told) > self._capacity:
            self._told.popitem(last=False)

    def knows(self, key: bytes, kind: int, now: float) -> bool | None:
        """Whether a node knows this kind; ``None`` if it has not told."""
        told = self._told.get(key)
        if told is None:
            return None
        if any(kind == number and now - at < REFUSAL_COUNTS for number, at in told.refused):
            return False
        return has_number(told.kinds, kind) if told.kinds else None
