"""Which methods other nodes serve, and which kinds of record they know, as far as they have told.

A PONG tells all methods and kinds that a node serves; the errors UNKNOWN_METHOD and UNKNOWN_KIND
tell of one that it does not.  The newest word counts.  A node that has told nothing may serve all.

What is known goes by public key: the same program answers wherever a node is.  It holds at most
``capacity`` nodes, and those that told longest ago go first.  A refusal counts for an hour,
because programs are replaced by newer ones.  ``now`` is in seconds of a monotonic clock.

A node knows this of about as many others as it has contacts.  They are looked at seldom, and most
say the same: so they stand in sorted columns, which take a third of a dictionary's memory.
"""

from __future__ import annotations

from array import array
from enum import IntEnum
from typing import NamedTuple

from kadtwisted.rpc.bitmaps import has_number
from kadtwisted.rpc.sorted_hashes import place_in

REFUSAL_COUNTS = 3600.0
"""MAGIC: seconds; a node is pinged several times in an hour, and its PONG would settle it."""


class Of(IntEnum):
    """What a number is of."""

    METHODS = 0
    KINDS = 1


class _Told(NamedTuple):
    """The bitmaps of a node's last PONG, by :class:`Of`, empty if it had none; and which numbers
    were refused since, and when."""

    bitmaps: tuple[bytes, bytes] = (b"", b"")
    refused: tuple[tuple[Of, int, float], ...] = ()


class _Words:
    """What some nodes told, by a hash of 64 bits of the public key of each, sorted."""

    __slots__ = ("hashes", "told")

    def __init__(self) -> None:
        self.hashes = array("q")
        self.told: list[_Told] = []

    def find(self, hashed: int) -> _Told | None:
        """What a node told, if it is here."""
        place, known = place_in(self.hashes, hashed)
        return self.told[place] if known else None

    def replace(self, hashed: int, told: _Told) -> bool:
        """A node told this now; whether it was here."""
        place, known = place_in(self.hashes, hashed)
        if known:
            self.told[place] = told
        return known

    def add(self, hashed: int, told: _Told) -> None:
        """A node that was not here told this."""
        place, _ = place_in(self.hashes, hashed)
        self.hashes.insert(place, hashed)
        self.told.insert(place, told)

    def drop(self, hashed: int) -> None:
        """Forget a node, if it is here."""
        place, known = place_in(self.hashes, hashed)
        if known:
            del self.hashes[place], self.told[place]


class Served:
    """What one port has heard of the methods and kinds that others serve."""

    def __init__(self, capacity: int) -> None:
        self._half = capacity // 2
        self._young, self._old = _Words(), _Words()
        """Two generations: when the young one is full it becomes the old one."""
        self._latest = _Told()

    def __len__(self) -> int:
        """Of how many nodes something is known."""
        return len(self._young.told) + len(self._old.told)

    def told(self, key: bytes, methods: bytes, kinds: bytes) -> None:
        """A node's PONG had these bitmaps; an empty one says nothing."""
        said = methods, kinds
        if not any(said):
            return
        if said != self._latest.bitmaps:
            self._latest = _Told(said)
        self._keep(key, self._latest)  # one object for all nodes that say the same in a row

    def refused(self, key: bytes, of: Of, number: int, now: float) -> None:
        """A node answered that it does not serve this."""
        bitmaps, refused = self._find(key) or _Told()
        others = [e for e in refused if e[:2] != (of, number) and now - e[2] < REFUSAL_COUNTS]
        self._keep(key, _Told(bitmaps, (*others, (of, number, now))))

    def serves(self, key: bytes, of: Of, number: int, now: float) -> bool | None:
        """Whether a node serves this; ``None`` if it has not told."""
        told = self._find(key)
        if told is None:
            return None
        if any(e[:2] == (of, number) and now - e[2] < REFUSAL_COUNTS for e in told.refused):
            return False
        bitmap = told.bitmaps[of]
        return has_number(bitmap, number) if bitmap else None

    def _find(self, key: bytes) -> _Told | None:
        hashed = hash(key)
        return self._young.find(hashed) or self._old.find(hashed)

    def _keep(self, key: bytes, told: _Told) -> None:
        hashed = hash(key)
        if self._young.replace(hashed, told):
            return
        self._old.drop(hashed)
        if len(self._young.told) >= max(self._half, 1):
            self._old = self._young if self._half else _Words()
            self._young = _Words()
        self._young.add(hashed, told)
