"""One k-bucket: at most k entries, and a bounded replacement cache of contacts without a place.

The rules of this file (Maymounkov and Mazieres 2002, sections 2.2, 2.4 and 4.1):

* An entry keeps its place.  Only two kinds of entry give way to a verified newcomer: tentative
  ones, the one with the longest silence first, and surplus ones (see ``diversity``), the latest
  arrival first.
* A newcomer without a place waits in the replacement cache.  The newest candidate is the first to
  move up.  The oldest one is forgotten when the cache overflows.
* A place that becomes free goes at once to a candidate that may have it.  So candidates wait at a
  full bucket; at a bucket with room, only candidates wait that would be surplus.

A bucket does not know which range it covers: that follows from its place in the table.  It keeps no
list in the order of last sight: the few questions about that look through at most k entries.
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

        The replacement cache is divided in the same way.  The half that the last lookup went
        through remembers it; the other half counts as never looked up.
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

        A newcomer that does not fit (``fits``) is surplus itself: it gets the place of an entry
        only that is both tentative and surplus.
        """
        tentative = [each for each in self.entries if each.tentative and (fits or each.surplus)]
        if tentative or not fits:
            return min(tentative, key=_last_seen, default=None)
        return max([e for e in self.entries if e.surplus], key=_first_seen, default=None)

    def stalest(self, wanted: Callable[[Entry], bool]) -> Entry | None:
        """Of the entries that are ``wanted``, the one with the longest silence."""
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
