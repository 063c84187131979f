"""How records lie in an LMDB file, and one batch of changes to them.

There are three sub-databases:

* ``records``: kind (1 byte), key (20 bytes, big-endian), sub -> expires (8 bytes), arrived (8
  bytes), data.  So the order of the bytes is that of `StorageKey`.
* ``expiry``: the same expires, then the record's key -> nothing.  So the first entry is the record
  that expires first.
* ``meta``: the format, the bytes of all data, the anchor of the time line.

Moments are microseconds on the storage's time line, unsigned and big-endian, so their bytes compare
as the moments do.

A :class:`Batch` works inside a write transaction and never begins, commits or ends one.  It keeps
within the capacity as the storage in memory does: expired records give way, the earliest first, and
no others; a put that finds no room changes no record that has not expired.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from kadtwisted.errors import StorageError, StorageFull
from kadtwisted.model.ids import ID_BYTES, id_from_bytes, id_to_bytes
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.capacity import Capacity, no_room
from kadtwisted.storage.changes import Expire, Put, RecordChange, Remove
from kadtwisted.storage.timeline import Anchor, Timeline

if TYPE_CHECKING:
    from lmdb import Transaction

MAX_SUB = 255
"""LMDB's keys have at most 511 bytes; one of ours in ``expiry`` has 29 bytes before the sub."""
MAX_KIND = 255

FORMAT_STEM = b"kad-records-"
FORMAT = FORMAT_STEM + b"1"
"""Read before anything else of a file; another layout gets another number."""
FORMAT_KEY = b"format"
ANCHOR_KEY = b"anchor"
SIZE_KEY = b"size"

MOMENT = Struct(">Q")
MOMENTS = Struct(">QQ")
ANCHOR = Struct(">dd")
SIZE = Struct(">Q")
LAST_MOMENT = 2**64 - 1
EXPIRES = slice(0, MOMENT.size)
"""Where the moment of expiry lies in a record's value and in a key of ``expiry``."""


class Databases(NamedTuple):
    """The handles of the sub-databases."""

    records: Any
    expiry: Any
    meta: Any


def encode_where(where: StorageKey) -> bytes:
    """A record's key in the file; ``StorageError`` for a place that has no such key."""
    if not 0 <= where.kind <= MAX_KIND:
        raise StorageError(f"the storage keeps records of kind 0 to {MAX_KIND}, not {where.kind}")
    if len(where.sub) > MAX_SUB:
        raise StorageError(
            f"the storage keeps records whose key has at most {MAX_SUB} bytes more, "
            f"not {len(where.sub)}"
        )
    return bytes((where.kind,)) + id_to_bytes(where.key) + where.sub


def decode_where(where: bytes) -> StorageKey:
    """The place that :func:`encode_where` wrote."""
    key = id_from_bytes(where[1 : 1 + ID_BYTES])
    return StorageKey(where[0], key, where[1 + ID_BYTES :])


def encode_moment(monotonic: float, timeline: Timeline) -> bytes:
    """A monotonic moment as it lies in the file; two of them compare as their bytes do."""
    return MOMENT.pack(_microseconds(timeline.saved(monotonic)))


def encode_value(record: StoredRecord, timeline: Timeline) -> bytes:
    """All of a record but its key."""
    moments = MOMENTS.pack(
        _microseconds(timeline.saved(record.expires)), _microseconds(timeline.saved(record.arrived))
    )
    return moments + record.data


def decode_record(where: bytes, value: bytes, timeline: Timeline) -> StoredRecord:
    """The record that lies in the file, its moments monotonic."""
    expires, arrived = MOMENTS.unpack_from(value)
    return StoredRecord(
        decode_where(where),
        value[MOMENTS.size :],
        timeline.monotonic(expires / 1e6),
        timeline.monotonic(arrived / 1e6),
    )


def _microseconds(saved: float) -> int:
    # Compared before it is rounded, because an infinite moment cannot be.
    return round(saved * 1e6) if 0 < saved < LAST_MOMENT / 1e6 else LAST_MOMENT * (saved > 0)


def read_anchor(transaction: Transaction[bytes], meta: Any) -> Anchor | None:
    """The anchor of the last commit, if there was one."""
    saved = transaction.get(ANCHOR_KEY, db=meta)
    return None if saved is None else Anchor(*ANCHOR.unpack(saved))


def write_anchor(transaction: Transaction[bytes], meta: Any, anchor: Anchor) -> None:
    """Save the anchor: the last step of every transaction that commits."""
    transaction.put(ANCHOR_KEY, ANCHOR.pack(*anchor), db=meta)


