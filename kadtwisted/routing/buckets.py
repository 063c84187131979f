"""The k-buckets of one table: which part of the ID space each covers, and when one is split.

The rules of this file (Maymounkov and Mazieres 2002, sections 2.2 and 2.4):

* Bucket ``i`` covers the IDs that share exactly ``i`` leading bits with our own; the last bucket
  covers all that share at least as many, our own ID among them.  At first there is one bucket.
* Only the last bucket is ever split, and only when it is full: so buckets exist only where there
  are nodes.  A full bucket far from our own ID is not split, however many nodes its range has.
* The paper's relaxed splitting (section 2.4, for unbalanced trees) and its split every ``b`` bits
  (section 4.2, for fewer hops) are not used: IDs are hashes, so the tree is balanced, and more
  buckets far away would only mean more contacts to ping.  The price: the table alone may not know
  all of the k nodes closest to our own ID.  A caller who needs all of them makes a lookup.
* Buckets are never merged, so the index of a bucket that is not the last always covers the same
  range.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kadtwisted.model.ids import NodeID, RandomBits, common_prefix, random_id_with_prefix
from kadtwisted.routing.kbucket import KBucket
from kadtwisted.routing.liveness import Entry


class BucketView(NamedTuple):
    """A bucket from outside: it covers the IDs that share the first ``length`` bits of ``prefix``.

    ``replacements`` counts its replacement cache; ``last_lookup`` is the moment a lookup last went
    through it, minus infinity if none did.
    """

    prefix: NodeID
    length: int
    entries: tuple[Entry, ...]
    replacements: int
    last_lookup: float


class Buckets:
    """The buckets around ``own_id``, farthest first, of IDs with ``bits`` bits; ``k`` entries make
    one full."""

    __slots__ = ("_bits", "_buckets", "_k", "_own_id")

    def __init__(self, own_id: NodeID, bits: int, k: int) -> None:
        self._own_id = own_id
        self._bits = bits
        self._k = k
        self._buckets = [KBucket()]

    def __len__(self) -> int:
        return len(self._buckets)

    def __iter__(self) -> Iterator[KBucket]:
        return iter(self._buckets)

    def of(self, node_id: NodeID) -> KBucket:
        """The bucket whose range holds the ID."""
        return self._buckets[min(self._shared(node_id), len(self._buckets) - 1)]

    def has_room(self, node_id: NodeID) -> bool:
        """Whether a place is free for a new entry with this ID, maybe after splitting."""
        entries = self.of(node_id).entries
        if len(entries) < self._k:
            return True
        shared = self._shared(node_id)
        if shared < len(self._buckets) - 1:
            return False
        # Splitting makes room unless all entries end up in the same bucket as the newcomer.
        return any(self._shared(each.contact.node_id) != shared for each in entries)

    def split_for(self, node_id: NodeID) -> KBucket:
        """The bucket for a new entry, after splitting the last one until there is room.

        This ends: the range of a bucket at depth ``bits - 1`` is our own ID and one other.
        """
        buckets = self._buckets
        while len(buckets[-1].entries) >= self._k and self._shared(node_id) >= len(buckets) - 1:
            buckets.append(buckets[-1].split(self._is_beyond))
        return self.of(node_id)

    def range_of(self, index: int) -> tuple[NodeID, int]:
        """Prefix (its other bits zero) and prefix length of a bucket; ``IndexError`` if there is
        no such bucket."""
        last = len(self._buckets) - 1
        if not 0 <= index <= last:
            raise IndexError(f"no bucket {index}: there are {last + 1}")
        # All but the last bucket differ from our own ID in the last bit of their prefix.
        differs = index < last
        length = index + differs
        free = self._bits - length
        return NodeID((self._own_id >> free ^ differs) << free), length

    def views(self) -> list[BucketView]:
        """Every bucket from outside, farthest first; their ranges are the whole space."""
        return [
            BucketView(
                *self.range_of(index),
                tuple(each.entries),
                len(each.candidates),
                each.last_lookup,
            )
            for index, each in enumerate(self._buckets)
        ]

    def random_id_in(self, index: int, random: RandomBits) -> NodeID:
        """An ID drawn evenly from a bucket's range; ``IndexError`` if there is no such bucket."""
        return random_id_with_prefix(random, *self.range_of(index), self._bits)

    def _shared(self, node_id: NodeID) -> int:
        return common_prefix(self._own_id, node_id, self._bits)

    def _is_beyond(self, node_id: NodeID) -> bool:
        """Whether the ID moves to the new last bucket when the present last one is split."""
        return self._shared(node_id) >= len(self._buckets)
