"""Searching and publishing records of any kind: lookups, stores and receipts.

The rules of a kind (``records/kinds.py``) say what its records are, which of two wins, and how the
next one is made.  Here is what is the same for all kinds.

To publish, a node first searches what is stored.  So it can make a record that wins, and it knows
the closest nodes and has their tokens.  Then it stores the record on the k closest nodes of each
family, and tells which of them acknowledged it (``writes/``).  On a network without a secret it
also stores on other nodes near the key, because liars may have crowded between them and the key.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

from kadtwisted.errors import (
    InvalidInput,
    InvalidRecord,
    NoContacts,
    Superseded,
    Unavailable,
)
from kadtwisted.lookup.records import Mode
from kadtwisted.model.contact import Contact, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Store
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.model.results import Collection, FoundRecord, Trace
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.searches import (
    Found,
    Query,
    all_of,
    find_records,
    first_of,
    measure_network,
    merge_traces,
)
from kadtwisted.node.operations.sizes import disjoint_paths
from kadtwisted.node.operations.storing import Storing, check_owner, repair
from kadtwisted.node.operations.writes.outcomes import is_acknowledged, is_contested
from kadtwisted.node.operations.writes.receipts import Attempt, Published, published
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.records.findings import Finding, merged
from kadtwisted.records.kinds import RecordKind
from kadtwisted.records.lifetime import remaining_at
from kadtwisted.records.publishing import last_resort, records_to_try


class Read(NamedTuple):
    """What a search found: the winner at each place, the searches that found it, and what this node
    holds itself."""

    winners: tuple[Finding, ...]
    founds: Sequence[Found]
    local: tuple[Finding, ...]

    @property
    def answered(self) -> bool:
        """Whether any other node answered, or none was asked."""
        return not self.founds or any(each.answered for each in self.founds)

    @property
    def trace(self) -> Trace:
        """One trace of all lookups."""
        return merge_traces([each.trace for each in self.founds])

    def holders(self, winner: Finding) -> int:
        """How many nodes were found to hold a winner, this one among them."""
        found = [winner, *(each for found in self.founds for each in found.winners)]
        others = {
            contact.node_id
            for each in found
            if each.where == winner.where and each.version == winner.version
            for contact in each.holders
        }
        own = any(each.record == winner.record for each in self.local)
        return len(others) + own


def at_place(winners: Sequence[Finding], where: StorageKey) -> Finding | None:
    """The winner at one place, if there is one."""
    return next((each for each in winners if each.where == where), None)


class RecordOperations:
    """Searches and publishes records for one node."""

    def __init__(self, context: NodeContext, links: Links, records: RecordStore) -> None:
        self._context = context
        self._links = links
        self._records = records
        self.storing = Storing(context, links, records)

    # --- Reading -----------------------------------------------------------------------------

    async def read(
        self,
        rules: RecordKind,
        key: NodeID,
        mode: Mode,
        *,
        whole: bool = True,
        gently: bool = False,
        patient: bool = False,
    ) -> Read:
        """The records of one kind under a key; of many, unless ``whole``, those of first answers.

        In ``first`` mode what this node holds is enough.  In ``latest`` mode, and if the kind has
        one record under a key, the winner is sent to those of the closest nodes that lack it.
        ``gently``: nobody waits for it, and nothing is repaired.  ``patient``: also who is slow is
        heard out.

        Fails with ``NoContacts``, or with ``Unavailable`` if nobody answered and nothing was found.
        """
        rules = rules.remembering()
        local = await self.local(rules, key)
        query = Query(rules, key, mode, whole, gently, patient=patient)
        founds = [] if local and mode == "first" else await self._search(query)
        read = self._read(rules, founds, local)
        if not read.winners and not read.answered:
            raise Unavailable("none of the nodes we know answered")
        if mode == "latest" and not rules.many and not gently:
            for winner in read.winners:
                self._repair(winner, founds)
        return read

    async def collect(self, kind: int, key: NodeID) -> Collection:
        """All records of one kind under a key; see :meth:`INode.collect`."""
        rules = self.rules(kind)
        read = await self.read(rules, key, "latest")
        return Collection(
            kind,
            key,
            tuple(
                FoundRecord(
                    each.where,
                    each.record,
                    rules.decode(each.record),
                    each.remaining,
                    read.holders(each),
                )
                for each in read.winners
            ),
            read.trace,
        )

    def identified(self, record: bytes) -> tuple[RecordKind, StorageKey]:
        """The rules of a record of ours, which verify it once, and its place."""
        rules = self._context.dialect.kinds.rules_of(record).remembering()
        return rules, rules.identify(record)

    async def search_place(
        self, rules: RecordKind, where: StorageKey
    ) -> tuple[list[Found], Finding | None]:
        """What a search before a conditional write found, and the winner at one place, here or
        elsewhere.  All of the closest are heard out: one that is slow may hold what decides."""
        founds = await self.search_to_write(Query(rules, where.key, "latest", patient=True))
        read = self._read(rules, founds, await self.local(rules, where.key))
        return founds, at_place(read.winners, where)

    def rules(self, kind: int) -> RecordKind:
        """The rules of a kind; :class:`InvalidInput` if the network does not admit it."""
        rules = self._context.dialect.kinds.get(kind)
        if rules is None:
            raise InvalidInput(f"records of kind {kind} are not admitted on this network")
        return rules

    def _read(self, rules: RecordKind, founds: Sequence[Found], local: tuple[Finding, ...]) -> Read:
        candidates = [each for found in founds for each in found.winners]
        return Read(merged(rules, [*candidates, *local]), founds, local)

    async def local(self, rules: RecordKind, key: NodeID) -> tuple[Finding, ...]:
        """What this node itself holds, if it still is what was stored: others may have been at the
        disk."""
        held = await self._records.find(rules.number, key)
        now = self._context.world.now()
        return tuple(
            Finding(
                each.where, each.data, rules.version(each.data), remaining_at(each.expires, now)
            )
            for each in held
            if _is_sound(rules, each)
        )

    async def _search(self, query: Query) -> list[Found]:
        links = [e for e in self._links.connected() if query.family in (None, e.family)]
        if not links and self._links.read_only:
            raise NoContacts("no other node is known: bootstrap first")
        if not links:
            return []
        if query.mode == "first":
            return await self._search_first(links, query)
        paths = [disjoint_paths(self._context, each) for each in links]
        return await all_of(
            [
                find_records(self._context, link, query, paths=each)
                for link, each in zip(links, paths, strict=True)
            ]
        )

    async def _search_first(self, links: Sequence[Link], query: Query) -> list[Found]:
        """Search on one path; nothing found there may be a liar's doing, so where the network has
        room for disjoint paths, search on those before the miss is believed."""
        context = self._context
        started = context.world.now()
        founds = await first_of([find_records(context, each, query) for each in links], _has_record)
        paths = {link.family: disjoint_paths(context, link) for link in links}
        again = [link for link in links if paths[link.family] > 1]
        if any(_has_record(each) for each in founds) or not again:
            return founds
        confirming = [
            find_records(context, link, query, paths=paths[link.family], since=started)
            for link in again
        ]
        return founds + await first_of(confirming, _has_record)

    def _repair(self, winner: Finding, founds: Sequence[Found]) -> None:
        """Bring the winner to those of the closest that lack it, also to those that answer when the
        search is over: one write each, unawaited."""
        if winner.remaining < 1:
            return
        body = Store(winner.record, winner.remaining)

        def repair_late(link: Link, contact: Contact, versions: Sequence[bytes] | None) -> None:
            if versions is not None and winner.version not in versions:
                repair(self._context, link, contact, body)

        for found in founds:
            for contact in found.lacking(winner.version):
                repair(self._context, found.link, contact, body)
            for contact in found.late.contacts:
                found.late.when(contact, partial(repair_late, found.link, contact))

    # --- Publishing --------------------------------------------------------------------------

    async def publish(
        self,
        rules: RecordKind,
        key: NodeID,
        wanted: Any,
        lifetime: float,
        family: Family | None = None,
    ) -> Published:
        """Make the next record under a key and store it, in all address families or in one.

        ``wanted`` is what the kind's ``publish`` takes.  It is tried again with a later time if
        nodes say that it is superseded (:mod:`~kadtwisted.records.publishing`).  Fails as
        :func:`check_stored` and the kind's ``publish`` do.
        """
        rules = rules.remembering()
        query = Query(rules, key, "latest", whole=False, family=family)
        founds = await self.search_to_write(query)
        read = self._read(rules, founds, await self.local(rules, key))
        seen = [each.record for each in read.winners]
        unix_now = self._context.clock.network_time()
        best: Attempt | None = None
        for data in records_to_try(rules, wanted, seen, unix_now):
            attempt = await self._attempt(rules, data, lifetime, founds)
            if best is None or is_acknowledged(attempt.outcomes):
                best = attempt
            if not is_contested(attempt.outcomes):
                break
        assert best is not None, "there is always one record to try"
        if is_contested(best.outcomes) and not is_acknowledged(best.outcomes):
            last = last_resort(rules, wanted, seen, unix_now)
            best = best if last is None else await self._attempt(rules, last, lifetime, founds)
        return published(rules, best, founds, self.storing)

    async def _attempt(
        self, rules: RecordKind, data: bytes, lifetime: float, founds: Sequence[Found]
    ) -> Attempt:
        body = Store(data, self.remaining(rules, data, lifetime))
        spread = await self.storing.store(founds, rules.identify(data).key, body)
        return Attempt(body, (spread,))

    async def put_record(self, record: bytes, lifetime: float) -> Published:
        """Store a record as it is.

        Fails with ``InvalidRecord``, with ``Superseded`` if a record that wins over this one was
        found at its place, or another one with its sequence number, or as :func:`check_stored`
        does.
        """
        return await self.put_identified(*self.identified(record), record, lifetime)

    async def put_identified(
        self, rules: RecordKind, where: StorageKey, record: bytes, lifetime: float
    ) -> Published:
        """The same, for a record whose kind and place are known."""
        if not rules.passed_on:
            check_owner(rules, record, self._links, self._context.public_key)
        return await self._put(rules, where, record, lifetime)

    async def _put(
        self,
        rules: RecordKind,
        where: StorageKey,
        record: bytes,
        lifetime: float,
        *,
        gently: bool = False,
    ) -> Published:
        """``gently`` if the record stood there before and nobody waits: then it has a right to its
        sequence number, and which of two records with the same one stays is for the kind."""
        query = Query(rules, where.key, "latest", whole=False, gently=gently)
        founds = await self.search_to_write(query)
        there = at_place(self._read(rules, founds, ()).winners, where)
        if there is not None and rules.supersedes(there.record, record):
            raise Superseded("another record has taken the place of this one")
        if there is not None and not gently and _is_rival(rules, record, there.record):
            raise Superseded("another record with this sequence number stands here already")
        body = Store(record, self.remaining(rules, record, lifetime))
        spread = await self.storing.store(founds, where.key, body)
        return published(rules, Attempt(body, (spread,)), founds, self.storing)

    async def publish_again(
        self, record: bytes, lifetime: float, *, put_back: bool = False
    ) -> bytes:
        """Store a record of our own anew, with a fresh lifetime, while nobody waits for it; what
        was stored, when all nodes have decided.  Fails as :meth:`put_record`.

        With ``put_back`` a record whose place was taken is made anew if the place is free again:
        by its date it would lose to what is gone.
        """
        rules, where = self.identified(record)
        try:
            again = await self._put(rules, where, record, lifetime, gently=True)
        except Superseded:
            if not put_back:
                raise
        else:
            await again.whole()
            return again.record
        there = at_place((await self.read(rules, where.key, "latest")).winners, where)
        wanted = rules.renew(record, None if there is None else there.record)
        if wanted is None:
            raise Superseded("another record still has the place of this one")
        stored = await self.publish(rules, where.key, wanted, lifetime)
        await stored.whole()
        return stored.record

    async def search_to_write(self, query: Query) -> list[Found]:
        """Search what is there; find out meanwhile how large the network is, if that is unknown."""
        measuring = [measure_network(self._context, each) for each in self._links.connected()]
        searching: Deferred[Any] = Deferred.fromCoroutine(self._search(query))
        founds: list[Found] = (await all_of([searching, *measuring]))[0]
        return founds

    def remaining(self, rules: RecordKind, record: bytes, lifetime: float) -> int:
        """The whole seconds that holders are asked to keep a record, at most what they may."""
        longest = min(self._context.parameters.max_remaining, rules.longest(record))
        return math.ceil(min(lifetime, longest))


def _is_rival(rules: RecordKind, record: bytes, there: bytes) -> bool:
    """Whether another record has the sequence number of this one."""
    sequence = rules.sequence
    return sequence is not None and record != there and sequence(record) == sequence(there)


def _is_sound(rules: RecordKind, held: StoredRecord) -> bool:
    try:
        return rules.identify(held.data) == held.where
    except InvalidRecord:
        return False


def _has_record(found: Found) -> bool:
    return bool(found.winners)
