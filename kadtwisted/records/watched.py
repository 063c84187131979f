"""What a watch knows of the records of one kind under one key, and what it has to tell.

Records come from holders that tell of changes, from searches, and from this node's own storage, in
any order and several times each.  Here is decided which of them are news:

* A record is judged as a search judges it (:mod:`~kadtwisted.records.findings`): its bytes, its
  signature, its place.  One from the future, by our clock, is no news from a single holder; a
  search has to tell whether most holders have it.
* At each place a record is news only if it supersedes the last one: so nothing is told twice, and
  nothing older than what was told.
* A record whose time is over is told to be gone.  The caller first searches whether it has more.

Bounded: as many places as a holder keeps records of this kind under one key.  With more, what has
gone is forgotten, the first of these first; if nothing has gone, further records are no news.
Pure: ``now`` is in seconds of a monotonic clock, ``unix_now`` in Unix seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import Final

from kadtwisted.errors import ClockSkew, InvalidRecord
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey
from kadtwisted.model.results import Change
from kadtwisted.records.kinds import RecordKind
from kadtwisted.records.lifetime import remaining_at

JUDGED: Final = 32
"""Records that are judged once, however many holders tell of them: a change comes from each."""


class Verdict(Enum):
    """What a record is to a watch."""

    NEWS = "news"
    KNOWN = "known"
    """It was told, or an older one."""
    DOUBTFUL = "doubtful"
    """From the future: a search has to tell."""
    INVALID = "invalid"


@dataclass(slots=True)
class _Known:
    """The last record at a place; it stands until ``expires``, or is ``gone``."""

    data: bytes
    expires: float
    gone: bool


class Watched:
    """The records of the kind with these ``rules`` under ``key``.

    ``longest`` is the most seconds that any record has left on this network.
    """

    def __init__(self, rules: RecordKind, key: NodeID, longest: float) -> None:
        self.rules = rules
        self.place = (rules.number, key)
        self._longest = longest
        self._known: dict[StorageKey, _Known] = {}
        self._judged: OrderedDict[bytes, StorageKey | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    # --- What comes --------------------------------------------------------------------------

    def take(
        self, data: bytes, remaining: float, now: float, unix_now: float
    ) -> tuple[Verdict, Change | None]:
        """A single holder says that a record stands, with so many seconds left; the change, if it
        is news."""
        where = self._place_of(data)
        if where is None or remaining <= 0:
            return Verdict.INVALID, None
        known = self._known.get(where)
        if known is None or known.data != data:
            try:
                self.rules.check(data, unix_now)
            except ClockSkew:
                return Verdict.DOUBTFUL, None
        return self.found(where, data, remaining, now)

    def found(
        self, where: StorageKey, data: bytes, remaining: float, now: float
    ) -> tuple[Verdict, Change | None]:
        """As :meth:`take`, of a record that was judged before."""
        expires = now + min(remaining, self._longest, self.rules.longest(data))
        known = self._known.get(where)
        if known is not None and known.data == data and not known.gone:
            known.expires = max(known.expires, expires)
            return Verdict.KNOWN, None
        if known is None and not self._has_room():
            return Verdict.KNOWN, None
        if known is not None and not self._goes_on(data, known.data):
            return Verdict.KNOWN, None
        self._known[where] = _Known(data, expires, gone=False)
        return Verdict.NEWS, self._change(where, now)

    def _goes_on(self, data: bytes, last: bytes) -> bool:
        """Whether a record may follow the last one at its place."""
        return data == last or self.rules.supersedes(data, last)

    def _place_of(self, data: bytes) -> StorageKey | None:
        """Where a record belongs, if it is valid and belongs here."""
        if data not in self._judged:
            self._judged[data] = self._judge(data)
            if len(self._judged) > JUDGED:
                self._judged.popitem(last=False)
        return self._judged[data]

    def _judge(self, data: bytes) -> StorageKey | None:
        try:
            where = self.rules.identify(data)
        except InvalidRecord:
            return None
        return where if where[:2] == self.place else None

    def _has_room(self) -> bool:
        if len(self._known) < self.rules.most:
            return True
        gone = next((where for where, each in self._known.items() if each.gone), None)
        if gone is None:
            return False
        del self._known[gone]
        return True

    # --- What there is -----------------------------------------------------------------------

    def version(self) -> bytes:
        """The version of the one record that stands, empty if none does or if there may be many."""
        if self.rules.many:
            return b""
        standing = [each.data for each in self._known.values() if not each.gone]
        return self.rules.version(standing[0]) if standing else b""

    def state(self, now: float) -> list[Change]:
        """What stands now, in the order of places; one that says that nothing does, if so."""
        standing = [where for where in sorted(self._known) if not self._known[where].gone]
        if not standing:
            return [Change(StorageKey(*self.place))]
        return [self._change(where, now) for where in standing]

    def _change(self, where: StorageKey, now: float) -> Change:
        known = self._known[where]
        left = remaining_at(known.expires, now)
        return Change(where, self.rules.decode(known.data), known.data, left)

    # --- Whose time is over ------------------------------------------------------------------

    def next_end(self) -> float | None:
        """When the time of a record is over, of the first one; ``None`` if none stands."""
        ends = [each.expires for each in self._known.values() if not each.gone]
        return min(ends, default=None)

    def ended(self, now: float) -> list[Change]:
        """Those whose time is over: nothing stands there any more."""
        over = [w for w, each in self._known.items() if not each.gone and each.expires <= now]
        for where in over:
            known = self._known.pop(where)
            known.gone = True
            self._known[where] = known  # the last to be forgotten
        return [Change(where) for where in over if not self._was_deleted(where)]

    def _was_deleted(self, where: StorageKey) -> bool:
        """Whether a tombstone stood there: that it is gone was told when it came."""
        return bool(getattr(self.rules.decode(self._known[where].data), "deleted", False))
