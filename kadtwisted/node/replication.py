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
from twisted.python.failure import Failure

from kadtwisted.errors import RequestTimedOut, SendFailed
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

ROUNDS = 4
"""Offers of one record after each other, to the next closest where some were silent.  With half of
a table dead, k of 2k contacts are alive, and each round finds half of those still missing."""


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
            cost += await self._spread(link, due)
        return (page[-1].where if len(page) == PAGE else None), cost

    async def _spread(self, link: Link, due: Sequence[StoredRecord]) -> int:
        """Offer records to the k closest contacts that answer; the datagrams sent.

        After a crash of many nodes a table is full of dead contacts, and who was offered a record
        believes that copies have been counted.  So the next closest step in for who is silent.
        """
        silent: dict[Contact, None] = {}
        offered: dict[tuple[Contact, StorageKey], None] = {}
        cost = 0
        for _ in range(ROUNDS):
            targets = self._targets(link, due, silent, offered)
            if not targets:
                break
            cost += await self._offer(link, targets, silent)
        return cost

    def _targets(
        self,
        link: Link,
        due: Sequence[StoredRecord],
        silent: dict[Contact, None],
        offered: dict[tuple[Contact, StorageKey], None],
    ) -> dict[Contact, list[StoredRecord]]:
        """Which records each contact should hold and was not ``offered`` yet: it is among the k
        closest that we know and that are not ``silent``."""
        k = self._around.parameters.k
        targets: dict[Contact, list[StoredRecord]] = {}
        for record in due:
            known = link.table.closest(record.where.key, k + len(silent))
            for contact in [each for each in known if each not in silent][:k]:
                if (contact, record.where) not in offered:
                    offered[contact, record.where] = None
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
        cost = await self._offer(link, {contact: mine} if mine else {}, {})
        return (page[-1].where if len(page) == PAGE else None), cost

    def _is_ours_to_hand_off(self, link: Link, contact: Contact, record: StoredRecord) -> bool:
        """Whether the contact should hold a record and nobody nearer to it than we seems alive."""
        key = record.where.key
        closest = link.table.closest(key, self._around.parameters.k)
        if contact not in closest:
            return False
        own = self._around.node_id ^ key
        nearer = [each for each in closest if each.node_id ^ key < own and each != contact]
        return all(self._is_suspect(link, each) for each in nearer)

    def _is_suspect(self, link: Link, contact: Contact) -> bool:
        entry = link.table.get(contact.node_id)
        return entry is not None and entry.suspect

    async def _offer(
        self,
        link: Link,
        targets: dict[Contact, list[StoredRecord]],
        silent: dict[Contact, None],
    ) -> int:
        """Offer each contact its records, all contacts at once; the datagrams sent.

        Who does not answer is added to ``silent``.
        """
        offering: list[Deferred[int]] = []
        for contact, records in targets.items():
            for start in range(0, len(records), HAVE_LIMIT):
                batch = records[start : start + HAVE_LIMIT]
                offering.append(self._offer_batch(link, contact, batch, silent))
        results = await DeferredList(offering, consumeErrors=True)
        costs = [cost for succeeded, cost in results if succeeded and isinstance(cost, int)]
        return len(offering) + sum(costs)

    def _offer_batch(
        self,
        link: Link,
        contact: Contact,
        batch: Sequence[StoredRecord],
        silent: dict[Contact, None],
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

        def is_silent(failure: Failure) -> int:
            failure.trap(RequestTimedOut, SendFailed)
            silent[contact] = None
            return 0

        asking = link.ask(contact, Have(tuple(entries)), known=True)
        return asking.addCallbacks(send_wanted, is_silent)

    def _send(self, link: Link, contact: Contact, wanted: Sequence[StoredRecord]) -> Deferred[int]:
        now = self._around.world.now()
        lasting = [(each.data, remaining_at(each.expires, now)) for each in wanted]
        storing = [
            link.ask(contact, Store(data, left), known=True) for data, left in lasting if left
        ]
        self._counters.add("replication.stored", len(storing))
        ended: Deferred[Any] = DeferredList(storing, consumeErrors=True)
        return ended.addCallback(lambda _: len(storing))
