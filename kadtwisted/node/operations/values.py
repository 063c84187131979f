"""Getting, putting and deleting values: what a user says and sees, on top of records of a kind."""

from __future__ import annotations

import math

from kadtwisted.constants import RECORD_LIMIT
from kadtwisted.errors import (
    InvalidInput,
    InvalidKey,
    InvalidLifetime,
    NotFound,
    RecordTooLarge,
)
from kadtwisted.lookup.records import Mode
from kadtwisted.model import bencode
from kadtwisted.model.ids import ID_BYTES, NodeID, id_from_bytes, id_to_bytes, key_of_name
from kadtwisted.model.record import Kind, StorageKey, Value, ValueRecord
from kadtwisted.model.reference import Reference, reference_of
from kadtwisted.model.results import GetResult
from kadtwisted.node.operations.records import Read, RecordOperations
from kadtwisted.node.operations.writes.receipts import Published
from kadtwisted.records.findings import Finding
from kadtwisted.records.kinds import VALUE
from kadtwisted.records.value import TOMBSTONE

NAME_SHOWN = 100
"""MAGIC: characters of a name that a sentence shows."""


def key_id(key: str | bytes) -> NodeID:
    """The key of a name, or the key written as 20 bytes; :class:`InvalidKey` for anything else."""
    if isinstance(key, str):
        return key_of_name(key)
    if isinstance(key, bytes) and len(key) == ID_BYTES:
        return id_from_bytes(key)
    raise InvalidKey(f"a key is a name (str) or {ID_BYTES} bytes, not {key!r:.60}")


def reference_to(key: str | bytes | Reference) -> Reference:
    """What a caller looks for; :class:`InvalidKey` for anything else."""
    if isinstance(key, Reference):
        return key
    return Reference(Kind.VALUE, id_to_bytes(key_id(key)))


def asked_for(key: str | bytes | Reference) -> str:
    """A key in a sentence, as it was asked for: a name in quotes, 40 hexadecimal digits, or a
    reference."""
    if isinstance(key, bytes):
        return key.hex()
    if isinstance(key, Reference):
        return str(key)
    return repr(key if len(key) <= NAME_SHOWN else key[: NAME_SHOWN - 3] + "...")


def encode_value(value: bytes) -> bytes:
    """The bencoding of a value; :class:`RecordTooLarge` if it does not fit into one record."""
    if not isinstance(value, bytes):
        raise InvalidInput(f"a value is bytes, not {type(value).__name__}")
    v = bencode.encode(value)
    if len(v) > RECORD_LIMIT:
        raise RecordTooLarge(
            f"a value of {len(value)} bytes takes {len(v)} bencoded, and the limit is "
            f"{RECORD_LIMIT}: store it in parts under several names, or store only its address"
        )
    return v


def check_lifetime(lifetime: float, maximum: float) -> None:
    """:class:`InvalidLifetime` unless the lifetime is positive and within the network's cap."""
    number = isinstance(lifetime, int | float) and not isinstance(lifetime, bool)
    if not number or not 0 < lifetime <= maximum:
        raise InvalidLifetime(
            f"a lifetime is more than 0 and at most {maximum / 3600:g} hours, "
            f"not {_shown(lifetime) if number else type(lifetime).__name__}"
        )


def _shown(seconds: float) -> str:
    try:
        return f"{seconds:g} s"
    except OverflowError:  # an integer beyond all floats
        return "an integer beyond all bounds"


def usual_mode(reference: Reference) -> Mode:
    """Of a value that cannot change the first that is found, else the latest of all."""
    return "first" if reference.kind == Kind.IMMUTABLE else "latest"


class Values:
    """The value operations of one node."""

    def __init__(self, records: RecordOperations) -> None:
        self._records = records

    @staticmethod
    def place(key: NodeID) -> StorageKey:
        """Where the value under a key is stored."""
        return StorageKey(VALUE.number, key)

    async def get(self, asked: str | bytes | Reference, mode: Mode | None) -> GetResult:
        """The value that the caller ``asked`` for; see :meth:`INode.get`."""
        reference = reference_to(asked)
        rules = self._records.rules(reference.kind)
        read = await self._records.read(rules, reference.key, mode or usual_mode(reference))
        return self.result_of(asked, read)

    def result_of(self, asked: str | bytes | Reference, read: Read) -> GetResult:
        """What the caller ``asked`` for, among what was read; :class:`NotFound`."""
        reference = reference_to(asked)
        rules = self._records.rules(reference.kind)
        found = [(each, rules.decode(each.record)) for each in read.winners]
        # Another public key and salt may have the same SHA-1, if somebody has made them so.
        found = [each for each in found if reference_of(each[1]) == reference]
        if not found:
            raise NotFound(f"{asked_for(asked)} was not found")
        winner: Finding = found[0][0]
        record: ValueRecord = found[0][1]
        if record.deleted:
            raise NotFound(f"{asked_for(asked)} was deleted")
        plain = bencode.decode(record.v)
        return GetResult(
            reference.key,
            plain if isinstance(plain, bytes) else None,
            record.v,
            record,
            winner.remaining,
            read.holders(winner),
            read.trace,
        )

    async def put(self, key: NodeID, v: bytes, lifetime: float) -> Published:
        """Store a value given as bencode; see :meth:`INode.put`."""
        return await self._records.publish(VALUE, key, Value(key, 0, False, v), lifetime)

    async def delete(self, key: NodeID) -> Published:
        """Store a tombstone for as long as any record may live; see :meth:`INode.delete`."""
        return await self._records.publish(VALUE, key, Value(key, 0, True, TOMBSTONE), math.inf)
