"""``kad import``: reads the records of an exported file into a storage that no node uses.

The whole file is checked before anything is imported.  A record replaces another one only if the
rules of its kind say so, as in the network.  It expires when it would have expired anyway, and
keeps the moment at which it arrived.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import IO, Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.python.failure import Failure

from kadtwisted.cli.export_file import read
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described, count_of
from kadtwisted.cli.text.progress import progress_of
from kadtwisted.cli.verbs.records.read_twice import copy_input, opened
from kadtwisted.cli.verbs.records.storage_access import BATCH, breathe, opened_storage
from kadtwisted.errors import ClockSkew, StorageError, StorageFull
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.record import DatedRecord, StoredRecord
from kadtwisted.parameters import Parameters
from kadtwisted.records.floor import FLOOR_KIND, floor_among, floor_left
from kadtwisted.records.kinds import NATIVE_KINDS
from kadtwisted.records.lifetime import deadline

ROUNDING = 0.01
"""Two deadlines that differ by fewer seconds are the same: files and clocks round moments."""


async def import_records(session: Session) -> int:
    """Import the records of a file, except those for which there is a better one."""
    with opened(session, session.arguments.file) as stream:
        total = await _count(session, stream)
        async with opened_storage(session) as (storage, context):
            session.somebody_answered = True
            importing = Import(storage, context, total)
            text = f"importing {count_of(total, 'record')}"
            with progress_of(session.world.stderr, text, total) as told:
                records = read(stream, NATIVE_KINDS.identify)
                while batch := list(islice(records, BATCH)):
                    await importing.take(batch)
                    told.step(len(batch))
                    await breathe(session)
    counts = importing.counts
    session.output.report(counts, lambda shown: f"kad: {import_text(shown)}")
    return os.EX_OK


class Decided(NamedTuple):
    """What happens to a record: a word of :attr:`Import.counts`, what is put for it, and the floor
    to put before it."""

    became: str
    stored: StoredRecord | None = None
    floor: StoredRecord | None = None


class Import:
    """Puts records into a storage; ``counts`` tells what happened to them."""

    def __init__(self, storage: IStorage, context: StorageContext, total: int) -> None:
        self._storage = storage
        self._context = context
        self._total = total
        self._maximum = Parameters().max_remaining
        self.counts = dict.fromkeys(("imported", "already_there", "older", "expired", "refused"), 0)

    async def take(self, batch: list[DatedRecord]) -> None:
        """Put those that are wanted, all at the same time: no two of them have one place.

        :class:`StorageFull` or another :class:`StorageError` says how many were imported.
        """
        now, unix_time = self._context.now(), self._context.unix_time()
        decided = [await self._decide(record, now, unix_time) for record in batch]
        putting: list[Deferred[None]] = []
        for became, stored, floor in decided:
            if floor is not None:
                putting.append(self._storage.put(floor, now))
            done = succeed(None) if stored is None else self._storage.put(stored, now)
            putting.append(done.addCallback(self._count, became))
        ended: list[Any] = await DeferredList(putting, consumeErrors=True)
        for _, result in ended:
            if isinstance(result, Failure):
                self._give_up(result)

    def _count(self, _: None, became: str) -> None:
        self.counts[became] += 1

    async def _decide(self, record: DatedRecord, now: float, unix_time: float) -> Decided:
        """What happens to a record, and what is put for it, if anything."""
        where, data = record.where, record.data
        if record.expires_unix <= unix_time:
            return Decided("expired")
        rules = NATIVE_KINDS.get(where.kind)
        try:
            if rules is None:
                return Decided("refused")
            rules.check(data, unix_time)
        except ClockSkew:
            return Decided("refused")
        there = await self._storage.get(where.kind, where.key, now)
        existing = next((each for each in there if each.where == where), None)
        same = existing is not None and existing.data == data
        floor = floor_among(await self._storage.get(FLOOR_KIND, where.key, now), where)
        if existing is not None and not same and not rules.supersedes(data, existing.data):
            return Decided("older")
        if floor is not None and not rules.holds_against(data, floor.data):
            return Decided("older")
        left = min(record.expires_unix - unix_time, rules.longest(data))
        expires = deadline(existing, same, left, now, self._maximum)
        if same and existing is not None and expires - existing.expires <= ROUNDING:
            return Decided("already_there")
        arrived = now + min(0.0, record.arrived_unix - unix_time)
        stored = StoredRecord(where, data, expires, arrived)
        if same:
            return Decided("already_there", stored)
        until = now if existing is None else existing.expires - ROUNDING
        return Decided("imported", stored, floor_left(rules, stored, floor, until))

    def _give_up(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CancelledError):
            raise error  # kad was stopped; the storage is fine
        within = f"{self.counts['imported']} of {count_of(self._total, 'record')} were imported"
        if isinstance(error, StorageFull):
            raise StorageFull(f"the storage is full: {within}; {error}")
        raise StorageError(f"{error}; {within}") from error


def import_text(counts: Described) -> str:
    """One line on what happened to the records."""
    total = sum(counts.values())
    return (
        f"imported {counts['imported']:,} of {count_of(total, 'record')}; left out: "
        f"{counts['already_there']:,} already there, {counts['older']:,} older than what is there, "
        f"{counts['expired']:,} expired, {counts['refused']:,} from the future"
    )


async def _count(session: Session, stream: IO[bytes]) -> int:
    """Read and check the whole file; the number of its records.  Fails with :class:`BadExport`."""
    count = 0
    records = read(stream, NATIVE_KINDS.identify)
    while batch := sum(1 for _ in islice(records, BATCH)):
        count += batch
        await breathe(session)
    stream.seek(0)
    return count


def take_input(session: Session) -> None:
    """Copy standard input, because all of it is read twice."""
    copy_input(session, session.arguments.file)
