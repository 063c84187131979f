"""How records lie in an LMDB file, and one batch of changes to them.

Three sub-databases.  ``records``: kind (1 byte), key (20 bytes, big-endian), sub -> expires (8
bytes), arrived (8 bytes), data; so the order of bytes is that of `StorageKey`.  ``expiry``: the
same expires, then the record's key -> nothing; so the first entry is what expires first.  ``meta``:
the format, the bytes of all data, the anchor of the time line.

Moments are microseconds on the store's own time line, unsigned and big-endian: their bytes compare
as they do.

A :class:`Batch` works inside a write transaction and never begins, commits or ends one.  It keeps
the bounds as the storage in memory does: expired records give way, the earliest first, and nothing
else; an operation that finds no room changes no record that has not expired.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from kadtwisted.errors import StorageError, StorageFull
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.timeline import Anchor, Timeline

if TYPE_CHECKING:
    from lmdb import Transaction

KEY_BYTES = 20
MAX_SUB = 255
"""LMDB takes keys of at most 511 bytes; with the expiry before it, one of ours has 29 more."""
MAX_KIND = 255

FORMAT_STEM = b"kad-records-"
FORMAT = FORMAT_STEM + b"1"
"""The first thing read of a file; another layout gets another number."""
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


class Bounds(NamedTuple):
    """What a storage may hold."""

    records: int
    size: int


class Put(NamedTuple):
    """Store or replace the record at ``where``; ``value`` is as it will lie in the file."""

    where: bytes
    value: bytes
    now: bytes


class Remove(NamedTuple):
    """Forget one record."""

    where: bytes


class Expire(NamedTuple):
    """Forget at most ``limit`` expired records."""

    now: bytes
    limit: int


Operation = Put | Remove | Expire


def encode_where(where: StorageKey) -> bytes:
    """A record's key in the file; ``StorageError`` for a place that has none."""
    if not 0 <= where.kind <= MAX_KIND:
        raise StorageError(f"the storage keeps records of kind 0 to {MAX_KIND}, not {where.kind}")
    if len(where.sub) > MAX_SUB:
        raise StorageError(
            f"the storage keeps records whose key has at most {MAX_SUB} bytes more, "
            f"not {len(where.sub)}"
        )
    return bytes((where.kind,)) + where.key.to_bytes(KEY_BYTES, "big") + where.sub


def decode_where(where: bytes) -> StorageKey:
    """The place that :func:`encode_where` wrote."""
    key = int.from_bytes(where[1 : 1 + KEY_BYTES], "big")
    return StorageKey(where[0], NodeID(key), where[1 + KEY_BYTES :])


def encode_moment(monotonic: float, timeline: Timeline) -> bytes:
    """A monotonic moment as it lies in the file, so that two of them compare as bytes."""
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
    # Compared before it is rounded: an infinite moment is a late one.
    return round(saved * 1e6) if 0 < saved < LAST_MOMENT / 1e6 else LAST_MOMENT * (saved > 0)


def read_anchor(transaction: Transaction[bytes], meta: Any) -> Anchor | None:
    """The anchor of the last commit, if there was one."""
    saved = transaction.get(ANCHOR_KEY, db=meta)
    return None if saved is None else Anchor(*ANCHOR.unpack(saved))


def write_anchor(transaction: Transaction[bytes], meta: Any, anchor: Anchor) -> None:
    """Every transaction that commits does this last."""
    transaction.put(ANCHOR_KEY, ANCHOR.pack(*anchor), db=meta)


def read_usage(transaction: Transaction[bytes], databases: Databases) -> StorageUsage:
    """What is held, as this transaction sees it; LMDB itself counts the records."""
    records = transaction.stat(databases.records)["entries"]
    (size,) = SIZE.unpack(transaction.get(SIZE_KEY, b"", db=databases.meta))
    return StorageUsage(records, size)


class Batch:
    """Changes inside one write transaction, which its owner commits after :meth:`finish`."""

    def __init__(
        self, transaction: Transaction[bytes], databases: Databases, bounds: Bounds
    ) -> None:
        self._transaction = transaction
        self._databases = databases
        self._bounds = bounds
        self._count, self._size = read_usage(transaction, databases)

    def perform(self, operation: Operation) -> object:
        """Do it; the result, or the error that its asker alone is to hear."""
        if isinstance(operation, Put):
            return self._put(operation)
        if isinstance(operation, Remove):
            return self._forget(operation.where)
        return self._expire(operation)

    def finish(self, anchor: Anchor) -> None:
        """Write what changed beside the records."""
        self._transaction.put(SIZE_KEY, SIZE.pack(self._size), db=self._databases.meta)
        write_anchor(self._transaction, self._databases.meta, anchor)

    def _put(self, put: Put) -> StorageFull | None:
        length = len(put.value) - MOMENTS.size
        if not self._make_room(put, length):
            return StorageFull(
                f"no room for {length} bytes more beside {self._count} records"
                f" of {self._size} bytes: raise the limits, or wait until records expire"
            )
        self._forget(put.where)
        self._transaction.put(put.where, put.value, db=self._databases.records)
        expiry = put.value[EXPIRES] + put.where
        self._transaction.put(expiry, b"", db=self._databases.expiry)
        self._count += 1
        self._size += length
        return None

    def _make_room(self, put: Put, length: int) -> bool:
        if length > self._bounds.size:
            return False  # however much gave way
        while not self._fits(put.where, length):
            if not self._forget_expired(put.now):
                return False
        return True

    def _fits(self, where: bytes, length: int) -> bool:
        records, size = self._count + 1, self._size + length
        if records <= self._bounds.records and size <= self._bounds.size:
            return True
        old = self._transaction.get(where, db=self._databases.records)
        if old is None:
            return False
        size -= len(old) - MOMENTS.size
        return records - 1 <= self._bounds.records and size <= self._bounds.size

    def _expire(self, expire: Expire) -> int:
        count = 0
        while count < expire.limit and self._forget_expired(expire.now):
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
