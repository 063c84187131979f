"""Records in memory: lost when the process ends, bounded in number and in bytes.

When there is no room, expired records give way, the earliest first, and no others; if that is not
enough, a put fails with :class:`~kadtwisted.errors.StorageFull`.  It never looks into the data, its
caller tells it the time, and every Deferred has fired when it is returned.

The expiry heap has entries ``(expires, where)``.  An entry counts only while the record at
``where`` still expires at that moment.  The other entries are removed before they outnumber the
records.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from kadtwisted.interfaces import IStorage
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.capacity import Capacity, no_room

if TYPE_CHECKING:
    from kadtwisted.model.ids import NodeID

_SLACK = 64
"""MAGIC: entries that no longer count but may stay; settled by a profile of a nearly empty
storage."""


@implementer(IStorage)
class MemoryStorage:
    """At most ``max_records`` records with at most ``max_bytes`` bytes of data in all.

    Bounds that are not positive are a :class:`~kadtwisted.errors.ConfigurationError`.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records, self._max_bytes = Capacity.checked(max_records, max_bytes)
        self._records: dict[StorageKey, StoredRecord] = {}
        self._order: list[StorageKey] = []
        self._expiry: list[tuple[float, StorageKey]] = []
        self._size = 0

    def open(self) -> Deferred[None]:
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Forget everything."""
        self._records.clear()
        self._order.clear()
        self._expiry.clear()
        self._size = 0
        return succeed(None)

    def get(self, kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        found: list[StoredRecord] = []
        order, records = self._order, self._records
        for at in range(bisect_left(order, (kind, key, b"")), len(order)):
            where = order[at]
            if where[1] != key or where[0] != kind:
                break
            record = records[where]
            if record[2] > now:  # when it expires
                found.append(record)
        return succeed(found)

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        if not self._make_room(record, now):
            return fail(no_room(len(record.data), StorageUsage(len(self._records), self._size)))
        self._store(record)
        return succeed(None)

    def remove(self, where: StorageKey) -> Deferred[bool]:
        there = where in self._records
        if there:
            self._forget(where)
        return succeed(there)

    def expire(self, now: float, limit: int) -> Deferred[int]:
        count = 0
        while count < limit and self._forget_expired(now):
            count += 1
        return succeed(count)

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        start = 0 if after is None else bisect_right(self._order, after)
        return succeed([self._records[where] for where in self._order[start : start + limit]])

    def usage(self) -> Deferred[StorageUsage]:
        return succeed(StorageUsage(len(self._records), self._size))

    def heap_size(self) -> int:
        """All entries of the expiry heap: at most 2 x records + 64."""
        return len(self._expiry)

    def _make_room(self, record: StoredRecord, now: float) -> bool:
        if len(record.data) > self._max_bytes:
            return False  # it would not fit into an empty storage
        while not self._fits(record):
            if not self._forget_expired(now):
                return False
        return True

    def _fits(self, record: StoredRecord) -> bool:
        old = self._records.get(record.where)
        records = len(self._records) + (old is None)
        size = self._size + len(record.data) - (len(old.data) if old else 0)
        return records <= self._max_records and size <= self._max_bytes

    def _store(self, record: StoredRecord) -> None:
        where = record.where
        old = self._records.get(where)
        if old is None:
            insort(self._order, where)
        else:
            self._size -= len(old.data)
        self._records[where] = record
        self._size += len(record.data)
        if old is None or old.expires != record.expires:
            heappush(self._expiry, (record.expires, where))
            self._sweep()

    def _forget(self, where: StorageKey) -> None:
        self._size -= len(self._records.pop(where).data)
        del self._order[bisect_left(self._order, where)]
        self._sweep()

    def _forget_expired(self, now: float) -> bool:
        """Forget the record that expired first; False if none has."""
        while self._expiry and self._expiry[0][0] <= now:
            expires, where = heappop(self._expiry)
            record = self._records.get(where)
            if record is not None and record.expires == expires:
                self._forget(where)
                return True
        return False

    def _sweep(self) -> None:
        if len(self._expiry) > 2 * len(self._records) + _SLACK:
            self._expiry = [(each.expires, where) for where, each in self._records.items()]
            heapify(self._expiry)
