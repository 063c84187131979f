"""Which contacts of a table are passed on, and in which order: their IDs, sorted, in three groups.

* *Verified* ones are passed on, suspects too, until they are dropped.
* *Tentative* ones only fill up what is missing.
* *Withheld* ones, displaced ones among them, are never passed on; lookups of our own may start
  from them.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from kadtwisted.model.ids import NodeID
from kadtwisted.routing.liveness import Entry
from kadtwisted.routing.nearest import count_nearer, nearest


class Groups:
    """The IDs of the entries of one table."""

    __slots__ = ("tentative", "verified", "withheld")

    def __init__(self) -> None:
        self.verified: list[NodeID] = []
        self.tentative: list[NodeID] = []
        self.withheld: list[NodeID] = []

    def add(self, entry: Entry) -> None:
        """List an entry in the group that it says."""
        insort(self._of(entry), entry.contact.node_id)

    def remove(self, entry: Entry) -> None:
        """An entry is listed no more."""
        ids = self._of(entry)
        del ids[bisect_left(ids, entry.contact.node_id)]

    def regroup(
        self, entry: Entry, *, tentative: bool, withheld: bool = False, displaced: bool = False
    ) -> None:
        """Move a listed entry to another group."""
        self.remove(entry)
        entry.tentative, entry.withheld, entry.displaced = tentative, withheld, displaced
        self.add(entry)

    def passed_on(self, target: NodeID, wanted: int) -> list[NodeID]:
        """Exactly the closest verified ones, closest first; only if there are not enough of them,
        the closest tentative ones follow, closest first."""
        found = nearest(self.verified, target, wanted)
        if len(found) < wanted and self.tentative:
            found += nearest(self.tentative, target, wanted - len(found))
        return found

    def to_ask(self, target: NodeID, wanted: int) -> list[NodeID]:
        """As :meth:`passed_on`, with the withheld ones among them."""
        found = self.passed_on(target, wanted)
        if self.withheld:
            found += nearest(self.withheld, target, wanted)
            found = sorted(found, key=target.__xor__)[:wanted]
        return found

    def nearer(self, target: NodeID, distance: int) -> int:
        """How many verified ones are nearer to ``target`` than this."""
        return count_nearer(self.verified, target, distance)

    def _of(self, entry: Entry) -> list[NodeID]:
        if entry.withheld or entry.displaced:
            return self.withheld
        return self.tentative if entry.tentative else self.verified