def read_usage(transaction: Transaction[bytes], databases: Databases) -> StorageUsage:
    """What is held, as this transaction sees it; LMDB itself counts the records."""
    records = transaction.stat(databases.records)["entries"]
    (size,) = SIZE.unpack(transaction.get(SIZE_KEY, b"", db=databases.meta))
    return StorageUsage(records, size)


def find_records(
    transaction: Transaction[bytes],
    databases: Databases,
    where: StorageKey,
    now: float,
    timeline: Timeline,
) -> Sequence[StoredRecord]:
    """The records of this kind under this key that have not expired by ``now``, by ``sub``."""
    prefix, moment = encode_where(where), encode_moment(now, timeline)
    found: list[StoredRecord] = []
    with transaction.cursor(databases.records) as cursor:
        there = cursor.set_range(prefix)
        while there and (place := cursor.key()).startswith(prefix):
            value = cursor.value()
            if value[EXPIRES] > moment:
                found.append(decode_record(place, value, timeline))
            there = cursor.next()
    return found


def page_of_records(
    transaction: Transaction[bytes],
    databases: Databases,
    after: StorageKey | None,
    limit: int,
    timeline: Timeline,
) -> Sequence[StoredRecord]:
    """At most ``limit`` records from just behind a place, in order."""
    # The next key there can be: the same bytes and one more.
    start = b"" if after is None else encode_where(after) + b"\x00"
    found: list[StoredRecord] = []
    with transaction.cursor(databases.records) as cursor:
        there = cursor.set_range(start) if start else cursor.first()
        while there and len(found) < limit:
            found.append(decode_record(cursor.key(), cursor.value(), timeline))
            there = cursor.next()
    return found


class Batch:
    """Changes inside one write transaction, which its owner commits after :meth:`finish`."""

    def __init__(
        self,
        transaction: Transaction[bytes],
        databases: Databases,
        capacity: Capacity,
        timeline: Timeline,
    ) -> None:
        self._transaction = transaction
        self._databases = databases
        self._capacity = capacity
        self._timeline = timeline
        self._count, self._size = read_usage(transaction, databases)

    def apply(self, changes: Sequence[RecordChange]) -> list[Any]:
        """Make these changes in order; the result of each, or the error it fails with."""
        return [self._apply(each) for each in changes]

    def _apply(self, change: RecordChange) -> object:
        try:
            if isinstance(change, Put):
                return self._put(change)
            if isinstance(change, Remove):
                return self._forget(encode_where(change.where))
            return self._expire(change)
        except StorageError as error:  # of a place that has no key
            return error

    def finish(self) -> None:
        """Write what changed beside the records."""
        self._transaction.put(SIZE_KEY, SIZE.pack(self._size), db=self._databases.meta)
        write_anchor(self._transaction, self._databases.meta, self._timeline.anchor())

    def _put(self, put: Put) -> StorageFull | None:
        where, value = encode_where(put.record.where), encode_value(put.record, self._timeline)
        length = len(put.record.data)
        if not self._make_room(where, length, put.now):
            return no_room(length, StorageUsage(self._count, self._size))
        self._forget(where)
        self._transaction.put(where, value, db=self._databases.records)
        self._transaction.put(value[EXPIRES] + where, b"", db=self._databases.expiry)
        self._count += 1
        self._size += length
        return None

    def _make_room(self, where: bytes, length: int, now: float) -> bool:
        if length > self._capacity.size:
            return False  # it would not fit into an empty storage
        while not self._fits(where, length):
            if not self._forget_expired(encode_moment(now, self._timeline)):
                return False
        return True

    def _fits(self, where: bytes, length: int) -> bool:
        records, size = self._count + 1, self._size + length
        if records <= self._capacity.records and size <= self._capacity.size:
            return True
        old = self._transaction.get(where, db=self._databases.records)
        if old is None:
            return False
        size -= len(old) - MOMENTS.size
        return records - 1 <= self._capacity.records and size <= self._capacity.size

    def _expire(self, expire: Expire) -> int:
        count, now = 0, encode_moment(expire.now, self._timeline)
        while count < expire.limit and self._forget_expired(now):
            count += 1
        return count

    def _forget_expired(self, now: bytes) -> bool:
        """Forget the record that expired first; False if none has."""
        with self._transaction.cursor(self._databases.expiry) as cursor:
            first = cursor.key() if cursor.first() else None
        if first is None or first[EXPIRES] > now:
            return False
        return self._forget(first[MOMENT.size :])

    def _forget(self, where: bytes) -> bool:
        old = self._transaction.pop(where, db=self._databases.records)
        if old is None:
            return False
        self._transaction.delete(old[EXPIRES] + where, db=self._databases.expiry)
        self._count -= 1
        self._size -= len(old) - MOMENTS.size
        return True
