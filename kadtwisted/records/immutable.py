"""The record of kind 2: a value under its own hash (BEP 44, immutable items).

This file decides on the bytes of a record and which bytes are valid.  Nobody can replace or delete
such a record: under its key no other value is valid, unless somebody made two values with the same
SHA-1 on purpose.  Then the one with the larger BLAKE2b-256 wins, so that all nodes agree.

    kind u8 (2) | v, canonical bencode

The key is the SHA-1 of ``v``.  One value has exactly one record.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from kadtwisted.constants import RECORD_LIMIT
from kadtwisted.errors import InvalidRecord, RecordTooLarge
from kadtwisted.model import bencode
from kadtwisted.model.record import DELETED, Immutable, Kind, StorageKey

_KIND: Final = bytes((Kind.IMMUTABLE,))


def encode(record: Immutable) -> bytes:
    """The bytes of a record.

    :class:`RecordTooLarge` if ``v`` has more than 1,000 bytes; :class:`InvalidRecord` if
    :func:`decode` would not accept the record.
    """
    if len(record.v) > RECORD_LIMIT:
        raise RecordTooLarge(
            f"the value has {len(record.v)} bytes in bencode; at most {RECORD_LIMIT} fit"
        )
    _check(record.v)
    return _KIND + record.v


def decode(data: bytes) -> Immutable:
    """The record in ``data``, or :class:`InvalidRecord`.

    Reasons of its own: ``wrong-kind``, ``too-large``, ``no-value``; else those of
    :mod:`~kadtwisted.model.bencode`.
    """
    if data[:1] != _KIND:
        raise InvalidRecord("wrong-kind")
    v = data[1:]
    _check(v)
    return Immutable(v)


def _check(v: bytes) -> None:
    if len(v) > RECORD_LIMIT:
        raise InvalidRecord("too-large")
    if v == DELETED:
        raise InvalidRecord("no-value")
    bencode.decode(v)


def identify(data: bytes) -> StorageKey:
    """Where the record in ``data`` is stored; :class:`InvalidRecord` as :func:`decode`."""
    return StorageKey(Kind.IMMUTABLE, decode(data).key)


def supersedes(new: bytes, old: bytes) -> bool:
    """Whether one of two values with the same SHA-1 takes the place of the other."""
    return _hash(new) > _hash(old)


def publish(wanted: Immutable, seen: Sequence[bytes], unix_now: float) -> bytes:
    """The bytes of the record to publish, whatever is there and whenever."""
    return encode(wanted)


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()
