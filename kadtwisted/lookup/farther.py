"""Where to look for more nodes than the k closest to a key, in the order of their distance to it.

Every node names the k closest nodes that it knows, so all that are near a key name the same k.  Who
needs more, because some of these will not do, must ask about other targets.  The k nodes closest to
a target are all nodes of a block of IDs around it, and some more.  So the next target is the ID
just beyond the block, and the blocks lie one behind the other, away from the key.

Pure: it names targets, and is told what lookups of them have found.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

from kadtwisted.model.ids import NodeID

MOST_TARGETS = 8
"""MAGIC: about k more nodes are met with each target; so k are found where one node of nine will
do."""


class Farther:
    """The targets to look up after ``key``, ``MOST_TARGETS`` at most; IDs have ``bits`` bits."""

    def __init__(self, key: NodeID, k: int, bits: int) -> None:
        self._key = key
        self._k = k
        self._end = 1 << bits
        self._covered = 0
        self._left = MOST_TARGETS

    def found(self, node_ids: Iterable[NodeID]) -> None:
        """The lookup of the last target (at first: of the key) found these nodes alive."""
        target = self._key ^ self._covered
        nearest = nsmallest(self._k, (each ^ target for each in node_ids))
        if len(nearest) < self._k:
            self._covered = self._end
            return
        block = 1 << max(0, nearest[-1].bit_length() - 1)
        self._covered = (self._covered | block - 1) + 1

    def enough(self, node_ids: Iterable[NodeID]) -> bool:
        """Whether the k closest of these are the k closest of their sort: no other one can lie
        between them."""
        near = [each for each in node_ids if each ^ self._key < self._covered]
        return len(near) >= self._k

    def next(self) -> NodeID | None:
        """The next target; ``None`` if there is none, or too many were named."""
        if self._covered >= self._end or not self._left:
            return None
        self._left -= 1
        return NodeID(self._key ^ self._covered)
