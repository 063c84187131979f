"""Conditional writes: a record that replaces exactly the one that its writer has read.

Of two writers that have read the same record at most one may believe that its own took the place.
So the k closest nodes decide, and nobody else: each takes the first record that comes, and who has
more than half of them has won.  All of them must hold the record that was read, so those that lack
it get it first.  Other nodes near the key get the new record only when it has won.

The receipt does not come at a majority, nor at three quarters, as that of other writes does: all
of the k closest must have decided first.  What the writer reads again says little about a node
that has its STORE still before it: another writer's record may come first there.

That alone would not do.  A record that came second may stand on some nodes, and have the larger
hash; then it would win over the first one wherever the two are compared.  So the writer reads
again, and believes that it has won only if its own record is the winner.

Writers at one node take turns: the second one finds what the first one wrote.

This holds while the holders answer and all writers find the same ones.  Where a writer cannot know,
it is told so: ``docs/protocol.md``, Conditional writes.
"""

from __future__ import annotations

from functools import partial

from kadtwisted.errors import CasConflict, Unavailable, Uncertain
from kadtwisted.model.messages import Store
from kadtwisted.model.record import StorageKey
from kadtwisted.node.operations.records import RecordOperations, at_place
from kadtwisted.node.operations.writes.outcomes import check_stored
from kadtwisted.node.operations.writes.receipts import Attempt, Published, published
from kadtwisted.node.operations.writes.turns import Turns
from kadtwisted.records.findings import Finding
from kadtwisted.records.kinds import RecordKind


class ConditionalWrites:
    """Writes records of one node, with a condition or without."""

    def __init__(self, records: RecordOperations) -> None:
        self._records = records
        self._turns = Turns()

    async def put_record(self, record: bytes, lifetime: float, cas: int | None) -> Published:
        """Store a record, if ``cas`` is given only in place of the one with that sequence number.

        Fails as :meth:`RecordOperations.put_record`; with a condition also with
        ``NotConditional``, ``CasConflict`` or ``Uncertain``.
        """
        rules, where = self._records.identified(record)
        if cas is not None:
            rules.check_condition(cas)
            return await self._turns.alone(
                where.key, lambda: self._replace(rules, where, record, lifetime, cas)
            )
        store = partial(self._records.put_identified, rules, where, record, lifetime)
        return await (store() if rules.sequence is None else self._turns.alone(where.key, store))

    async def _replace(
        self, rules: RecordKind, where: StorageKey, record: bytes, lifetime: float, cas: int
    ) -> Published:
        storing = self._records.storing
        founds, there = await self._records.search_place(rules, where)
        if there is None or there.record != record:
            _check_read(rules, there, cas)
        if there is not None:
            await storing.bring(founds, where.key, there)
        body = Store(record, self._records.remaining(rules, record, lifetime), cas)
        nearest = await storing.store_nearest(founds, where.key, body)
        check_stored(nearest.outcomes, founds, body)
        decided = body._replace(cas=None)
        farther = await storing.store_farther(founds, where.key, decided)
        try:
            await self._read_back(rules, where, record)
        except BaseException:
            farther.cancel()
            raise
        return published(rules, Attempt(decided, (nearest, farther)), founds, storing)

    async def _read_back(self, rules: RecordKind, where: StorageKey, record: bytes) -> None:
        """Nothing, if the record is the winner at its place now."""
        try:
            read = await self._records.read(rules, where.key, "latest", patient=True)
        except Unavailable:
            raise Uncertain("the record was stored, but nobody answers any more") from None
        there = at_place(read.winners, where)
        if there is None or rules.supersedes(record, there.record):
            raise Uncertain("the record was stored, but is not found again")
        if there.record == record:
            return
        if rules.sequence is not None and rules.sequence(there.record) == rules.sequence(record):
            raise CasConflict("another writer has taken the place of the same record")
        raise Uncertain("the record was stored, and another writer wrote after it, or over it")


def _check_read(rules: RecordKind, there: Finding | None, cas: int) -> None:
    """:class:`CasConflict` unless the record with this sequence number stands there."""
    if there is None:
        raise CasConflict(f"no record was found to replace, so none with the sequence number {cas}")
    if rules.sequence is not None and rules.sequence(there.record) != cas:
        raise CasConflict(
            f"the sequence number stored is {rules.sequence(there.record)}, not {cas}: another "
            "writer was faster; read what is there before writing again"
        )
