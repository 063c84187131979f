"""What a watch knows of the records of one kind under one key, and what it has to tell.

Records come from holders that tell of changes, from searches, and from this node's own storage, in
any order and several times each.  Here is decided which of them are news:

* A record is judged as a search judges it (:mod:`~kadtwisted.records.findings`): its bytes, its
  signature, its place.  One from the future, by our clock, is no news from a single holder; a
  search has to tell whether most holders have it.
* At each place a record is news only if it supersedes the last one: so nothing is told twice, and
  nothing older than what was told.
* A record whose time is over is told to be gone.  The caller first searches whether it has more:
  a single holder that says so is not believed.

Bounded: as many places as a holder keeps records of this kind under one key.  With more, what has
gone is forgotten, the first of these first, then what was deleted; if there is neither, further
records are no news.  A part of the places at most is taken by records of which one holder alone
told: a liar does not keep out what others tell.
Pure: ``now`` is in seconds of a monotonic clock, ``unix_now`` in Unix seconds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
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

A_SOURCE: Final = 8
A_SOURCE_AT_LEAST: Final = 32
"""MAGIC: one holder alone fills at most an eighth of the places, but so many at least: a watch has
eight holders that tell.  How many changes come between two searches would settle it."""


class Verdict(Enum):
    """What a record is to a watch."""

    NEWS = "news"
    KNOWN = "known"
    """It was told, or an older one."""
    DOUBTFUL = "doubtful"
    """From the future: a search has to tell."""
    CROWDED = "crowded"
    """One holder alone has told of too many: a search has to tell."""
    INVALID = "invalid"


@dataclass(slots=True)
class _Known:
    """The last record at a place; it stands until ``expires``, or is ``gone``.

    ``source`` is the holder that alone told of this place, if it did.
    """

    data: bytes
    expires: float
    gone: bool
    source: Hashable | None


class Watched:
    """The records of the kind with these ``rules`` under ``key``.

    ``longest`` is the most seconds that any record has left on this network.
    """

    def __init__(self, rules: RecordKind, key: NodeID, longest: float) -> None:
        self.rules = rules
        self.place = (rules.number, key)
        self._longest = longest
        self._known: dict[StorageKey, _Known] = {}
        self._share = max(A_SOURCE_AT_LEAST, rules.most // A_SOURCE)
        self._sources: Counter[Hashable] = Counter()
        self._judged: OrderedDict[bytes, StorageKey | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    # --- What comes --------------------------------------------------------------------------

    def take(
        self,
        data: bytes,
        remaining: float,
        now: float,
        unix_now: float,
        source: Hashable | None = None,
    ) -> tuple[Verdict, Change | None]:
        """A single holder, ``source``, says that a record stands, with so many seconds left; the
        change, if it is news.  Without a ``source`` it is this node itself."""
        where = self._place_of(data)
        if where is None or remaining <= 0:
            return Verdict.INVALID, None
        known = self._known.get(where)
        if known is not None and not self._goes_on(data, known.data):
            return Verdict.KNOWN, None
        if self.is_doubtful(data, unix_now):
            return Verdict.DOUBTFUL, None
        if known is not None and known.data == data and not known.gone and source is not None:
            return Verdict.KNOWN, None  # it may lie about the time that is left
        return self._put(where, data, self._end_of(data, remaining, now), now, source)

    def is_doubtful(self, data: bytes, unix_now: float) -> bool:
        """Whether a record would be news, but is from the future."""
        where = self._place_of(data)
        if where is None:
            return False
        known = self._known.get(where)
        if known is not None and (known.data == data or not self._goes_on(data, known.data)):
            return False
        try:
            self.rules.check(data, unix_now)
        except ClockSkew:
            return True
        return False

    def found(
        self,
        where: StorageKey,
        data: bytes,
        remaining: float,
        now: float,
        source: Hashable | None = None,
    ) -> tuple[Verdict, Change | None]:
        """A search has found a record, which was judged; at ``source`` alone, if that is given."""
        expires = self._end_of(data, remaining, now)
        known = self._known.get(where)
        if known is not None and known.data == data and not known.gone:
            known.expires = expires
        return self._put(where, data, expires, now, source)

    def _end_of(self, data: bytes, remaining: float, now: float) -> float:
        return now + min(remaining, self._longest, self.rules.longest(data))

    def _put(
        self, where: StorageKey, data: bytes, expires: float, now: float, source: Hashable | None
    ) -> tuple[Verdict, Change | None]:
        known = self._known.get(where)
        if known is not None and source is None:
            self._vouch(known)
        if known is not None and known.data == data and not known.gone:
            known.expires = max(known.expires, expires)
            return Verdict.KNOWN, None
        if known is not None and not self._goes_on(data, known.data):
            return Verdict.KNOWN, None
        if known is None or known.gone:
            if source is not None and self._sources[source] >= self._share:
                return Verdict.CROWDED, None
            if known is None and not self._has_room():
                return Verdict.KNOWN, None
            if source is not None:
                self._sources[source] += 1
        else:
            source = known.source
        self._known[where] = _Known(data, expires, gone=False, source=source)
        return Verdict.NEWS, self._change(where, now)

    def _vouch(self, known: _Known) -> None:
        """A place counts for no single holder any more."""
        source, known.source = known.source, None
        if source is not None:
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]

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
            gone = next((where for where in self._known if self._was_deleted(where)), None)
        if gone is None:
            return False
        self._vouch(self._known.pop(gone))
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
            self._vouch(known)
            self._known[where] = known  # the last to be forgotten
        return [Change(where) for where in over if not self._was_deleted(where)]

    def _was_deleted(self, where: StorageKey) -> bool:
        """Whether a tombstone stood there: that it is gone was told when it came."""
        return bool(getattr(self.rules.decode(self._known[where].data), "deleted", False))
