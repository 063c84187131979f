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
from kadtwisted.node.serving.neighbours import Neighbours
from kadtwisted.node.serving.writer import PROBE, RecordWriter
from kadtwisted.records.floor import FLOORS_END
from kadtwisted.records.kinds import Sender, just_before
from kadtwisted.upkeep.vouchers import Vouchers
from kadtwisted.wire.layout import RECORDS_LIMIT


class RecordStore:
    """Stores and finds records for the node and for those who ask it."""

    def __init__(self, context: NodeContext, storage: IStorage) -> None:
        self.kinds = context.dialect.kinds
        self._storage = storage
        self._now = context.world.now
        self._faults = context.faults
        self.neighbours = Neighbours(context)
        self._vouchers = Vouchers(context.parameters.k, context.world.random)
        self._writer = RecordWriter(context, storage, self.neighbours, self._vouchers)
        self.ledger = self._writer.ledger
        self._random = context.world.random
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
        ``Superseded``, ``NotConditional``, ``CasConflict``, ``TooFar`` or a ``StorageError``.
        """
        return self._writer.store(record, remaining, cas, sender)

    def on_change(self, told: Callable[[StoredRecord], object]) -> None:
        """Call this with each record that is stored and was not here before; it must not fail."""
        self._writer.changed = told

    def waiting_writes(self) -> int:
        """How many wait for the end of a write."""
        return len(self._writer.queue)

    def is_failing(self) -> bool:
        """Whether the storage refused the last write for a fault, or because the disk is full."""
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
            await self._writer.recall()
        except StorageError as error:
            self._faults.report("storage", f"the stored records cannot be looked through: {error}")

    def expire(self, limit: int) -> Deferred[int]:
        """Forget at most ``limit`` records whose time is over; fires with how many."""
        now = self._now()
        self._writer.forget_expired(now)
        return self._storage.expire(now, limit)

    # --- Reading -----------------------------------------------------------------------------

    def find_page(self, kind: int, key: NodeID, after: bytes) -> Deferred[Sequence[StoredRecord]]:
        """The next records of a kind of which many stand under one key, in the order of their
        ``sub``, from just behind ``after``; expired ones and those of later keys may follow."""
        return self._storage.page(StorageKey(kind, key, after), RECORDS_LIMIT)

    def sample(self, kind: int, key: NodeID, count: int) -> Deferred[Sequence[StoredRecord]]:
        """Random ones of the records under a key, at most ``count``, each read by itself; expired
        ones may be among them."""
        found: list[StoredRecord] = []
        places = list(self.ledger.crowds.sample(kind, key, count, self._random))

        def step(read: Sequence[StoredRecord]) -> Any:
            found.extend(each for each in read if each.where[:2] == (kind, key))
            if not places:
                return found
            return self._storage.page(just_before(places.pop()), 1).addCallback(step)

        return succeed(()).addCallback(step)

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        """At most ``limit`` records of all kinds in ascending order of their places, from just
        behind ``after``; expired ones may be among them."""
        behind = FLOORS_END if after is None else max(after, FLOORS_END)
        return self._storage.page(behind, limit)

    def at(self, places: Sequence[StorageKey]) -> Deferred[list[StoredRecord]]:
        """The unexpired records at these places, read one key after the other."""
        found: list[StoredRecord] = []
        wanted = dict.fromkeys(places)
        keys = list(dict.fromkeys([each[:2] for each in places]))

        def step(held: Sequence[StoredRecord], number: int) -> Any:
            found.extend(each for each in held if each.where in wanted)
            if number == len(keys):
                return found
            return self.find(*keys[number]).addCallback(step, number + 1)

        return succeed(()).addCallback(step, 0)

    def is_empty(self) -> bool:
        """Whether nothing was stored here, in this run and those before."""
        return not self.ledger.usage().records

    def usage(self) -> Deferred[StorageUsage]:
        """How many records, and how many bytes of data in them, the storage holds; the floors that
        they have left do not count."""
        return self._storage.usage().addCallback(self._without_floors)

    def _without_floors(self, held: StorageUsage) -> StorageUsage:
        floors = self.ledger.floors()
        records, size = held.records - floors.records, held.size - floors.size
        return StorageUsage(max(0, records), max(0, size))

    def check_reading(self) -> Deferred[Sequence[StoredRecord]]:
        """Read where nothing is stored; fails as the storage does."""
        return self.find(PROBE.kind, PROBE.key)

    def version(self, stored: StoredRecord) -> bytes:
        """The version of a stored record, by the rules of its kind."""
        return self.kinds.version(stored.where.kind, stored.data)

    # --- What other holders say --------------------------------------------------------------

    def is_left_to_others(self, record: StoredRecord, within: float) -> bool:
        """Whether a holder that may be believed vouched for the copy that is here, lately."""
        return self._vouchers.excuse(record.where, self._now(), within)

    def believes_others(self, passes: int) -> bool:
        """Drawn once for neighbouring records: see :meth:`Vouchers.believes`."""
        return self._vouchers.believes(passes)

    def forget_vouchers(self, period: float) -> None:
        """Forget who vouched for what long ago; called once a replication period, so that no more
        is remembered than was stored meanwhile."""
        self._vouchers.forget(self._now(), period)

    def vouched(self) -> int:
        """For how many records the word of another holder is remembered."""
        return len(self._vouchers)

    def wanted(self, have: Have, sender: Sender | None = None) -> Deferred[bytes]:
        """The bitmap of those entries whose version is not among the records stored here, and which
        this node would store.

        A holder that offers what is here already vouches for it, if its word counts: this node need
        not replicate it too.  Each key is read once, however many of its records are offered.
        """
        neighbours = self.neighbours
        speaker = neighbours.known(sender)
        bitmap = bytearray((len(have.entries) + 7) // 8)
        offers: dict[tuple[int, NodeID], list[tuple[int, bytes]]] = {}
        for index, (kind, key, version) in enumerate(have.entries):
            rules = self.kinds.get(kind)
            if rules is not None and rules.passed_on:
                offers.setdefault((kind, key), []).append((index, version))
        places = list(offers)

        def compare(found: Sequence[StoredRecord], place: tuple[int, NodeID]) -> None:
            held = {self.version(each): each.where for each in found}
            near = held and speaker is not None and neighbours.is_near(place[1], speaker, sender)
            far = not held and neighbours.is_too_far(place[1], sender)
            for index, version in offers[place]:
                if version not in held:
                    bitmap[index // 8] |= 0 if far else 0x80 >> index % 8
                elif near and speaker is not None:
                    self._vouchers.vouch(held[version], speaker, self._now())

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
