"""Two kinds of record that nobody uses but tests, to try every place where kinds are plugged in.

*Notes*: many under one key, one of each author, who signs (not really) what he writes; of two notes
of an author the one with the higher number wins.  *Counters*: one under a key, with a sequence
number, for conditional writes.

    note     kind u8 (200) | key 20 bytes | author 8 bytes | number u64 | signature 8 bytes | text
    counter  kind u8 (201) | key 20 bytes | number u64 | text
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from kadtwisted.errors import InvalidRecord
from kadtwisted.model.ids import NodeID, id_from_bytes, id_to_bytes
from kadtwisted.model.record import StorageKey
from kadtwisted.records.kinds import NATIVE_KINDS, RecordKind, RecordKinds, Sender

NOTE, COUNTER = 200, 201
NOTES_A_KEY = 100
"""A holder keeps so many notes under one key."""
LONGEST = 7200.0

_NOTE = struct.Struct(">B20s8sQ8s")
_COUNTER = struct.Struct(">B20sQ")


class Note(NamedTuple):
    """What an author wrote under a key."""

    key: NodeID
    author: bytes
    number: int
    text: bytes


def signature(author: bytes, signed: bytes) -> bytes:
    """As good as an author's signature, for a test."""
    return blake2b(signed, digest_size=8, key=author).digest()


def write(note: Note) -> bytes:
    """The signed bytes of a note."""
    key, author, number, text = note
    signed = id_to_bytes(key) + author + number.to_bytes(8, "big") + text
    return _NOTE.pack(NOTE, id_to_bytes(key), author, number, signature(author, signed)) + text


def read(record: bytes) -> Note:
    """The note in a record whose signature is known to be good."""
    _, key, author, number, _ = _NOTE.unpack_from(record)
    return Note(id_from_bytes(key), author, number, record[_NOTE.size :])


def number_of(record: bytes) -> int:
    """The number of a note or a counter."""
    fields = (_NOTE if record[0] == NOTE else _COUNTER).unpack_from(record)
    return int(fields[3] if record[0] == NOTE else fields[2])


class Notary:
    """The rules of notes; ``verified`` counts how often the signature of each was looked at."""

    def __init__(self) -> None:
        self.verified: Counter[bytes] = Counter()
        self.kind = RecordKind(
            NOTE,
            self.identify,
            read,
            supersedes,
            publish,
            admit=admit,
            sequence=number_of,
            most=NOTES_A_KEY,
            longest=lambda record: LONGEST,
        )

    def identify(self, record: bytes) -> StorageKey:
        if len(record) < _NOTE.size or record[0] != NOTE:
            raise InvalidRecord("no-note")
        self.verified[record] += 1
        note = read(record)
        if write(note) != record:
            raise InvalidRecord("bad-signature")
        return StorageKey(NOTE, note.key, note.author)


def supersedes(new: bytes, old: bytes) -> bool:
    return (number_of(new), new) > (number_of(old), old)


def publish(wanted: Note, seen: Sequence[bytes], _: float) -> bytes:
    """The next note of an author."""
    mine = [read(each).number for each in seen if read(each).author == wanted.author]
    return write(wanted._replace(number=max(mine, default=wanted.number - 1) + 1))


def admit(record: bytes, sender: Sender) -> None:
    """Nobody stores a note that says from whom it must not come."""
    if read(record).text == b"not from " + sender.endpoint.host.encode():
        raise InvalidRecord("wrong-sender")


def count(key: NodeID, number: int, text: bytes = b"") -> bytes:
    """The record of a counter."""
    return _COUNTER.pack(COUNTER, id_to_bytes(key), number) + text


def identify_counter(record: bytes) -> StorageKey:
    if len(record) < _COUNTER.size or record[0] != COUNTER:
        raise InvalidRecord("no-counter")
    return StorageKey(COUNTER, id_from_bytes(record[1:21]))


COUNTERS = RecordKind(
    COUNTER,
    identify_counter,
    number_of,
    supersedes,
    lambda wanted, seen, _: count(wanted, max(map(number_of, seen), default=0) + 1),
    sequence=number_of,
)


def with_toys(notary: Notary) -> RecordKinds:
    """The native kinds and both toys."""
    return RecordKinds((*NATIVE_KINDS, notary.kind, COUNTERS))
