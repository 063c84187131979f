"""Writing records: what is accepted, which record stays, and until when.

Writes under one key run one after the other, so that comparing and storing is one step for any
backend; which of those that wait is still done, :mod:`~kadtwisted.records.writes` decides.  A write
that was refused leaves nothing behind and does nothing later.  A storage that refused a write can
be tried again: so this node learns that it works, even if nobody stores anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import (
    CasConflict,
    InvalidLifetime,
    KadtwistedError,
    StorageBusy,
    StorageFull,
    Superseded,
)
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.records.floor import FLOOR_KIND, floor_among, floor_left
from kadtwisted.records.kinds import Sender
from kadtwisted.records.lifetime import clamp, deadline, remaining_at
from kadtwisted.records.writes import Pending, Write, WriteQueue
from kadtwisted.wire.layout import RECORD_BYTES

PROBE = StorageKey(FLOOR_KIND, NodeID(0))
"""Where a storage is tried: no floor and no record has this place."""

SHORTEST = 1.0
"""Seconds that a record must have left: one with fewer would only erase another."""

PAGE = 512
"""Records read in one step while a node starts."""


class RecordWriter:
    """Writes the records of one node into its storage.

    When the storage refuses a write and did not refuse the one before, that is reported as a fault.
    """

    def __init__(self, context: NodeContext, storage: IStorage) -> None:
        self._kinds = context.dialect.kinds
        self._storage = storage
        self._maximum = context.parameters.max_remaining
        self._now = context.world.now
        self._unix_time = context.world.unix_time
        self._faults = context.faults
        self._floors: dict[NodeID, float] = {}
        self.queue: WriteQueue[Deferred[int]] = WriteQueue(context.settings.bounds.pending_answers)
        self._failing = False

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
            write = Write(rules, where, record, clamp(remaining, longest), cas)
            return self._enter(write, bounded=sender is not None)
        except KadtwistedError as error:
            return fail(error)

    async def recall_floors(self) -> None:
        """Find out which floors an earlier run left; fails as the storage does."""
        after: StorageKey | None = None
        while True:
            page = await self._storage.page(after, PAGE)
            floors = [each for each in page if each.where.kind == FLOOR_KIND]
            for each in floors:
                self._note(each)
            if len(floors) < PAGE:
                return
            after = floors[-1].where

    def _note(self, floor: StoredRecord) -> None:
        key = floor.where.key
        self._floors[key] = max(floor.expires, self._floors.get(key, floor.expires))

    def forget_floors(self, now: float) -> None:
        """Forget where floors were that have expired."""
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
        kind, key, _ = write.where
        reading = self._storage.get(kind, key, self._now())
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

    def _read_floors(self, found: Sequence[StoredRecord], write: Write) -> Deferred[int]:
        reading = self._storage.get(FLOOR_KIND, write.where.key, self._now())
        return reading.addCallback(lambda floors: self._decide(found, floors, write))

    def _decide(
        self, found: Sequence[StoredRecord], floors: Sequence[StoredRecord], write: Write
    ) -> Deferred[int]:
        where, data = write.where, write.record
        now = self._now()
        existing = next((each for each in found if each.where == where), None)
        floor = floor_among(floors, where)
        same = existing is not None and existing.data == data
        if not same:
            _check_condition(write, existing)
        if floor is not None and not write.rules.holds_against(data, floor.data):
            raise Superseded("a newer record was stored here")
        if existing is None and len(found) >= write.rules.most:
            raise StorageFull("as many records as may be are kept under this key")
        expires = deadline(existing, same, write.remaining, now, self._maximum)
        record = StoredRecord(where, data, expires, now)
        until = now + write.floor_remaining
        if existing is not None:
            until = max(until, existing.expires)
        writing = self._put(record, floor_left(write.rules, record, floor, until), now)
        left = remaining_at(expires, now)
        return writing.addCallbacks(self._wrote, self._refused, callbackArgs=(left,))

    def _put(self, record: StoredRecord, floor: StoredRecord | None, now: float) -> Deferred[None]:
        """Store a record; before it the floor that it needs, so that no crash comes between."""
        if floor is None:
            return self._storage.put(record, now)
        self._note(floor)
        writing = self._storage.put(floor, now)
        return writing.addCallback(lambda _: self._storage.put(record, now))

    def _wrote(self, _: None, left: int) -> int:
        self._failing = False
        return left

    def _refused(self, failure: Failure) -> Failure:
        """A write whose caller cancelled it says nothing about the storage."""
        if failure.check(CancelledError):
            return failure
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
        return writing.addCallbacks(self._wrote, self._refused, callbackArgs=(0,))


def _check_condition(write: Write, existing: StoredRecord | None) -> None:
    """Refuse a record whose condition fails, and one that the record at its place wins over.

    The same record stored again only repeats a request: it never comes here.
    """
    rules, cas = write.rules, write.cas
    if cas is not None and rules.sequence is not None:
        stored = None if existing is None else rules.sequence(existing.data)
        if stored != cas:
            raise CasConflict(f"the sequence number stored here is {stored}, not {cas}")
    if existing is not None and not rules.supersedes(write.record, existing.data):
        raise Superseded("a newer record is stored here already")
