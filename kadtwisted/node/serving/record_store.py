"""The policy around a dumb storage: what is accepted, which record stays, and until when.

Every write of one key waits for the one before it, so that comparing and storing is one step for
any backend.  What comes in is checked on arrival; reading hands out what was checked.  A storage
that refused a write can be tried again, so that the verdict on it does not wait for somebody who
stores something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredLock, fail, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError, StorageBusy, Superseded
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Have
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.node.world import World
from kadtwisted.parameters import Parameters
from kadtwisted.records.kinds import RecordKinds
from kadtwisted.records.lifetime import clamp, deadline, remaining_at
from kadtwisted.records.value import version
from kadtwisted.wire.layout import RECORD_BYTES

PROBE = StorageKey(0, NodeID(0))
"""Where a storage is tried: a kind that no record has."""


class RecordStore:
    """Stores and finds records for the node and for those who ask it.

    ``began_to_fail`` is called with the reason when the storage refuses a write and did not refuse
    the one before.
    """

    def __init__(
        self,
        storage: IStorage,
        kinds: RecordKinds,
        parameters: Parameters,
        world: World,
        began_to_fail: Callable[[str], object] = lambda reason: None,
    ) -> None:
        self.storage = storage
        self._kinds = kinds
        self._maximum = parameters.max_remaining
        self._now = world.now
        self._unix_time = world.unix_time
        self._locks: dict[StorageKey, DeferredLock] = {}
        self._vouched: dict[StorageKey, float] = {}
        self._failing = False
        self._began_to_fail = began_to_fail
        self.find = storage_reader(storage, world.now)

    def store(self, record: bytes, remaining: float) -> Deferred[int]:
        """Keep a record for ``remaining`` seconds, capped; fires with the seconds it will be kept.

        Fails with ``InvalidRecord``, ``ClockSkew``, ``Superseded`` or a ``StorageError``.
        """
        try:
            where = self._kinds.identify(record)
            self._kinds.check(record, self._unix_time())
        except KadtwistedError as error:
            return fail(error)
        lock = self._locks.setdefault(where, DeferredLock())
        writing = lock.run(lambda: self._write(where, record, clamp(remaining, self._maximum)))
        return writing.addBoth(self._unlock, where, lock)

    def _unlock(self, result: Any, where: StorageKey, lock: DeferredLock) -> Any:
        if not lock.locked and not lock.waiting and self._locks.get(where) is lock:
            self._locks.pop(where, None)
        return result

    def _write(self, where: StorageKey, record: bytes, remaining: float) -> Deferred[int]:
        reading = self.storage.get(where.kind, where.key, self._now())
        return reading.addCallback(self._decide, where, record, remaining)

    def _decide(
        self, found: Sequence[StoredRecord], where: StorageKey, record: bytes, remaining: float
    ) -> Deferred[int]:
        now = self._now()
        existing = next((each for each in found if each.where == where), None)
        same = existing is not None and existing.data == record
        if existing is not None and not (same or self._kinds.supersedes(record, existing.data)):
            raise Superseded("a newer record is stored here already")
        expires = deadline(existing, same, remaining, now, self._maximum)
        left = remaining_at(expires, now)
        writing = self.storage.put(StoredRecord(where, record, expires, now), now)
        return writing.addCallbacks(self._wrote, self._refused, callbackArgs=(left,))

    def _wrote(self, _: None, left: int) -> int:
        self._failing = False
        return left

    def _refused(self, failure: Failure) -> Failure:
        """Who no longer waits for a write says nothing about the storage."""
        if failure.check(CancelledError):
            return failure
        before, self._failing = self._failing, not failure.check(StorageBusy)
        if self._failing and not before:
            self._began_to_fail(failure.getErrorMessage())
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
        writing = self.storage.put(StoredRecord(PROBE, bytes(RECORD_BYTES), now, now), now)
        return writing.addCallbacks(self._wrote, self._refused, callbackArgs=(0,))

    def confirmed(self, record: StoredRecord) -> float:
        """When a record last came in, or another holder vouched for the copy that is here."""
        return max(record.arrived, self._vouched.get(record.where, record.arrived))

    def forget_vouchers(self, before: float) -> None:
        """Forget what others vouched for earlier than this; called once a replication period, so
        that no more is remembered than was stored meanwhile."""
        self._vouched = {w: at for w, at in self._vouched.items() if at >= before}

    def wanted(self, have: Have) -> Deferred[bytes]:
        """The bitmap of those entries whose version is not the one stored here.

        Whoever offers what is here already vouches for it: this node need not replicate it too.
        """
        entries = have.entries
        bitmap = bytearray((len(entries) + 7) // 8)

        def compare(found: Sequence[StoredRecord], index: int) -> None:
            kind, _, offered = entries[index]
            same = [each.where for each in found if version(each.data) == offered]
            if same:
                self._vouched[same[0]] = self._now()
            elif self._kinds.known(kind):
                bitmap[index // 8] |= 0x80 >> index % 8

        def step(_: object, index: int) -> Any:
            if index == len(entries):
                return bytes(bitmap)
            reading = self.find(entries[index].kind, entries[index].key)
            return reading.addCallback(compare, index).addCallback(step, index + 1)

        return succeed(None).addCallback(step, 0)


def storage_reader(
    storage: IStorage, now: Callable[[], float]
) -> Callable[[int, NodeID], Deferred[Sequence[StoredRecord]]]:
    """Read the unexpired records of a kind under a key: one call deep, for the serving path."""

    def find(kind: int, key: NodeID) -> Deferred[Sequence[StoredRecord]]:
        return storage.get(kind, key, now())

    return find
