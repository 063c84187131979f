"""The record values.  Their bytes, their checks and which of two wins are ``records/``'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from kadtwisted.model.ids import NodeID


class Kind(IntEnum):
    """The kinds of record, as numbered on the wire and in storage."""

    VALUE = 1
    IMMUTABLE = 2  # reserved
    MUTABLE = 3  # reserved
    ANNOUNCEMENT = 4  # reserved


class ValueRecord(Protocol):
    """A decoded record of any kind that holds one value.

    ``deleted`` marks a tombstone, ``v`` is the value's canonical bencoding, and ``facts`` is what
    else the record says, for people and for JSON: moments as Unix seconds under names that end in
    ``_unix``.
    """

    @property
    def deleted(self) -> bool: ...

    @property
    def v(self) -> bytes: ...

    def facts(self) -> Mapping[str, float]: ...


class Value(NamedTuple):
    """A value under a plain name's key that anyone on the network may write.

    ``published`` is the writer's clock in microseconds since 1970; ``deleted`` marks a tombstone;
    ``v`` is the value's canonical bencoding (``0:`` in a tombstone).
    """

    key: NodeID
    published: int
    deleted: bool
    v: bytes

    def facts(self) -> Mapping[str, float]:
        """When it was published."""
        return {"published_unix": self.published / 1_000_000}


class StorageKey(NamedTuple):
    """Where a record is stored: ``sub`` tells apart the records of many writers under one key."""

    kind: int
    key: NodeID
    sub: bytes = b""


class StoredRecord(NamedTuple):
    """What a storage backend keeps: dumb bytes under a key, with two monotonic moments.

    ``expires`` is the deadline after which the record does not exist any more; ``arrived`` is when
    these bytes first came (replication skips what arrived within the current period).
    """

    where: StorageKey
    data: bytes
    expires: float
    arrived: float


class DatedRecord(NamedTuple):
    """A stored record with its moments by the wall clock (Unix seconds), for other processes."""

    where: StorageKey
    data: bytes
    expires_unix: float
    arrived_unix: float


class RecordsPage(NamedTuple):
    """Some of a storage's unexpired records, in ascending order; ``next`` is behind which to go on,
    ``None`` if there are no more."""

    records: tuple[DatedRecord, ...]
    next: StorageKey | None


def dated_page(
    found: Sequence[StoredRecord], limit: int, now: float, unix_time: float
) -> RecordsPage:
    """What a storage's ``page`` of at most ``limit`` records has, given both clocks of it."""
    ahead = unix_time - now
    dated = tuple(
        DatedRecord(each.where, each.data, each.expires + ahead, each.arrived + ahead)
        for each in found
        if each.expires > now
    )
    return RecordsPage(dated, found[-1].where if len(found) == limit else None)


class StorageUsage(NamedTuple):
    """How much a storage backend holds; ``size`` counts the bytes of the records' data."""

    records: int
    size: int
