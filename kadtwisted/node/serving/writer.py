"""Writing records: what is accepted, which record stays, and until when.

Writes under one key run one after the other, so that comparing and storing is one step for any
backend; which of those that wait is still done, :mod:`~kadtwisted.records.writes` decides.  A write
that was refused leaves nothing behind and does nothing later.  A storage that refused a write can
be tried again: so this node learns that it works, even if nobody stores anything.

What may be stored, and what gives way to it, says the ledger (:mod:`~kadtwisted.records.ledger`).
It books a record before the record is written, so that no two writes count on the same room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, FirstError, fail, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import (
    CasConflict,
    DiskFull,
    InvalidLifetime,
    KadtwistedError,
    StorageBusy,
    StorageFull,
    Superseded,
    TooFar,
)
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.serving.neighbours import Neighbours
from kadtwisted.records.crowds import OWN, UNKNOWN, Crowds, Source
from kadtwisted.records.floor import FLOOR_KIND, floor_among, floor_left, floor_place
from kadtwisted.records.kinds import Sender, just_before
from kadtwisted.records.ledger import Admission, Ledger, source_of
from kadtwisted.records.lifetime import clamp, deadline, remaining_at
from kadtwisted.records.writes import Pending, Replacers, Write, WriteQueue
from kadtwisted.upkeep.vouchers import Vouchers
from kadtwisted.wire.layout import RECORD_BYTES

PROBE = StorageKey(FLOOR_KIND, NodeID(0))
"""Where a storage is tried: no floor and no record has this place."""

SHORTEST = 1.0
"""Seconds that a record must have left: one with fewer would only erase another."""

PAGE = 512
"""Records read in one step while a node starts."""


class RecordWriter:
    """Writes the records of one node into its storage.

    When the storage refuses a write and did not refuse the one before, that is reported as a fault,
    unless it has no room within its own capacity.  ``neighbours`` say what is too far, and
    ``vouchers`` hear of records that are stored again.  ``changed`` is called with each record that
    was stored and was not there before.
    """

    def __init__(
        self, context: NodeContext, storage: IStorage, neighbours: Neighbours, vouchers: Vouchers
    ) -> None:
        bounds = context.settings.bounds
        self._neighbours = neighbours
        self._vouchers = vouchers
        self.ledger = Ledger(
            context.node_id,
            StorageUsage(bounds.stored_records, bounds.stored_bytes),
            fair=context.open_network,
            close_enough=neighbours.close_enough,
            crowds=Crowds(
                context.dialect.kinds.crowded,
                context.dialect.kinds.kept if context.open_network else (),
            ),
        )
        self._kinds = context.dialect.kinds
        self._storage = storage
        self._maximum = context.parameters.max_remaining
        self._now = context.world.now
        self._unix_time = context.world.unix_time
        self._faults = context.faults
        self._floors: dict[NodeID, float] = {}
        self.queue: WriteQueue[Deferred[int]] = WriteQueue(context.settings.bounds.pending_answers)
        self._replacers = Replacers()
        self._failing = False
        self.changed: Callable[[StoredRecord], object] = _nobody

    def store(
        self, record: bytes, remaining: float, cas: int | None, sender: Sender | None
    ) -> Deferred[int]:
        """See :meth:`~kadtwisted.node.serving.record_store.RecordStore.store`."""
        try:
            rules, where = self._kinds.identify(record)
            rules.check(record, self._unix_time())
            if sender is not None:
                rules.admit(record, sender)
            rules.check_condition(cas)
            if remaining < SHORTEST:
                raise InvalidLifetime("a record must have at least a second left")
            longest = min(self._maximum, rules.longest(record))
            remaining = clamp(remaining, longest)
            write = Write(rules, where, record, remaining, cas, sender=sender)
            return self._enter(write, bounded=sender is not None)
        except KadtwistedError as error:
            return fail(error)

    async def recall(self) -> None:
        """Find out what an earlier run left; fails as the storage does."""
        self.ledger.clear()
        after: StorageKey | None = None
        while True:
            page = await self._storage.page(after, PAGE)
            for each in page:
                if each.where != PROBE:
                    self.ledger.note(each, self._origin(each))
                if each.where.kind == FLOOR_KIND:
                    self._note(each)
            if len(page) < PAGE:
                return
            after = page[-1].where

    def _origin(self, stored: StoredRecord) -> Source:
        """From where a record came in an earlier run, if it says it itself."""
        rules = self._kinds.get(stored.where.kind)
        seen = None if rules is None else rules.origin(stored.data)
        return UNKNOWN if seen is None else source_of(seen)

    def _note(self, floor: StoredRecord) -> None:
        key = floor.where.key
        self._floors[key] = max(floor.expires, self._floors.get(key, floor.expires))

    def forget_expired(self, now: float) -> None:
        """Forget what is known of records and floors that have expired."""
        self.ledger.expire(now)
        self._floors = {key: until for key, until in self._floors.items() if until > now}

    # --- One after the other -----------------------------------------------------------------

    def _enter(self, write: Write, *, bounded: bool) -> Deferred[int]:
        done: Deferred[int] = Deferred(lambda done: self._give_up(write.where, done))
        pending, beaten = self.queue.enter(write, done, bounded=bounded)
        for each in beaten:
            each.errback(Superseded("a newer record is about to be stored here"))
        if pending is not None:
            self._run(pending)
        return done

    def _run(self, pending: Pending[Deferred[int]]) -> None:
        write = pending.write
        key = write.where.key
        reading = self._at(write.where, many=write.rules.many)
        if key in self._floors:
            pending.work = reading.addCallback(self._read_floors, write)
        else:
            pending.work = reading.addCallback(self._decide, (), write)
        pending.work.addBoth(self._ended, pending)

    def _ended(self, result: int | Failure, pending: Pending[Deferred[int]]) -> None:
        following = self.queue.leave(pending)
        for each in pending.hearers:
            each.callback(result)
        if following is not None:
            self._run(following)

    def _give_up(self, where: StorageKey, done: Deferred[int]) -> None:
        """Somebody no longer waits for a write; the next one may begin."""
        running = self.queue.give_up(where, done)
        done.errback(CancelledError())
        if running is not None:
            running.work.cancel()

    # --- One write ---------------------------------------------------------------------------

    def _at(self, where: StorageKey, *, many: bool) -> Deferred[Sequence[StoredRecord]]:
        """What may be stored at a place.  Where many stand under a key only one of them is read."""
        if many:
            return self._storage.page(just_before(where), 1)
        return self._storage.get(where.kind, where.key, self._now())

    def _read_floors(self, found: Sequence[StoredRecord], write: Write) -> Deferred[int]:
        reading = self._at(floor_place(write.where), many=write.rules.many)
        return reading.addCallback(lambda floors: self._decide(found, floors, write))

    def _decide(
        self, found: Sequence[StoredRecord], floors: Sequence[StoredRecord], write: Write
    ) -> Deferred[int]:
        where, data = write.where, write.record
        now = self._now()
        existing = next((each for each in found if each.where == where), None)
        if existing is not None and existing.expires <= now:
            existing = None
        floor = floor_among(floors, where)
        if floor is not None and floor.expires <= now:
            floor = None
        same = existing is not None and existing.data == data
        if not same:
            _check_condition(write, existing)
        elif self._replacers.has_lost(write):
            raise CasConflict("another node has replaced the record by the same one")
        if floor is not None and not write.rules.holds_against(data, floor.data):
            raise Superseded("a newer record was stored here")
        if existing is None and self._neighbours.is_too_far(where.key, write.sender):
            raise TooFar("many nodes are closer to the key")
        expires = deadline(existing, same, write.remaining, now, self._maximum)
        arrived = existing.arrived if existing is not None and same else now
        record = StoredRecord(where, data, expires, arrived)
        until = now + write.floor_remaining
        if existing is not None:
            until = max(until, existing.expires)
        needed = floor_left(write.rules, record, floor, until)
        writing = self._put(record, needed, self._source(write, same), now)
        if not same:
            self._replacers.note(write)
        if same:
            writing.addCallback(self._vouched, write)
        left = remaining_at(expires, now)
        news = None if same else record
        return writing.addCallbacks(self._wrote, self._refused, callbackArgs=(left, news))

    def _source(self, write: Write, same: bool) -> Source:
        """Who answers for a record: whoever stored it here first, or ourselves if we store it."""
        if write.sender is None:
            return OWN
        first = self.ledger.source(write.where) if same else None
        return source_of(write.sender.endpoint) if first is None else first

    def _vouched(self, result: None, write: Write) -> None:
        """Who stores again what is here holds it, too."""
        voucher = self._neighbours.vouches(write.where.key, write.sender)
        if voucher is not None:
            self._vouchers.vouch(write.where, voucher, self._now())

    def _put(
        self, record: StoredRecord, floor: StoredRecord | None, source: Source, now: float
    ) -> Deferred[None]:
        """Store a record; before it the floor that it needs, so that no crash comes between."""
        records = [record] if floor is None else [floor, record]
        self.ledger.expire(now)
        admission = self.ledger.admit(records, source)
        if floor is not None:
            self._note(floor)
        writing = self._clear(admission.leaving, records, now)
        return writing.addErrback(self._not_booked, admission)

    def _clear(
        self, leaving: Sequence[StorageKey], records: Sequence[StoredRecord], now: float
    ) -> Deferred[None]:
        """Remove what gives way to records, then store them one after the other."""
        if not leaving:
            return self._put_next(None, records, now)
        removing = [self._storage.remove(each) for each in leaving]
        clearing: Deferred[Any] = DeferredList(removing, fireOnOneErrback=True, consumeErrors=True)
        return clearing.addCallback(self._put_next, records, now)

    def _put_next(self, _: object, records: Sequence[StoredRecord], now: float) -> Deferred[None]:
        writing = self._storage.put(records[0], now)
        return writing.addCallback(self._put_next, records[1:], now) if records[1:] else writing

    def _not_booked(self, failure: Failure, admission: Admission) -> Failure:
        """A write that failed takes no room.  One that nobody waits for may still be done."""
        if not failure.check(CancelledError):
            self.ledger.undo(admission)
        error = failure.value
        return error.subFailure if isinstance(error, FirstError) else failure

    def _wrote(self, _: None, left: int, news: StoredRecord | None = None) -> int:
        self._failing = False
        if news is not None:
            self.changed(news)
        return left

    def _refused(self, failure: Failure) -> Failure:
        """A write whose caller cancelled it says nothing about the storage."""
        if failure.check(CancelledError):
            return failure
        if failure.check(StorageFull) and not failure.check(DiskFull):
            return failure  # it works, and has no room within its bounds
        before, self._failing = self._failing, not failure.check(StorageBusy)
        if self._failing and not before:
            why = failure.getErrorMessage()
            self._faults.report("storage", f"records cannot be stored: {why}")
        return failure

    # --- A storage that fails ----------------------------------------------------------------

    def is_failing(self) -> bool:
        """See :meth:`~kadtwisted.node.serving.record_store.RecordStore.is_failing`."""
        return self._failing

    def try_again(self) -> Deferred[int]:
        """See :meth:`~kadtwisted.node.serving.record_store.RecordStore.try_again`."""
        if not self._failing:
            return succeed(0)
        now = self._now()
        writing = self._storage.put(StoredRecord(PROBE, bytes(RECORD_BYTES), now, now), now)
        return writing.addCallbacks(self._wrote, self._still_refused, callbackArgs=(0,))

    def _still_refused(self, failure: Failure) -> Failure:
        """A storage that has no room by now is full.  Whether it fails, the next write will tell,
        and until there is room there is none."""
        if failure.check(StorageFull) and not failure.check(DiskFull):
            self._failing = False
        return self._refused(failure)


def _nobody(_: StoredRecord) -> None:
    """Nobody is told of newer records."""


def _check_condition(write: Write, existing: StoredRecord | None) -> None:
    """Refuse a record whose condition fails, and one that the record at its place wins over.

    The same record stored again mostly repeats a request: it never comes here.
    """
    rules, cas = write.rules, write.cas
    if cas is not None and rules.sequence is not None:
        stored = None if existing is None else rules.sequence(existing.data)
        if stored != cas:
            raise CasConflict(f"the sequence number stored here is {stored}, not {cas}")
    if existing is not None and not rules.supersedes(write.record, existing.data):
        raise Superseded("a newer record is stored here already")
