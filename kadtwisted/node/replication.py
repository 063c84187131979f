"""Bringing records back to the k closest nodes: by HAVE first, then STORE of what is wanted.

A holder passes over its records page by page.  What arrived, or was vouched for by another holder,
within the current period is skipped: one holder's pass serves all.  Passing a record on hands over
what is left of its life, never more.

:meth:`Replication.hand_off` does the same for one node that is new among the closest, for those
records of which we are the nearest holder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import Have, HaveEntry, Store, Wanted
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.node.counters import Counters
from kadtwisted.node.link import Link
from kadtwisted.node.record_store import RecordStore
from kadtwisted.node.requests import Answer
from kadtwisted.node.searches import Surroundings
from kadtwisted.parameters import HAVE_LIMIT
from kadtwisted.records.lifetime import remaining_at
from kadtwisted.records.value import version

PAGE = 32
"""Records looked at in one step."""


class Replication:
    """The replication of one node; every step returns the datagrams it cost."""

    def __init__(self, around: Surroundings, records: RecordStore, counters: Counters) -> None:
        self._around = around
        self._records = records
        self._counters = counters

    async def step(self, after: StorageKey | None, period: float) -> tuple[StorageKey | None, int]:
        """Replicate the next page of records; where to go on (``None``: the pass is over)."""
        page = await self._records.storage.page(after, PAGE)
        now = self._around.world.now()
        due = [
            each
            for each in page
            if each.expires > now and now - self._records.confirmed(each) >= period
        ]
        cost = 0
        for link in self._around.links.values():
            cost += await self._offer(link, self._targets(link, due))
        return (page[-1].where if len(page) == PAGE else None), cost

    def _targets(
        self, link: Link, due: Sequence[StoredRecord]
    ) -> dict[Contact, list[StoredRecord]]:
        """Which records each contact should hold: it is among the k closest we know."""
        k = self._around.parameters.k
        targets: dict[Contact, list[StoredRecord]] = {}
        for record in due:
            for contact in link.table.closest(record.where.key, k):
                targets.setdefault(contact, []).append(record)
        return targets

    async def hand_off(
        self, link: Link, contact: Contact, after: StorageKey | None
    ) -> tuple[StorageKey | None, int]:
        """Offer a new contact the next page's records that it should hold and we are nearest to."""
        page = await self._records.storage.page(after, PAGE)
        now = self._around.world.now()
        mine = [
            each
            for each in page
            if each.expires > now and self._is_ours_to_hand_off(link, contact, each)
        ]
        cost = await self._offer(link, {contact: mine} if mine else {})
        return (page[-1].where if len(page) == PAGE else None), cost

    def _is_ours_to_hand_off(self, link: Link, contact: Contact, record: StoredRecord) -> bool:
        key = record.where.key
        closest = link.table.closest(key, self._around.parameters.k)
        if contact not in closest:
            return False
        own = self._around.node_id ^ key
        return all(own < each.node_id ^ key for each in closest if each != contact)

    async def _offer(self, link: Link, targets: dict[Contact, list[StoredRecord]]) -> int:
        """Offer each contact its records, all contacts at once; the datagrams sent."""
        offering: list[Deferred[int]] = []
        for contact, records in targets.items():
            for start in range(0, len(records), HAVE_LIMIT):
                batch = records[start : start + HAVE_LIMIT]
                offering.append(self._offer_batch(link, contact, batch))
        results = await DeferredList(offering, consumeErrors=True)
        costs = [cost for succeeded, cost in results if succeeded and isinstance(cost, int)]
        return len(offering) + sum(costs)

    def _offer_batch(
        self, link: Link, contact: Contact, batch: Sequence[StoredRecord]
    ) -> Deferred[int]:
        """Send one HAVE, and a STORE for each record wanted."""
        entries = [HaveEntry(e.where.kind, e.where.key, version(e.data)) for e in batch]
        self._counters.add("replication.offered", len(entries))

        def send_wanted(answer: Answer) -> Deferred[int] | int:
            body = answer.reply.body
            bitmap = body.bitmap if isinstance(body, Wanted) else b""
            wanted = [
                record
                for index, record in enumerate(batch)
                if index // 8 < len(bitmap) and bitmap[index // 8] & 0x80 >> index % 8
            ]
            return self._send(link, contact, wanted) if wanted else 0

        asking = link.ask(contact, Have(tuple(entries)), known=True)
        return asking.addCallback(send_wanted)

    def _send(self, link: Link, contact: Contact, wanted: Sequence[StoredRecord]) -> Deferred[int]:
        now = self._around.world.now()
        lasting = [(each.data, remaining_at(each.expires, now)) for each in wanted]
        storing = [
            link.ask(contact, Store(data, left), known=True) for data, left in lasting if left
        ]
        self._counters.add("replication.stored", len(storing))
        ended: Deferred[Any] = DeferredList(storing, consumeErrors=True)
        return ended.addCallback(lambda _: len(storing))
