"""The record of kind 3: a value that only the holder of a key writes (BEP 44, mutable items).

This file decides on the bytes of a record, which bytes are valid, which of two records wins (the
higher sequence number, then the larger hash), and which sequence number comes next.  It has no
clock and no state, and sees no secret key.

    kind u8 (3) | public key 32 bytes | seq u64 | signature 64 bytes | salt length u8 | salt |
    v, canonical bencode

Integers are big-endian.  The key is the SHA-1 of public key and salt.  What is signed are the bytes
that BEP 44 names, so a record can be carried to and from Mainline as it is.  A ``v`` of ``de``, the
empty dictionary, deletes the value.  One signature has exactly one record; only who holds the key
can make another signature.

At the same sequence number the larger hash wins wherever records are compared, so that nodes whose
records differ come to agree.  That a writer uses a number only once is for the writer to see to: it
refuses to write beside another record with that number, and a conditional write names the number
before.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from kadtwisted.constants import RECORD_LIMIT, SALT_LIMIT
from kadtwisted.errors import InvalidRecord, RecordTooLarge, Superseded
from kadtwisted.model import bencode
from kadtwisted.model.ids import NodeID, key_of_bytes
from kadtwisted.model.record import Kind, Mutable, StorageKey
from kadtwisted.model.reference import check_salt
from kadtwisted.records.signatures import is_signed

SEQ_END: Final = 2**63
"""Sequence numbers are below this (BEP 44: a signed 64-bit integer; ours are not negative)."""

_HEADER: Final = struct.Struct(">B32sQ64sB")
_SEQ: Final = struct.Struct(">Q")
_SEQ_AT: Final = 33


class Draft(NamedTuple):
    """What a writer wants to publish: the value ``v`` in bencode, for the holder of a key.

    ``sign`` signs bytes with it.  Without a ``seq`` the next one is taken.
    """

    public_key: bytes
    sign: Callable[[bytes], bytes]
    salt: bytes
    v: bytes
    seq: int | None = None


def signed_bytes(salt: bytes, seq: int, v: bytes) -> bytes:
    """What is signed (BEP 44): the parts of a dictionary, written by hand."""
    salted = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
    return b"%b3:seqi%de1:v%b" % (salted, seq, v)


def write(draft: Draft, seq: int) -> bytes:
    """The signed record with this sequence number.

    :class:`RecordTooLarge` if value and salt have more than 1,000 bytes, ``InvalidSalt``, or
    :class:`InvalidRecord` if :func:`decode` would not accept the record.
    """
    check_salt(draft.salt)
    check_size(draft)
    if not 0 <= seq < SEQ_END:
        raise InvalidRecord("bad-sequence")
    bencode.decode(draft.v)
    signature = draft.sign(signed_bytes(draft.salt, seq, draft.v))
    return encode(Mutable(draft.public_key, draft.salt, seq, signature, draft.v))


def check_size(draft: Draft) -> None:
    """:class:`RecordTooLarge` if value and salt do not fit into one record."""
    size = len(draft.v) + len(draft.salt)
    if size > RECORD_LIMIT:
        raise RecordTooLarge(
            f"value and salt have {size} bytes in bencode; at most {RECORD_LIMIT} fit"
        )


def key_of(public_key: bytes, salt: bytes) -> NodeID:
    """Where the value of a public key under a salt is stored."""
    return key_of_bytes(public_key + salt)


def encode(record: Mutable) -> bytes:
    """The bytes of a record, whether its signature is good or not."""
    head = _HEADER.pack(
        Kind.MUTABLE, record.public_key, record.seq, record.signature, len(record.salt)
    )
    return head + record.salt + record.v


def decode(data: bytes) -> Mutable:
    """The record in ``data``, whether its signature is good or not; or :class:`InvalidRecord`.

    Reasons of its own: ``truncated``, ``wrong-kind``, ``bad-sequence``, ``salt-too-long``,
    ``too-large``; else those of :mod:`~kadtwisted.model.bencode`.
    """
    if len(data) < _HEADER.size:
        raise InvalidRecord("truncated")
    kind, public_key, seq, signature, salted = _HEADER.unpack_from(data)
    if kind != Kind.MUTABLE:
        raise InvalidRecord("wrong-kind")
    if seq >= SEQ_END:
        raise InvalidRecord("bad-sequence")
    if salted > SALT_LIMIT:
        raise InvalidRecord("salt-too-long")
    rest = data[_HEADER.size :]
    if len(rest) > RECORD_LIMIT:
        raise InvalidRecord("too-large")
    if len(rest) < salted:
        raise InvalidRecord("truncated")
    record = Mutable(public_key, rest[:salted], seq, signature, rest[salted:])
    bencode.decode(record.v)
    return record


def identify(data: bytes) -> StorageKey:
    """Where the record in ``data`` is stored; :class:`InvalidRecord` as :func:`decode`, and
    ``bad-signature``."""
    record = decode(data)
    signed = signed_bytes(record.salt, record.seq, record.v)
    if not is_signed(signed, record.signature, record.public_key):
        raise InvalidRecord("bad-signature")
    return StorageKey(Kind.MUTABLE, record.key)


def sequence(data: bytes) -> int:
    """The sequence number of a valid record."""
    seq: int = _SEQ.unpack_from(data, _SEQ_AT)[0]
    return seq


def is_tombstone(data: bytes) -> bool:
    """Whether these bytes are a record that deletes a value, if they are one at all."""
    try:
        return decode(data).deleted
    except InvalidRecord:
        return False


def supersedes(new: bytes, old: bytes) -> bool:
    """Whether a valid record replaces another one: a total order, the same everywhere."""
    if sequence(new) != sequence(old):
        return sequence(new) > sequence(old)
    return _hash(new) > _hash(old)


def floor(data: bytes) -> bytes:
    """What decides whether another record wins over this valid one: 40 bytes, which compare as the
    records do."""
    return data[_SEQ_AT : _SEQ_AT + _SEQ.size] + _hash(data)


def beats(data: bytes, floor_of_other: bytes) -> bool:
    """Whether a valid record wins over the one that left this floor, or is that one."""
    return floor(data) >= floor_of_other


def publish(wanted: Draft, seen: Sequence[bytes], unix_now: float) -> bytes:
    """The bytes of the record to publish, with the sequence number that comes next, unless the
    draft has one.

    Fails as :func:`write`, and with :class:`Superseded` if what was ``seen`` has the last number of
    all.
    """
    return write(wanted, next_seq(seen, unix_now) if wanted.seq is None else wanted.seq)


def next_seq(seen: Sequence[bytes], unix_now: float) -> int:
    """The sequence number of the next record: one more than the highest that was seen.

    Where none was, it is the time, in Unix seconds: so it is above those of records that have
    expired, and nobody who kept an old signature can win over the new record with it.
    """
    if not seen:
        return max(1, int(unix_now))
    last = max(map(sequence, seen))
    if last + 1 >= SEQ_END:
        raise Superseded("the record with the last of all sequence numbers stands here")
    return last + 1


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()
