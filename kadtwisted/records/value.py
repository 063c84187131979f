"""The record of kind 1: a value under the key of a name, which anyone on the network may write.

This file decides on the bytes of a record, which bytes are valid, which of two records wins (the
newest publication time, then the larger hash), and which time a writer publishes with.  It has no
clock and no state.

    kind u8 (1) | key 20 bytes | published u64, microseconds | flags u8 | v, canonical bencode

Integers are big-endian.  Flag bit 0 marks a tombstone, whose ``v`` is ``0:``; the other bits are 0.
One record has exactly one form, so equal records have equal bytes and equal versions.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from kadtwisted.constants import CLOCK_SKEW_LIMIT, RECORD_LIMIT
from kadtwisted.errors import ClockSkew, InvalidRecord, RecordTooLarge, Superseded
from kadtwisted.model import bencode
from kadtwisted.model.ids import NodeID, id_from_bytes, id_to_bytes
from kadtwisted.model.record import Kind, StorageKey, Value

TOMBSTONE: Final = b"0:"
"""The ``v`` of a deleted value: the empty byte string, in bencode."""
MICROSECONDS: Final = 1_000_000

_HEADER: Final = struct.Struct(">B20sQB")
_PUBLISHED: Final = struct.Struct(">Q")
_PUBLISHED_AT: Final = 21
_DELETED: Final = 1
_TIME_END: Final = 2**63


def encode(record: Value) -> bytes:
    """The bytes of a record: the same on the wire, in a storage and for its hash.

    :class:`RecordTooLarge` if ``v`` has more than 1,000 bytes; :class:`InvalidRecord` if
    :func:`decode` would not accept the record.
    """
    if len(record.v) > RECORD_LIMIT:
        raise RecordTooLarge(
            f"the value has {len(record.v)} bytes in bencode; at most {RECORD_LIMIT} fit"
        )
    _check_fields(record)
    flags = _DELETED if record.deleted else 0
    head = _HEADER.pack(Kind.VALUE, id_to_bytes(record.key), record.published, flags)
    return head + record.v


def decode(data: bytes) -> Value:
    """The record in ``data``, or :class:`InvalidRecord`.

    Reasons of its own: ``truncated``, ``wrong-kind``, ``unknown-flags``, ``bad-time``,
    ``bad-tombstone``, ``too-large``; else those of :mod:`~kadtwisted.model.bencode`.
    """
    if len(data) < _HEADER.size:
        raise InvalidRecord("truncated")
    kind, key, published, flags = _HEADER.unpack_from(data)
    if kind != Kind.VALUE:
        raise InvalidRecord("wrong-kind")
    if flags & ~_DELETED:
        raise InvalidRecord("unknown-flags")
    record = Value(id_from_bytes(key), published, bool(flags), data[_HEADER.size :])
    _check_fields(record)
    return record


def _check_fields(record: Value) -> None:
    if not 0 <= record.published < _TIME_END:
        raise InvalidRecord("bad-time")
    if len(record.v) > RECORD_LIMIT:
        raise InvalidRecord("too-large")
    if record.deleted and record.v != TOMBSTONE:
        raise InvalidRecord("bad-tombstone")
    bencode.decode(record.v)


def identify(data: bytes) -> StorageKey:
    """Where the record in ``data`` is stored; :class:`InvalidRecord` as :func:`decode`."""
    return StorageKey(Kind.VALUE, decode(data).key)


def check(data: bytes, unix_now: float) -> None:
    """:class:`ClockSkew` if the (valid) record is more than five minutes ahead of this clock."""
    ahead = _published(data) / MICROSECONDS - unix_now
    if ahead > CLOCK_SKEW_LIMIT:
        raise ClockSkew(
            f"the record was published {ahead:.0f} s in the future; check the writer's clock"
        )


def wins(a: bytes, b: bytes) -> bool:
    """Whether valid record ``a`` replaces valid record ``b``: a total order, the same everywhere.

    The larger publication time wins, then the larger BLAKE2b-256 of the bytes; a record does not
    replace itself.
    """
    published_a, published_b = _published(a), _published(b)
    if published_a != published_b:
        return published_a > published_b
    return _hash(a) > _hash(b)


def floor(data: bytes) -> bytes:
    """What decides whether another record wins over this valid one: 40 bytes, which compare as the
    records do."""
    return data[_PUBLISHED_AT : _PUBLISHED_AT + _PUBLISHED.size] + _hash(data)


def beats(data: bytes, floor_of_other: bytes) -> bool:
    """Whether a valid record wins over the one that left this floor, or is that one."""
    return floor(data) >= floor_of_other


def publication_time(unix_now: float, seen: int | None = None) -> int:
    """The time that a writer publishes with, in microseconds: now, but later than ``seen``.

    So a second write wins over the first one, even if the clock stood still or went back.
    """
    now = int(unix_now * MICROSECONDS)
    return now if seen is None else max(now, seen + 1)


def publish(wanted: Value, seen: Sequence[bytes], unix_now: float) -> bytes:
    """The bytes of the record to publish: what is ``wanted``, with the time of its publication.

    ``seen`` is the newest record that the writer found, if any.  Fails as :func:`encode`, and with
    :class:`Superseded` if that was published at the end of time.
    """
    newest = max((_published(each) for each in seen), default=None)
    published = publication_time(unix_now, newest)
    if newest is not None and published >= _TIME_END:
        raise Superseded(
            "a record from the end of time stands under this key: nothing can take its place "
            "before it expires"
        )
    return encode(wanted._replace(published=published))


def renew(data: bytes, winner: bytes | None) -> Value | None:
    """What puts a value back at its place: the value itself, if nothing is there, or a tombstone;
    ``None`` if another value is there."""
    if winner is not None and not decode(winner).deleted:
        return None
    return decode(data)._replace(published=0)


def value_of(key: NodeID, value: bytes, published: int) -> Value:
    """The record with the byte string ``value``."""
    return Value(key, published, False, bencode.encode(value))


def tombstone_of(key: NodeID, published: int) -> Value:
    """The record which says that the value was deleted."""
    return Value(key, published, True, TOMBSTONE)


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def _published(data: bytes) -> int:
    published: int = _PUBLISHED.unpack_from(data, _PUBLISHED_AT)[0]
    return published
