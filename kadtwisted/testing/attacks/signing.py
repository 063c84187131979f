"""Immutable and Mutable records, written from ``docs/protocol.md`` alone: good ones, and forged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from itertools import cycle

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

IMMUTABLE, MUTABLE = 2, 3
"""Kinds of record."""
FIELDS = ((0, 1), (1, 33), (33, 41), (41, 73), (73, 105), (105, 106))
"""Where the fields of a Mutable are: kind, public key, sequence number, R, S, length of the salt.
Behind them come salt and value."""
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group in which signatures are made (RFC 8032)."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who signs."""

    seed: bytes

    @property
    def public(self) -> bytes:
        """The public key."""
        return crypto_sign_seed_keypair(self.seed)[0]

    def key(self, salt: bytes = b"") -> bytes:
        """Where the value under a salt is stored."""
        return sha1(self.public + salt).digest()

    def record(self, seq: int, v: bytes, salt: bytes = b"") -> bytes:
        """The Mutable with bencoded ``v``."""
        salted = b"4:salt%d:%b" % (len(salt), salt) if salt else b""
        signed = b"%b3:seqi%de1:v%b" % (salted, seq, v)
        signature = crypto_sign(signed, self.seed + self.public)[:64]
        head = bytes([MUTABLE]) + self.public + seq.to_bytes(8, "big") + signature
        return head + bytes([len(salt)]) + salt + v


def immutable_record(v: bytes) -> tuple[bytes, bytes]:
    """Key and record of a bencoded value."""
    return sha1(v).digest(), bytes([IMMUTABLE]) + v


def forged_records(author: Author, other: Author, source: random.Random) -> Iterator[bytes]:
    """Ever more records in the name of an author that the author has not made: each field changed
    in turn, and parts of good records put together."""
    for number in cycle(range(10_000)):
        salt = source.randbytes(number % 5)
        good = author.record(source.randrange(1, 2**40), b"%d:" % 9 + source.randbytes(9), salt)
        value_at = 106 + len(salt)
        for start, end in (*FIELDS, (106, value_at), (value_at, len(good))):
            if start < end:
                yield _changed(good, source.randrange(8 * start, 8 * end))
        yield good[:33] + b"\xff" * 8 + good[41:]  # the highest number of all
        yield good[:41] + author.record(1, b"1:x", salt)[41:105] + good[105:]  # of another value
        yield good[:1] + author.public + other.record(2**40, good[106:])[33:]  # of another author
        yield good[:105] + bytes([len(salt) + 1]) + salt + good[106 + len(salt) :]
        yield good[:73] + _plus_order(good[73:105]) + good[105:]
        yield good[:1] + _neutral() + good[33:41] + _neutral() + bytes(32) + good[105:]
        yield good[:41] + bytes(64) + good[105:]
        yield good[: source.randrange(len(good))]
        yield good + b"\0"


def _changed(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _plus_order(s: bytes) -> bytes:
    return (int.from_bytes(s, "little") + ORDER).to_bytes(32, "little")


def _neutral() -> bytes:
    """A public key of small order, under which one signature is good for every message."""
    return b"\x01" + bytes(31)
