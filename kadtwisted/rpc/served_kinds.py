"""Which kinds of record other nodes know, as far as they have told.

A PONG tells all kinds that a node knows, and the error UNKNOWN_KIND one that it does not; the
newest word counts.  A node that has told nothing may know every kind.

What is known goes by public key: the same program answers wherever a node is.  It holds at most
``capacity`` nodes, and those that told longest ago go first.  A refusal counts for an hour,
because programs are replaced by newer ones.  ``now`` is in seconds of a monotonic clock.

A node knows the kinds of about as many others as it has contacts.  They are looked at seldom, and
most say the same: so they stand in sorted columns, which take a third of a dictionary's memory.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from kadtwisted.rpc.bitmaps import has_number
from kadtwisted.rpc.sorted_hashes import place_in

REFUSAL_COUNTS = 3600.0
"""MAGIC: seconds; a node is pinged several times in an hour, and its PONG would settle it."""


class _Told(NamedTuple):
    """The bitmap of a node's last PONG, empty if it had none, and when a kind was refused since."""

    kinds: bytes
    refused: tuple[tuple[int, float], ...] = ()


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


class ServedKinds:
    """What one port has heard of the kinds that others know."""

    def __init__(self, capacity: int) -> None:
        self._half = capacity // 2
        self._young, self._old = _Words(), _Words()
        """Two generations: when the young one is full it becomes the old one."""
        self._latest = _Told(b"")

    def __len__(self) -> int:
        """Of how many nodes something is known."""
        return len(self._young.told) + len(self._old.told)

    def told(self, key: bytes, kinds: bytes) -> None:
        """A node's PONG had this bitmap of kinds; an empty one says nothing."""
        if not kinds:
            return
        if kinds != self._latest.kinds:
            self._latest = _Told(kinds)
        self._keep(key, self._latest)  # one object for all nodes that say the same in a row

    def refused(self, key: bytes, kind: int, now: float) -> None:
        """A node answered that it does not know this kind."""
        kinds, refused = self._find(key) or _Told(b"")
        others = tuple(e for e in refused if e[0] != kind and now - e[1] < REFUSAL_COUNTS)
        self._keep(key, _Told(kinds, (*others, (kind, now))))

    def knows(self, key: bytes, kind: int, now: float) -> bool | None:
        """Whether a node knows this kind; ``None`` if it has not told."""
        told = self._find(key)
        if told is None:
            return None
        if any(kind == number and now - at < REFUSAL_COUNTS for number, at in told.refused):
            return False
        return has_number(told.kinds, kind) if told.kinds else None

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
