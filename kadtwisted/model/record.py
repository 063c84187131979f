"""The record values.  Their bytes, their checks and which of two wins are ``records/``'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol, runtime_checkable

from kadtwisted.model.ids import NodeID, key_of_bytes


class Kind(IntEnum):
    """The kinds of record, as numbered on the wire and in storage."""

    VALUE = 1
    IMMUTABLE = 2
    MUTABLE = 3
    ANNOUNCEMENT = 4


DELETED = b"de"
"""The ``v`` that deletes a mutable value: the empty dictionary, in bencode.  It is no value."""


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


@runtime_checkable
class Signer(Protocol):
    """Whoever holds an Ed25519 key, here or in a device: its 32 bytes, and what it signs."""

    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes, /) -> bytes:
        """The signature: 64 bytes."""


class Immutable(NamedTuple):
    """A value under its own hash, which nobody can replace or delete; ``v`` is its canonical
    bencoding."""

    v: bytes

    @property
    def key(self) -> NodeID:
        """The hash of the value."""
        return key_of_bytes(self.v)

    @property
    def deleted(self) -> bool:
        """Never."""
        return False

    def facts(self) -> Mapping[str, float]:
        """Nothing but the value."""
        return {}


class Mutable(NamedTuple):
    """A value that only the holder of a key writes (BEP 44).

    ``public_key`` is Ed25519, 32 bytes; ``salt`` tells apart the values of one key; of two versions
    the one with the higher ``seq`` wins.  ``signature`` has 64 bytes; ``v`` is the value's
    canonical bencoding.
    """

    public_key: bytes
    salt: bytes
    seq: int
    signature: bytes
    v: bytes

    @property
    def key(self) -> NodeID:
        """The hash of public key and salt."""
        return key_of_bytes(self.public_key + self.salt)

    @property
    def deleted(self) -> bool:
        """Whether it is a tombstone."""
        return self.v == DELETED

    def facts(self) -> Mapping[str, float]:
        """Its sequence number."""
        return {"seq": self.seq}


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
