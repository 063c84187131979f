"""The policy around a dumb storage: what is accepted, which record stays, and until when.

Every write under one key waits for the one before it, so that comparing and storing is one step for
any backend.  What comes in is checked on arrival; reading hands out what was checked.  A storage
that refused a write can be tried again: so this node learns that it works, even if nobody stores
anything.  The rules of a record are those of its kind (``records/kinds.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, DeferredLock, fail, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import (
    CasConflict,
    KadtwistedError,
    StorageBusy,
    StorageFull,
    Superseded,
)
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Have
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.records.kinds import RecordKind, Sender
from kadtwisted.records.lifetime import clamp, deadline, remaining_at
from kadtwisted.wire.layout import RECORD_BYTES, RECORDS_LIMIT

PROBE = StorageKey(0, NodeID(0))
"""Where a storage is tried: a kind that no record has."""


class Write(NamedTuple):
    """A checked record on its way into the storage: its rules, where it belongs, the seconds to
    keep it, and the sequence number that must be stored there now, if the write is conditional."""

    rules: RecordKind
    where: StorageKey
    record: bytes
    remaining: float
    cas: int | None


class RecordStore:
    """Stores and finds records for the node and for those who ask it.

    When the storage refuses a write and did not refuse the one before, that is reported as a fault.
    """

    def __init__(self, context: NodeContext, storage: IStorage) -> None:
        self.kinds = context.dialect.kinds
        self._storage = storage
        self._maximum = context.parameters.max_remaining
        self._now = context.world.now
        self._unix_time = context.world.unix_time
        self._faults = context.faults
        self._locks: dict[tuple[int, NodeID], DeferredLock] = {}
        self._vouched: dict[StorageKey, float] = {}
        self._failing = False
        self.find = storage_reader(storage, self._now)

    # --- Writing -----------------------------------------------------------------------------

    def store(
        self,
        record: bytes,
        remaining: float,
        cas: int | None = None,
        sender: Sender | None = None,
    ) -> Deferred[int]:
        """Keep a record for ``remaining`` seconds, capped; fires with the seconds it will be kept.

        ``cas`` is the sequence number that must be stored now, ``sender`` the node that stores the
        record here directly.  Fails with ``InvalidRecord``, ``ClockSkew``, ``Superseded``,
        ``NotConditional``, ``CasConflict`` or a ``StorageError``.
        """
        try:
            rules, where = self.kinds.identify(record)
            rules.check(record, self._unix_time())
            if sender is not None:
                rules.admit(record, sender)
            rules.check_condition(cas)
        except KadtwistedError as error:
            return fail(error)
        place = where[:2]
        lock = self._locks.setdefault(place, DeferredLock())
        longest = min(self._maximum, rules.longest(record))
        write = Write(rules, where, record, clamp(remaining, longest), cas)
        return lock.run(self._write, write).addBoth(self._unlock, place, lock)

    def _unlock(self, result: Any, place: tuple[int, NodeID], lock: DeferredLock) -> Any:
        if not lock.locked and not lock.waiting and self._locks.get(place) is lock:
            self._locks.pop(place, None)
        return result

    def _write(self, write: Write) -> Deferred[int]:
        kind, key, _ = write.where
        return self._storage.get(kind, key, self._now()).addCallback(self._decide, write)

    def _decide(self, found: Sequence[StoredRecord], write: Write) -> Deferred[int]:
        rules, where, record, remaining, _ = write
        now = self._now()
        existing = next((each for each in found if each.where == where), None)
        same = existing is not None and existing.data == record
        if not same:
            _check_condition(write, existing)
        if existing is None and len(found) >= rules.most:
            raise StorageFull("as many records as may be are kept under this key")
        expires = deadline(existing, same, remaining, now, self._maximum)
        left = remaining_at(expires, now)
        writing = self._storage.put(StoredRecord(where, record, expires, now), now)
        return writing.addCallbacks(self._wrote, self._refused, callbackArgs=(left,))

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

    def is_failing(self) -> bool:
        """Whether the storage refused the last write for a fault or want of room of its own."""
        return self._failing

    def try_again(self) -> Deferred[int]:
        """If the last write was refused, write as much as the largest record needs.

        What is written has expired, so that nobody finds it and it is the next to be forgotten.
        Fails as the storage does.
        """
        if not self._failing:
            return succeed(0)
        now = self._now()
        writing = self._storage.put(StoredRecord(PROBE, bytes(RECORD_BYTES), now, now), now)
        return writing.addCallbacks(self._wrote, self._refused, callbackArgs=(0,))

    def expire(self, limit: int) -> Deferred[int]:
        """Forget at most ``limit`` records whose time is over; fires with how many."""
        return self._storage.expire(self._now(), limit)

    # --- Reading -----------------------------------------------------------------------------

    def find_page(self, kind: int, key: NodeID, after: bytes) -> Deferred[Sequence[StoredRecord]]:
        """The next records of a kind of which many stand under one key, in the order of their
        ``sub``, from just behind ``after``; expired ones and those of later keys may follow."""
        return self._storage.page(StorageKey(kind, key, after), RECORDS_LIMIT)

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        """At most ``limit`` records of all kinds in ascending order of their places, from just
        behind ``after``; expired ones may be among them."""
        return self._storage.page(after, limit)

    def usage(self) -> Deferred[StorageUsage]:
        """How many records and how many bytes of data the storage holds."""
        return self._storage.usage()

    def check_reading(self) -> Deferred[Sequence[StoredRecord]]:
        """Read where nothing is stored; fails as the storage does."""
        return self.find(PROBE.kind, PROBE.key)

    def version(self, stored: StoredRecord) -> bytes:
        """The version of a stored record, by the rules of its kind."""
        return self.kinds.version(stored.where.kind, stored.data)

    # --- What other holders say --------------------------------------------------------------

    def confirmed(self, record: StoredRecord) -> float:
        """When a record last came in, or another holder vouched for the copy that is here."""
        return max(record.arrived, self._vouched.get(record.where, record.arrived))

    def forget_vouchers(self, before: float) -> None:
        """Forget what others vouched for earlier than this; called once a replication period, so
        that no more is remembered than was stored meanwhile."""
        self._vouched = {w: at for w, at in self._vouched.items() if at >= before}

    def wanted(self, have: Have) -> Deferred[bytes]:
        """The bitmap of those entries whose version is not among the records stored here.

        A holder that offers what is here already vouches for it: this node need not replicate it
        too.  Each key is read once, however many of its records are offered.
        """
        bitmap = bytearray((len(have.entries) + 7) // 8)
        offers: dict[tuple[int, NodeID], list[tuple[int, bytes]]] = {}
        for index, (kind, key, version) in enumerate(have.entries):
            if self.kinds.known(kind):
                offers.setdefault((kind, key), []).append((index, version))
        places = list(offers)

        def compare(found: Sequence[StoredRecord], place: tuple[int, NodeID]) -> None:
            held = {self.version(each): each.where for each in found}
            for index, version in offers[place]:
                if version in held:
                    self._vouched[held[version]] = self._now()
                else:
                    bitmap[index // 8] |= 0x80 >> index % 8

        def step(_: object, number: int) -> Any:
            if number == len(places):
                return bytes(bitmap)
            reading = self.find(*places[number])
            return reading.addCallback(compare, places[number]).addCallback(step, number + 1)

        return succeed(None).addCallback(step, 0)


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


def storage_reader(
    storage: IStorage, now: Callable[[], float]
) -> Callable[[int, NodeID], Deferred[Sequence[StoredRecord]]]:
    """Read the unexpired records of a kind under a key: one call deep, for the serving path."""

    def find(kind: int, key: NodeID) -> Deferred[Sequence[StoredRecord]]:
        return storage.get(kind, key, now())

    return find
