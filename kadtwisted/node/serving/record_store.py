"""The policy around a dumb storage: what is accepted, which record stays, and until when.

What comes in is checked on arrival (:mod:`~kadtwisted.node.serving.writer`); reading hands out what
was checked.  The rules of a record are those of its kind (``records/kinds.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed

from kadtwisted.errors import StorageError
from kadtwisted.interfaces import IStorage
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Have
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.node.context import NodeContext
from kadtwisted.node.serving.writer import PROBE, RecordWriter
from kadtwisted.records.floor import FLOORS_END
from kadtwisted.records.kinds import Sender
from kadtwisted.wire.layout import RECORDS_LIMIT


class RecordStore:
    """Stores and finds records for the node and for those who ask it."""

    def __init__(self, context: NodeContext, storage: IStorage) -> None:
        self.kinds = context.dialect.kinds
        self._storage = storage
        self._now = context.world.now
        self._faults = context.faults
        self._writer = RecordWriter(context, storage)
        self._vouched: dict[StorageKey, float] = {}
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
        record here directly.  Fails with ``InvalidRecord``, ``InvalidLifetime``, ``ClockSkew``,
        ``Superseded``, ``NotConditional``, ``CasConflict`` or a ``StorageError``.
        """
        return self._writer.store(record, remaining, cas, sender)

    def waiting_writes(self) -> int:
        """How many wait for the end of a write."""
        return len(self._writer.queue)

    def is_failing(self) -> bool:
        """Whether the storage refused the last write for a fault or want of room of its own."""
        return self._writer.is_failing()

    def try_again(self) -> Deferred[int]:
        """If the last write was refused, write as much as the largest record needs.

        What is written has expired, so that nobody finds it and it is the next to be forgotten.
        Fails as the storage does.
        """
        return self._writer.try_again()

    async def recall(self) -> None:
        """Find out what an earlier run left in the storage, which has just been opened.

        If it cannot be read, that is reported, and the node goes on with what it knows.
        """
        try:
            await self._writer.recall_floors()
        except StorageError as error:
            self._faults.report("storage", f"the stored records cannot be looked through: {error}")

    def expire(self, limit: int) -> Deferred[int]:
        """Forget at most ``limit`` records whose time is over; fires with how many."""
        now = self._now()
        self._writer.forget_floors(now)
        return self._storage.expire(now, limit)

    # --- Reading -----------------------------------------------------------------------------

    def find_page(self, kind: int, key: NodeID, after: bytes) -> Deferred[Sequence[StoredRecord]]:
        """The next records of a kind of which many stand under one key, in the order of their
        ``sub``, from just behind ``after``; expired ones and those of later keys may follow."""
        return self._storage.page(StorageKey(kind, key, after), RECORDS_LIMIT)

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        """At most ``limit`` records of all kinds in ascending order of their places, from just
        behind ``after``; expired ones may be among them."""
        behind = FLOORS_END if after is None else max(after, FLOORS_END)
        return self._storage.page(behind, limit)

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


def storage_reader(
    storage: IStorage, now: Callable[[], float]
) -> Callable[[int, NodeID], Deferred[Sequence[StoredRecord]]]:
    """Read the unexpired records of a kind under a key: one call deep, for the serving path."""

    def find(kind: int, key: NodeID) -> Deferred[Sequence[StoredRecord]]:
        return storage.get(kind, key, now())

    return find
