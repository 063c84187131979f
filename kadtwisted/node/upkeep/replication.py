"""Bringing records back to the k closest nodes: by HAVE first, then STORE of what is wanted.

If the network's dialect has no HAVE, every record is sent by STORE.

A holder passes over its records page by page, and looks up the nodes that should hold them.  What
arrived, or was vouched for by another holder that may be believed, within the current period is
skipped: one holder's pass serves all.  Passing a record on hands over what is left of its life,
never more.

A pass goes along a *lane*: one for each network from which many records came, and one for all
others.  Lanes take turns page by page, so nobody holds up the records of others by many of its own.

:meth:`Replication.hand_off` does the same for one node that is new among the closest, for those
records of which we are one of the nearest holders.

Records of kinds that are not passed on (``RecordKind.passed_on``) are left to their owners.

Nodes that are known not to know a kind of record are passed over for it, and the next closest take
their place (:mod:`~kadtwisted.node.upkeep.kinds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nsmallest
from operator import itemgetter
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from kadtwisted.constants import HAVE_LIMIT
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Have, HaveEntry, Store, Wanted
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.searches import find_at_cost
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.upkeep.kinds import closest_that_know, may_know, reach_knowing
from kadtwisted.records.lifetime import remaining_at

Lane = bytes
"""The source that has it (``records/ledger.py``), or :data:`EVERYBODY`."""

PAGE = 32
"""Records looked at in one step."""

LIGHT = 4 * PAGE
"""A network from which more records came has a lane of its own.  MAGIC: whoever wants to stretch
the common lane by 100,000 records needs 780 networks for it."""

EVERYBODY: Lane = b"*"
"""The lane of all others: no network, whose first bytes are 2 or 4."""

NEAREST_HOLDERS = 3
"""So many holders offer a record to a newcomer: one of them alone might be a liar."""

PASSES_A_PERIOD = 2
SKIP_WITHIN = 2 / 3
"""A holder looks through its records twice a period and skips what was confirmed within two thirds
of one: so with any number of holders copies are counted at least once a period."""

REACHED_FACTOR = 3
"""Of the nodes that a lookup reached, so many times k at most are considered for its neighbours."""

BEYOND_FACTOR = 4
"""A holder that is not among the k closest (any more) offers its records so much less often: nobody
vouches to it for them, and the k closest see to them.  MAGIC: a crash of all of these at once is
made good after this many periods."""


class Replication:
    """The replication of one node; every step returns the datagrams it cost."""

    def __init__(self, context: NodeContext, links: Links, records: RecordStore) -> None:
        self._context = context
        self._links = links
        self._records = records
        self._counters = context.counters
        self._kept = context.dialect.kinds.kept
        self._rests_until: dict[StorageKey, float] = {}
        self._passes: dict[Lane, list[StorageKey]] = {}

    def lanes(self) -> list[Lane]:
        """The lanes of networks from which many records came."""
        return [source for source, count in self._records.ledger.sources() if count > LIGHT]

    def is_under_way(self, lane: Lane) -> bool:
        """Whether a pass along this lane has begun and not ended."""
        return lane in self._passes

    def give_up(self, lane: Lane) -> None:
        """End the pass along this lane."""
        self._passes.pop(lane, None)

    async def step(self, lane: Lane, period: float) -> tuple[bool, float]:
        """Replicate the next page of those records of a lane that nobody did for most of a period;
        whether more follow in this pass."""
        now = self._context.world.now()
        if lane not in self._passes:
            self._begin(lane, now)
        left = self._passes[lane]
        places = [left.pop() for _ in left[-PAGE:]]
        if not left:
            del self._passes[lane]
        within = period * SKIP_WITHIN
        due: list[StoredRecord] = []
        excused: list[StoredRecord] = []
        for each in await self._records.at(places):
            if now - each.arrived >= within and now >= self._rests_until.get(each.where, now):
                skip = self._records.is_left_to_others(each, within)
                (excused if skip else due).append(each)
        cost = 0.0
        for link in self._links.connected():
            for records in self._neighbours(link, due) + self._disbelieved(link, excused):
                cost += await self._spread(link, records, within)
        return bool(left), cost

    def _begin(self, lane: Lane, now: float) -> None:
        """Begin a pass: the places along a lane, in the order of their keys, the last one first."""
        ledger = self._records.ledger
        crowded = dict.fromkeys(self.lanes())
        light = (source for source, _ in ledger.sources() if source not in crowded)
        sources = list(light) if lane == EVERYBODY else [lane]
        kept = self._kept
        places = [w for source in sources for w in ledger.places(source) if w.kind not in kept]
        places.sort(reverse=True, key=itemgetter(1))  # the key; 100,000 of them in some 0.1 s
        self._passes[lane] = places
        if lane == EVERYBODY:
            self._rests_until = {w: at for w, at in self._rests_until.items() if at > now}

    def _disbelieved(self, link: Link, excused: list[StoredRecord]) -> list[list[StoredRecord]]:
        """Those groups of records that are replicated although others vouched for them."""
        groups = self._neighbours(link, excused)
        return [each for each in groups if not self._records.believes_others(PASSES_A_PERIOD)]

    def _neighbours(self, link: Link, due: Sequence[StoredRecord]) -> list[list[StoredRecord]]:
        """The records in groups whose keys have the same nearest node, by what our table knows."""
        groups: dict[NodeID, list[StoredRecord]] = {}
        own = self._context.node_id
        for record in due:
            key = record.where.key
            known = [own, *(contact.node_id for contact in link.table.closest(key, 1))]
            groups.setdefault(min(known, key=key.__xor__), []).append(record)
        return list(groups.values())

    async def _spread(self, link: Link, records: Sequence[StoredRecord], period: float) -> float:
        """Offer records with neighbouring keys to the k closest nodes; the datagrams sent.

        These are looked up: a table is full of dead contacts after a crash, and even at its best
        knows only k of the nodes in each of its ranges.  One lookup serves all the neighbours.
        """
        lookup, cost = await find_at_cost(self._context, link, records[0].where.key)
        reached: Sequence[Contact] = lookup.closest(REACHED_FACTOR * self._context.parameters.k)
        if not reached:
            return cost
        reached, more = await reach_knowing(self._context, link, records, reached)
        cost += more
        now = self._context.world.now()
        targets: dict[Contact, list[StoredRecord]] = {}
        for record in records:
            holders = self._holders(link, record.where, reached)
            for contact in holders:
                targets.setdefault(contact, []).append(record)
            beyond = self._is_beyond(record.where.key, holders)
            rest = period * (BEYOND_FACTOR if beyond else 1)
            self._rests_until[record.where] = now + rest
        return cost + await self._offer(link, targets)

    def _holders(self, link: Link, where: StorageKey, reached: Sequence[Contact]) -> list[Contact]:
        """The k closest to a record that may know its kind, of those just reached and those in our
        table that seem alive."""
        key, k = where.key, self._context.parameters.k
        known = closest_that_know(link, where, k)
        alive = {each.node_id: each for each in known if not _is_suspect(link, each)}
        knowing = (each for each in reached if may_know(link, each, where.kind))
        alive.update((each.node_id, each) for each in knowing)
        return [alive[node_id] for node_id in nsmallest(k, alive, key=key.__xor__)]

    def _is_beyond(self, key: NodeID, holders: Sequence[Contact]) -> bool:
        """Whether k others are all closer to the key than this node."""
        full = len(holders) >= self._context.parameters.k
        return full and holders[-1].node_id ^ key < self._context.node_id ^ key

    async def hand_off(
        self, link: Link, contact: Contact, after: StorageKey | None
    ) -> tuple[StorageKey | None, int]:
        """Offer a new contact the next page's records that it should hold and we are near to."""
        page = await self._records.page(after, PAGE)
        now = self._context.world.now()
        mine = [
            each
            for each in page
            if each.expires > now
            and each.where.kind not in self._kept
            and self._is_ours_to_hand_off(link, contact, each)
        ]
        cost = await self._offer(link, {contact: mine} if mine else {})
        return (page[-1].where if len(page) == PAGE else None), cost

    def _is_ours_to_hand_off(self, link: Link, contact: Contact, record: StoredRecord) -> bool:
        """Whether the contact should hold a record, and few that seem alive are nearer than we."""
        key = record.where.key
        closest = closest_that_know(link, record.where, self._context.parameters.k)
        if contact not in closest:
            return False
        own = self._context.node_id ^ key
        nearer = [each for each in closest if each.node_id ^ key < own and each != contact]
        return sum(not _is_suspect(link, each) for each in nearer) < NEAREST_HOLDERS

    async def _offer(self, link: Link, targets: Mapping[Contact, Sequence[StoredRecord]]) -> int:
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
        if not self._context.dialect.has(Have):
            return self._send(link, contact, batch)
        version = self._records.version
        entries = [HaveEntry(e.where.kind, e.where.key, version(e)) for e in batch]
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
        now = self._context.world.now()
        lasting = [(each.data, remaining_at(each.expires, now)) for each in wanted]
        storing = [
            link.ask(contact, Store(data, left), known=True) for data, left in lasting if left
        ]
        self._counters.add("replication.stored", len(storing))
        ended: Deferred[Any] = DeferredList(storing, consumeErrors=True)
        return ended.addCallback(lambda _: len(storing))


def _is_suspect(link: Link, contact: Contact) -> bool:
    """Whether the last request to a contact of the table failed."""
    entry = link.table.get(contact.node_id)
    return entry is not None and entry.suspect
