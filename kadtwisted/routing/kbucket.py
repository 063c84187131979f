"""One k-bucket: at most k entries, and a bounded replacement cache of those who found no place.

The rules of this file (Maymounkov and Mazieres 2002, sections 2.2, 2.4 and 4.1):

* Whoever is in keeps the place; only two kinds of entry give way to a verified newcomer: tentative
  ones, the one not heard of for the longest first, and surplus ones (see ``diversity``), the one
  that came last first.
* A newcomer without a place waits in the replacement cache; the newest candidate is the first to
  move up, the oldest is forgotten when the cache overflows.
* A place that becomes free is filled at once by a candidate that may have it.  So candidates wait
  at a full bucket; at one with room, only those that would be surplus.

A bucket does not know which range it covers: that follows from its place in the table.  Order of
last sight is not kept as a list; the few questions about it look through at most k entries.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from kadtwisted.model.ids import NodeID
from kadtwisted.routing.liveness import NEVER, Entry

_first_seen = attrgetter("first_seen")
_last_seen = attrgetter("last_seen")


class KBucket:
    """Entries of one range, their replacement cache, and when a lookup last went through it.

    ``last_lookup`` is :data:`~kadtwisted.routing.liveness.NEVER` until the first one.
    """

    __slots__ = ("candidates", "entries", "last_lookup", "last_target")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.candidates: dict[NodeID, Entry] = {}
        self.last_lookup = NEVER
        self.last_target: NodeID | None = None

    def split(self, moves: Callable[[NodeID], bool]) -> KBucket:
        """Give every entry whose ID ``moves`` to a new bucket, and return that.

        The replacement cache is divided likewise.  The half that the last lookup went through
        remembers it; the other one counts as never visited.
        """
        other = KBucket()
        waiting, self.candidates = self.candidates, {}
        for node_id, each in waiting.items():
            (other if moves(node_id) else self).candidates[node_id] = each
        other.entries = [each for each in self.entries if moves(each.contact.node_id)]
        self.entries = [each for each in self.entries if not moves(each.contact.node_id)]
        if self.last_target is not None and moves(self.last_target):
            other.looked_up(self.last_target, self.last_lookup)
            self.last_target, self.last_lookup = None, NEVER
        return other

    def looked_up(self, target: NodeID, now: float) -> None:
        """Note a lookup for a target in this bucket's range."""
        self.last_target = target
        self.last_lookup = now

    def gives_way(self, *, fits: bool) -> Entry | None:
        """The entry whose place a verified newcomer gets: a tentative one, else a surplus one.

        Unless the newcomer ``fits``, it is surplus itself and gets that of tentative surplus only.
        """
        tentative = [each for each in self.entries if each.tentative and (fits or each.surplus)]
        if tentative or not fits:
            return min(tentative, key=_last_seen, default=None)
        return max([e for e in self.entries if e.surplus], key=_first_seen, default=None)

    def stalest(self, wanted: Callable[[Entry], bool]) -> Entry | None:
        """Of the entries ``wanted``, the one not heard of for the longest."""
        return min(filter(wanted, self.entries), key=_last_seen, default=None)

    def wait(self, entry: Entry, capacity: int) -> None:
        """Put an entry at the end of the replacement cache, which keeps the newest ``capacity``."""
        node_id = entry.contact.node_id
        self.candidates.pop(node_id, None)
        self.candidates[node_id] = entry
        if len(self.candidates) > capacity:
            del self.candidates[next(iter(self.candidates))]

    def newest_candidate(self, may_enter: Callable[[Entry], bool]) -> Entry | None:
        """Take the newest candidate that ``may_enter`` out of the replacement cache."""
        for node_id, each in reversed(self.candidates.items()):
            if may_enter(each):
                del self.candidates[node_id]
                return each
        return None
