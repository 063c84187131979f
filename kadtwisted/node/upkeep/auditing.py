"""Counting the holders of a record, for those who pinned it."""

from __future__ import annotations

from typing import NamedTuple

from kadtwisted.errors import InvalidInput, NodeStopped, NotFound, Superseded, Unavailable
from kadtwisted.model.record import StorageKey
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import Receipt
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.records import RecordOperations
from kadtwisted.node.operations.values import asked_for


class Counted(NamedTuple):
    """How many nodes were found to hold a record, how many hold it after the repair, and the record
    that has its place: itself, or one that wins over it."""

    found: int
    held: int
    winner: bytes


class Auditing:
    """Counts and restores the holders of records for one node."""

    def __init__(self, context: NodeContext, operations: RecordOperations) -> None:
        self._kinds = context.dialect.kinds
        self._operations = operations

    async def newest(self, where: StorageKey, asked: str | bytes | Reference) -> bytes:
        """The newest record at a place, if it proves by itself that it belongs there.

        :class:`InvalidInput` for a kind whose records anybody may replace; else as ``get`` fails.
        """
        rules = self._operations.rules(where.kind)
        if not rules.verifiable or rules.many:
            raise InvalidInput(
                f"this node does not keep {asked_for(asked)} published: store it with a pin; what "
                "others may replace cannot be pinned for them"
            )
        read = await self._operations.read(rules, where.key, "latest", patient=True)
        for each in read.winners:
            if each.where == where:
                if rules.is_deletion(each.record):
                    raise NotFound(f"{asked_for(asked)} was deleted")
                return each.record
        raise NotFound(f"{asked_for(asked)} was not found")

    async def count_holders(self, record: bytes, lifetime: float, pin: int) -> Counted:
        """Count the holders of a record among the closest nodes, this one among them; if there are
        fewer than ``pin``, store it for ``lifetime`` seconds.

        A node that does not answer holds nothing.  Fails with ``NodeStopped`` alone.
        """
        rules, where = self._kinds.identify(record)
        try:
            read = await self._operations.read(rules, where.key, "latest", gently=True)
        except Unavailable:
            return Counted(0, 0, record)
        there = next((each for each in read.winners if each.where == where), None)
        found = 0
        if there is not None and there.record == record:
            found = read.holders(there)
        elif there is not None and rules.supersedes(there.record, record):
            holders = read.holders(there)
            return Counted(holders, holders, there.record)
        if found >= pin:
            return Counted(found, found, record)
        try:
            stored = await self._operations.put_record(record, lifetime)
            receipt = await stored.whole()
        except NodeStopped:
            raise
        except (Superseded, Unavailable):
            return Counted(found, found, record)
        return Counted(found, _holders(receipt), record)


def _holders(receipt: Receipt) -> int:
    """How many nodes acknowledged, this one among them."""
    here = any(each.contact is None for each in receipt.acknowledged)
    return receipt.remote_acks + here
