"""Whose records fill the storage, and which of them give way to another.

Whoever can write may send junk.  So a holder remembers of each record from which network it came
(an IPv4 /16 or IPv6 /32, a *source*), and decides by that, before anything is written:

* A source that has its *share*, an eighth of the capacity, stores more only in place of its own
  records.
* In a full storage the farthest record gives way, whoever stored it.
* It gives way only to one that is closer to our ID.  Closer means that its key shares more leading
  bits with our ID: as coarse as k-buckets, so that records of about the same distance do not push
  out each other.  What is as close as our k-th nearest contact is close enough: anybody can make
  keys that are closer, and pushes out no record by that which we should hold.
* Our own records never give way, nor does a floor (``records/floor.py``) while its record stands.

A record that is stored again keeps its source, or a liar could make others' records its own.  What
an earlier run has left has an unknown source, which has no share.

Pure, and of the size of the storage: about 400 bytes for each record.  The farthest records are
found by shelves, one for each source and number of shared bits.  Expired ones leave by a heap, in
which an entry counts only while it is not later than its record expires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from kadtwisted.constants import DATAGRAM_LIMIT, ID_BITS
from kadtwisted.errors import StorageFull
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.networks import address_of, is_public, networks_of
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.records.crowds import OWN, UNKNOWN, Crowds, Source
from kadtwisted.records.floor import FLOOR_KIND, floor_place, floored_place

SHARE = 8
"""A source may fill an eighth of the capacity.  MAGIC: a provider that has a tenth of all nodes is
not held up; measurements of real networks would settle it."""
LEAST_SHARE = 1000
"""Records that every source may store: a small storage is for small networks, whose nodes may all
be in one network."""
LARGEST = DATAGRAM_LIMIT
"""No record has more bytes than the datagram in which it comes."""

SLACK = 64
"""Entries of the heap that no longer count but may stay, as in ``storage/memory.py``."""


class Entry(NamedTuple):
    """What is known of one record or floor."""

    source: Source
    size: int
    expires: float


class Admission(NamedTuple):
    """What admitting records has changed: which others must leave the storage first, and what was
    known of these and of the places of the new ones."""

    leaving: tuple[StorageKey, ...]
    before: tuple[tuple[StorageKey, Entry | None], ...]


@dataclass(slots=True, eq=False)
class Holding:
    """What one source has stored; on the shelves is what may give way, by its shared bits."""

    records: int = 0
    size: int = 0
    shelves: dict[int, dict[StorageKey, None]] = field(default_factory=dict)


def source_of(endpoint: Endpoint) -> Source:
    """The network that answers for what is stored from an endpoint; a host (or /64) by itself if
    its address is not public, because a whole site may live in one network."""
    host, _, provider = networks_of(address_of(endpoint.host))
    return provider if is_public(endpoint.host) else host


class Ledger:
    """The records in the storage of the node ``own_id``, which holds ``capacity`` at most.

    If it is not ``fair``, because all members trust each other, nobody has a share and nothing
    gives way.  ``close_enough`` tells how many leading bits with our ID are.  ``crowds`` knows what
    stands under keys of which many records may stand.
    """

    def __init__(
        self,
        own_id: NodeID,
        capacity: StorageUsage,
        *,
        fair: bool,
        close_enough: Callable[[], int] = lambda: ID_BITS,
        crowds: Crowds | None = None,
    ) -> None:
        self.crowds = Crowds() if crowds is None else crowds
        self._own_id = own_id
        self._capacity = capacity
        self._fair = fair
        self._close_enough = close_enough
        self._share = StorageUsage(
            max(LEAST_SHARE, capacity.records // SHARE),
            max(LEAST_SHARE * LARGEST, capacity.size // SHARE),
        )
        self._entries: dict[StorageKey, Entry] = {}
        self._holdings: dict[Source, Holding] = {}
        self._on_shelf: dict[int, dict[Source, None]] = {}
        self._expiry: list[tuple[float, StorageKey]] = []
        self._size = 0
        self._floors = StorageUsage(0, 0)

    def clear(self) -> None:
        """Forget everything: the storage is looked through anew."""
        self.crowds.clear()
        self._entries.clear()
        self._holdings.clear()
        self._on_shelf.clear()
        self._expiry.clear()
        self._size = 0
        self._floors = StorageUsage(0, 0)

    # --- What is there -----------------------------------------------------------------------

    def usage(self) -> StorageUsage:
        """Everything that takes room, floors too."""
        return StorageUsage(len(self._entries), self._size)

    def floors(self) -> StorageUsage:
        """How much of it are floors, which nobody stored."""
        return self._floors

    @property
    def capacity(self) -> StorageUsage:
        """How much the storage holds at most."""
        return self._capacity

    def is_full(self) -> bool:
        """Whether one more record of the largest size would not fit."""
        return not self._fits(_Needs(1, LARGEST), _Clearing({}))

    def source(self, where: StorageKey) -> Source | None:
        """Who stored the record at this place; ``None`` if there is none."""
        entry = self._entries.get(where)
        return None if entry is None else entry.source

    def holding(self, source: Source) -> StorageUsage:
        """How much a source has stored."""
        holding = self._holdings.get(source)
        return (
            StorageUsage(0, 0) if holding is None else StorageUsage(holding.records, holding.size)
        )

    def sources(self) -> Iterator[tuple[Source, int]]:
        """All sources, each with its number of records and floors."""
        return ((source, each.records) for source, each in self._holdings.items())

    def places(self, source: Source) -> Iterator[StorageKey]:
        """Where the records of a source are, in no useful order."""
        holding = self._holdings.get(source, Holding())
        shelves = holding.shelves.values()
        return (where for shelf in shelves for where in shelf if where.kind != FLOOR_KIND)

    # --- What changes ------------------------------------------------------------------------

    def note(self, record: StoredRecord, source: Source) -> None:
        """A record or floor is stored, in place of what was at its place."""
        self._put_in(record.where, Entry(source, len(record.data), record.expires))

    def forget(self, where: StorageKey) -> None:
        """Nothing is stored at this place any more."""
        if where not in self._entries:
            return
        self._take_out(where)
        if where.kind != FLOOR_KIND and floor_place(where) in self._entries:
            self._shelve(floor_place(where))  # it may give way now
        self._sweep()

    def expire(self, now: float) -> None:
        """Forget what has expired."""
        while self._expiry and self._expiry[0][0] <= now:
            _, where = heappop(self._expiry)
            entry = self._entries.get(where)
            if entry is not None and entry.expires <= now:
                self.forget(where)
            elif entry is not None:
                heappush(self._expiry, (entry.expires, where))

    def admit(self, records: Sequence[StoredRecord], source: Source) -> Admission:
        """Some records of one key, floors among them, are about to be stored; whoever gives way to
        them is forgotten here already.

        :class:`~kadtwisted.errors.StorageFull` if they may not be stored; then nothing has changed.
        """
        crowded_out = self.crowds.gives_way(records[-1].where, source)
        leaving = self._gives_way(records, source, crowded_out) if self._fair else crowded_out
        touched = [*leaving, *(each.where for each in records)]
        before = tuple((where, self._entries.get(where)) for where in touched)
        for where in leaving:
            self.forget(where)
        for each in records:
            self.note(each, source)
        return Admission(tuple(leaving), before)

    def undo(self, admission: Admission) -> None:
        """Nothing came of it: all is as it was before."""
        for where, entry in reversed(admission.before):
            if entry is None:
                self.forget(where)
            else:
                self._put_in(where, entry)

    # --- Who gives way -----------------------------------------------------------------------

    def _gives_way(
        self, records: Sequence[StoredRecord], source: Source, crowded_out: Sequence[StorageKey]
    ) -> list[StorageKey]:
        """The places that must become free, beside those of records that are crowded out."""
        held = [self._entries[each.where] for each in records if each.where in self._entries]
        needs = _needs(records, held)
        nearer = self._shared_bits(records[0].where.key)
        clearing = _Clearing(dict.fromkeys(each.where for each in records))
        for where in crowded_out:
            clearing.add(where, self._entries[where])
        if source not in (OWN, UNKNOWN):
            grows = _needs(records, [each for each in held if each.source == source])
            for where in self._farthest_of(source, nearer):
                if self._within_share(source, grows, clearing):
                    break
                clearing.add(where, self._entries[where])
            if not self._within_share(source, grows, clearing):
                raise StorageFull("the storage keeps no more from this network")
        if self._fits(needs, clearing):
            return list(clearing.places)  # the usual case
        for where in self._first_to_leave(min(nearer, self._close_enough())):
            clearing.add(where, self._entries[where])
            if self._fits(needs, clearing):
                break
        if not self._fits(needs, clearing):
            raise StorageFull("the storage is full of records that are as close, or closer")
        return list(clearing.places)

    def _within_share(self, source: Source, grows: _Needs, clearing: _Clearing) -> bool:
        """Whether a source has its share at most; or what it had, if that was more."""
        had, share = self.holding(source), self._share
        records = had.records + grows.records - clearing.records
        size = had.size + grows.size - clearing.size
        return records <= max(had.records, share.records) and size <= max(had.size, share.size)

    def _fits(self, needs: _Needs, clearing: _Clearing) -> bool:
        records = len(self._entries) + needs.records - clearing.records
        size = self._size + needs.size - clearing.size
        return records <= self._capacity.records and size <= self._capacity.size

    def _first_to_leave(self, nearer: int) -> Iterator[StorageKey]:
        """What gives way to a record that shares so many bits with our ID, in order."""
        for bits in sorted(each for each in self._on_shelf if each < nearer):
            # Whoever has most is the first to lose.
            crowd = sorted(self._on_shelf[bits], key=self._records_of, reverse=True)
            for source in crowd:
                yield from reversed(self._holdings[source].shelves[bits])

    def _records_of(self, source: Source) -> int:
        return self._holdings[source].records

    def _farthest_of(self, source: Source, nearer: int) -> Iterator[StorageKey]:
        """What a source has stored that shares fewer bits with our ID, the farthest first; of one
        shelf the newest first, which costs no search."""
        holding = self._holdings.get(source, Holding())
        for bits in sorted(each for each in holding.shelves if each < nearer):
            yield from reversed(holding.shelves[bits])

    def _shared_bits(self, key: NodeID) -> int:
        return ID_BITS - (key ^ self._own_id).bit_length()

    # --- Books -------------------------------------------------------------------------------

    def _put_in(self, where: StorageKey, entry: Entry) -> None:
        old = self._entries.get(where)
        if old is not None:
            self._take_out(where)
        self._entries[where] = entry
        holding = self._holdings.setdefault(entry.source, Holding())
        self._count(holding, where, 1, entry)
        self.crowds.add(where, entry.source)
        if where.kind != FLOOR_KIND:
            self._unshelve(floor_place(where))
        if where.kind != FLOOR_KIND or floored_place(where) not in self._entries:
            self._shelve(where)
        if old is None or entry.expires < old.expires:
            heappush(self._expiry, (entry.expires, where))
            self._sweep()

    def _take_out(self, where: StorageKey) -> None:
        self._unshelve(where)
        entry = self._entries.pop(where)
        holding = self._holdings[entry.source]
        self._count(holding, where, -1, entry)
        self.crowds.remove(where)
        if not holding.records:
            del self._holdings[entry.source]

    def _count(self, holding: Holding, where: StorageKey, one: int, entry: Entry) -> None:
        size = one * entry.size
        holding.records += one
        holding.size += size
        self._size += size
        if where.kind == FLOOR_KIND:
            self._floors = StorageUsage(self._floors.records + one, self._floors.size + size)

    def _shelve(self, where: StorageKey) -> None:
        source, bits = self._entries[where].source, self._shared_bits(where.key)
        self._holdings[source].shelves.setdefault(bits, {})[where] = None
        if source != OWN:
            self._on_shelf.setdefault(bits, {})[source] = None

    def _unshelve(self, where: StorageKey) -> None:
        entry = self._entries.get(where)
        if entry is None:
            return
        bits = self._shared_bits(where.key)
        shelves = self._holdings[entry.source].shelves
        shelf = shelves.get(bits, {})
        if where not in shelf:
            return
        del shelf[where]
        if shelf:
            return
        del shelves[bits]
        if entry.source != OWN:
            sources = self._on_shelf[bits]
            del sources[entry.source]
            if not sources:
                del self._on_shelf[bits]

    def _sweep(self) -> None:
        if len(self._expiry) > 2 * len(self._entries) + SLACK:
            self._expiry = [(each.expires, where) for where, each in self._entries.items()]
            heapify(self._expiry)


class _Needs(NamedTuple):
    """How many records and bytes more."""

    records: int
    size: int


def _needs(records: Sequence[StoredRecord], held: Sequence[Entry]) -> _Needs:
    """What these records need beside those whose places they take."""
    size = sum(len(each.data) for each in records) - sum(each.size for each in held)
    return _Needs(len(records) - len(held), size)


class _Clearing:
    """What would leave; ``kept`` are places that must not."""

    def __init__(self, kept: dict[StorageKey, None]) -> None:
        self._kept = kept
        self.places: dict[StorageKey, None] = {}
        self.records = 0
        self.size = 0

    def add(self, where: StorageKey, entry: Entry) -> None:
        """One more leaves."""
        if where not in self._kept and where not in self.places:
            self.places[where] = None
            self.records += 1
            self.size += entry.size
