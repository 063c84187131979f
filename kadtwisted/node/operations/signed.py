"""Immutable and mutable values: what a user says of them, on top of records of their kinds."""

from __future__ import annotations

import math
from typing import NamedTuple

from kadtwisted.errors import InvalidInput
from kadtwisted.model.ids import NodeID
from kadtwisted.model.printable import described, typed
from kadtwisted.model.record import DELETED, Immutable, Signer
from kadtwisted.model.reference import check_salt
from kadtwisted.node.operations.conditional import ConditionalWrites
from kadtwisted.node.operations.records import RecordOperations
from kadtwisted.node.operations.writes.receipts import Published
from kadtwisted.records import immutable, mutable
from kadtwisted.records.kinds import MUTABLE
from kadtwisted.records.mutable import SEQ_END, Draft


class Numbers(NamedTuple):
    """Which sequence number a value gets, and which one it is to replace; ``None``: the next, and
    any.  :class:`~kadtwisted.errors.InvalidInput` by :meth:`checked`."""

    seq: int | None
    cas: int | None

    def checked(self) -> Numbers:
        """These numbers, with the one that follows from ``cas`` if no other is given."""
        for name, number in (("seq", self.seq), ("cas", self.cas)):
            is_whole = isinstance(number, int) and not isinstance(number, bool)
            if number is not None and not (is_whole and 0 <= number < SEQ_END):
                raise InvalidInput(
                    f"{name} is a whole number of at least 0 and below 2^63, or None, not "
                    f"{described(number)}"
                )
        seq = self.seq
        if self.cas is not None:
            seq = self.cas + 1 if seq is None else seq
            if not self.cas < seq < SEQ_END:
                raise InvalidInput(f"seq {seq} does not come after cas {self.cas}")
        return self._replace(seq=seq)


class Signed:
    """The immutable and mutable values of one node."""

    def __init__(self, records: RecordOperations, conditional: ConditionalWrites) -> None:
        self._records = records
        self._conditional = conditional

    async def put_immutable(self, v: bytes, lifetime: float) -> Published:
        """Store a value given as bencode under its hash; see :meth:`INode.put_immutable`."""
        return await self._records.put_record(immutable.encode(Immutable(v)), lifetime)

    async def put_mutable(self, draft: Draft, cas: int | None, lifetime: float) -> Published:
        """Sign a value and store it; see :meth:`INode.put_mutable`."""
        if draft.seq is None:
            return await self._records.publish(MUTABLE, key_of(draft), draft, lifetime)
        record = mutable.write(draft, draft.seq)
        return await self._conditional.put_record(record, lifetime, cas)

    async def delete_mutable(self, draft: Draft) -> Published:
        """Store a tombstone for as long as any record may live; see
        :meth:`INode.delete_mutable`."""
        return await self._records.publish(
            MUTABLE, key_of(draft), draft._replace(v=DELETED), math.inf
        )


def key_of(draft: Draft) -> NodeID:
    """Where a value is stored."""
    return mutable.key_of(draft.public_key, draft.salt)


def draft_of(key: Signer, v: bytes, salt: bytes, seq: int | None = None) -> Draft:
    """What a caller wants to publish.

    :class:`~kadtwisted.errors.InvalidInput`, :class:`~kadtwisted.errors.InvalidSalt` or
    :class:`~kadtwisted.errors.RecordTooLarge` for what cannot be signed.
    """
    if not isinstance(key, Signer) or isinstance(key, type):
        raise InvalidInput(f"a value is signed with a SigningKey, not {typed(key)}")
    draft = Draft(key.public_key, key.sign, check_salt(salt), v, seq)
    mutable.check_size(draft)
    return draft
