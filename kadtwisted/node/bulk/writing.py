"""Storing many values: straight on those who should keep them, where neighbours have told who.

A single put searches what is stored before it writes.  Here a value is dated by the clock and
stored at once.  Holders that have a newer one refuse it; then, and whenever fewer than three
quarters of the keepers acknowledge it, it is put as a single one is, with a search of its own.  So
a receipt says as much as that of a single put.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twisted.internet.defer import CancelledError

from kadtwisted.errors import RequestTimedOut
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Store
from kadtwisted.model.record import Value
from kadtwisted.model.results import Acknowledgement, Receipt
from kadtwisted.node.bulk.neighbourhoods import Batch, Neighbourhoods
from kadtwisted.node.bulk.pace import Pace
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.records import RecordOperations
from kadtwisted.node.operations.storing import Home
from kadtwisted.node.operations.writes.outcomes import Outcome, Refusal, is_superseded
from kadtwisted.node.operations.writes.receipts import Attempt, Published, published
from kadtwisted.node.operations.writes.spread import OF, QUORUM
from kadtwisted.records.kinds import VALUE
from kadtwisted.records.publishing import records_to_try


class Draft(NamedTuple):
    """A value to store: its key, its bencode, and for how long (s)."""

    key: NodeID
    v: bytes
    lifetime: float


class StoredValue(NamedTuple):
    """A value that was stored; on these ``homes``, if no search of its own was made."""

    published: Published
    homes: Sequence[Home] = ()
    began: float = 0.0


class BulkWriting:
    """Stores values, one at a time, of which it knows the neighbours."""

    def __init__(
        self,
        context: NodeContext,
        operations: RecordOperations,
        neighbourhoods: Neighbourhoods,
        pace: Pace,
    ) -> None:
        self._context = context
        self._operations = operations
        self._neighbourhoods = neighbourhoods
        self._pace = pace
        self._now = context.world.now

    async def put(self, draft: Draft, batch: Batch) -> StoredValue:
        """Store a value; fails as a single put does."""
        homes = await self._neighbourhoods.homes(draft.key, batch)
        stored = None if homes is None else await self._direct(draft, homes)
        self._context.counters.add("bulk.put_alone" if stored is None else "bulk.put_directly")
        return StoredValue(await self._alone(draft)) if stored is None else stored

    async def _alone(self, draft: Draft) -> Published:
        key, v, lifetime = draft
        return await self._operations.publish(VALUE, key, Value(key, 0, False, v), lifetime)

    async def _direct(self, draft: Draft, homes: Sequence[Home]) -> StoredValue | None:
        """Store it on its keepers; ``None`` if that is not enough."""
        key, v, lifetime = draft
        began = self._now()
        rules = VALUE.remembering()
        wanted = Value(key, 0, False, v)
        data = next(records_to_try(rules, wanted, (), self._context.clock.network_time()))
        body = Store(data, self._operations.remaining(rules, data, lifetime))
        spread = await self._operations.storing.store_known(homes, key, body)
        if not self._note_lost(spread.outcomes, homes, began):
            self._pace.took(began, self._now())
        if not _is_good(spread.outcomes, homes):
            spread.cancel()
            return None
        stored = published(rules, Attempt(body, (spread,)), (), self._operations.storing)
        return StoredValue(stored, homes, began)

    def _note_lost(self, outcomes: Sequence[Outcome], homes: Sequence[Home], began: float) -> bool:
        """Who is silent is looked for again before the values that follow; whether anybody is."""
        silent = {
            each.where
            for each in outcomes
            if isinstance(each, Refusal) and isinstance(each.error, RequestTimedOut)
        }
        for home in homes if silent else ():
            for contact in home.keepers:
                if str(contact) in silent:
                    self._neighbourhoods.lost(home.link, contact, began)
        if silent:
            self._pace.lost(began, self._now())
        return bool(silent)

    async def whole(self, draft: Draft, batch: Batch, written: StoredValue) -> Receipt:
        """The receipt when all have decided.

        If one of them has a newer value, the draft is put once more, later than that.  If some are
        silent, it is stored on those who take their places.  Cancelling this cancels the STOREs
        that are left.
        """
        stored, homes, began = written
        receipt = await stored.whole()
        outcomes = [each for spread in stored.spreads for each in spread.outcomes]
        if homes and any(map(_is_newer, outcomes)):
            return await (await self._alone(draft)).whole()
        if homes and self._note_lost(outcomes, homes, began):
            await self._stand_in(draft, batch, written)
        return receipt

    async def _stand_in(self, draft: Draft, batch: Batch, written: StoredValue) -> None:
        """Store a record on those who are keepers since others turned out to be silent."""
        homes = await self._neighbourhoods.homes(draft.key, batch)
        asked = {each.node_id for home in written.homes for each in home.keepers}
        new = [
            Home(home.link, [each for each in home.keepers if each.node_id not in asked])
            for home in homes or ()
        ]
        if not any(home.keepers for home in new):
            return
        record = written.published.record
        body = Store(record, self._operations.remaining(VALUE, record, draft.lifetime))
        spread = await self._operations.storing.store_also(new, draft.key, body)
        try:
            await spread.ended()
        except CancelledError:
            spread.cancel()
            raise


def _is_good(outcomes: Sequence[Outcome], homes: Sequence[Home]) -> bool:
    """Whether three quarters of the keepers have acknowledged, and nobody has a newer record."""
    acknowledged = sum(isinstance(each, Acknowledgement) for each in outcomes)
    asked = sum(len(each.keepers) for each in homes)
    return OF * acknowledged >= QUORUM * asked and not any(map(_is_newer, outcomes))


def _is_newer(outcome: Outcome) -> bool:
    """Whether a node said that it has a newer record."""
    return isinstance(outcome, Refusal) and is_superseded(outcome)
