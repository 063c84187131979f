"""Which records stand under each key of which many may stand, and whose they are.

Whoever can write may fill a key that others need.  So a holder counts, under each such key, how
many records came from one network (a *source*, as in ``records/ledger.py``):

* A source has at most an eighth of the places under a key.  What is there of it stays, and more of
  it is refused.
* Under a full key the source with the most records gives way, its newest one first, and only to a
  source that has at least two fewer.  So one network pushes out nobody, eight together only each
  other, and what came early stays.
* Loopback addresses have no share: many nodes may live on one machine.  Nor have our own records,
  which never give way.

Pure, and of the size of these records: about 300 bytes for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from kadtwisted.errors import StorageFull
from kadtwisted.model.ids import NodeID, RandomBits
from kadtwisted.model.record import StorageKey

Source = bytes
UNKNOWN: Final[Source] = b""
OWN: Final[Source] = b"own"

SHARE = 8
"""A source may have an eighth of the places under a key.  MAGIC: as of a storage."""
_NONE: Mapping[int, int] = MappingProxyType({})
_LOOPBACK_IPV6 = bytes(8)
_LOOPBACK_IPV4 = 127
_IPV4_HOST = 4


@dataclass(slots=True, eq=False)
class _Crowd:
    """The records under one key: in any order, where each is in that order, and by source."""

    places: list[StorageKey] = field(default_factory=list)
    position: dict[StorageKey, int] = field(default_factory=dict)
    source: dict[StorageKey, Source] = field(default_factory=dict)
    of: dict[Source, dict[StorageKey, None]] = field(default_factory=dict)

    def held_by(self, source: Source) -> int:
        return len(self.of.get(source, ()))

    def add(self, where: StorageKey, source: Source) -> None:
        self.position[where] = len(self.places)
        self.source[where] = source
        self.places.append(where)
        self.of.setdefault(source, {})[where] = None

    def remove(self, where: StorageKey) -> None:
        at, last = self.position.pop(where), self.places.pop()
        if last != where:
            self.places[at] = last
            self.position[last] = at
        source = self.source.pop(where)
        mine = self.of[source]
        del mine[where]
        if not mine:
            del self.of[source]


class Crowds:
    """The crowds under the keys of one storage; ``most`` says of each kind of which many stand
    under a key how many may.

    ``fair`` are the kinds of which sources have shares and give way.  No kind is on a private
    network, where all members are trusted; nor one whose records holders bring to each other, for
    then their source is a holder.
    """

    def __init__(self, most: Mapping[int, int] = _NONE, fair: Iterable[int] = ()) -> None:
        self._most = dict(most)
        self._fair = frozenset(fair)
        self._crowds: dict[tuple[int, NodeID], _Crowd] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._crowds.clear()

    def count(self, kind: int, key: NodeID) -> int:
        """How many records stand under a key."""
        crowd = self._crowds.get((kind, key))
        return 0 if crowd is None else len(crowd.places)

    def add(self, where: StorageKey, source: Source) -> None:
        """A record is stored where none was."""
        if where.kind in self._most:
            self._crowds.setdefault(where[:2], _Crowd()).add(where, source)

    def remove(self, where: StorageKey) -> None:
        """A record is no longer stored."""
        if where.kind in self._most:
            crowd = self._crowds[where[:2]]
            crowd.remove(where)
            if not crowd.places:
                del self._crowds[where[:2]]

    def sample(
        self, kind: int, key: NodeID, count: int, random: RandomBits
    ) -> Iterator[StorageKey]:
        """At most ``count`` different ones of the places under a key, in random order: each is as
        likely as any other."""
        crowd = self._crowds.get((kind, key))
        if crowd is None:
            return
        left = list(crowd.places) if len(crowd.places) <= count else None
        drawn: set[int] = set()
        for _ in range(min(count, len(crowd.places))):
            if left is not None:
                yield left.pop(int(random.random() * len(left)))
                continue
            at = int(random.random() * len(crowd.places))
            while at in drawn:
                at = int(random.random() * len(crowd.places))
            drawn.add(at)
            yield crowd.places[at]

    def gives_way(self, where: StorageKey, source: Source) -> list[StorageKey]:
        """Who must leave so that a record of this source can be stored here: nobody, or one.

        :class:`~kadtwisted.errors.StorageFull` if it may not be stored.
        """
        most = self._most.get(where.kind)
        crowd = self._crowds.get(where[:2])
        if most is None or crowd is None:
            return []
        there = where in crowd.position
        fair = where.kind in self._fair
        if there and crowd.source[where] == source:
            return []
        held = crowd.held_by(source)
        if fair and _has_share(source) and held >= max(1, most // SHARE):
            raise StorageFull("no more records of this network are kept under this key")
        if there or len(crowd.places) < most:
            return []
        if fair:
            others = [each for each in crowd.of if each != OWN]
            largest = max(others, key=crowd.held_by, default=OWN)
            if others and crowd.held_by(largest) > held + 1:
                return [next(reversed(crowd.of[largest]))]
        raise StorageFull("as many records as may be are kept under this key")


def _has_share(source: Source) -> bool:
    if source in (OWN, UNKNOWN, _LOOPBACK_IPV6):
        return False
    return not (len(source) == _IPV4_HOST and source[0] == _LOOPBACK_IPV4)
