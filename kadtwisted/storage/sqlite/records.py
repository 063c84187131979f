"""How records lie in an SQLite database: the schema, the queries, and one batch of changes.

A :class:`Batch` works inside a transaction and never begins or ends one.  It keeps within the
capacity: expired records give way, the earliest first, and no others.  A put that still finds no
room fails alone, with :class:`~kadtwisted.errors.StorageFull`.

Python releases its interpreter lock around every step of a statement, and under load a thread waits
milliseconds to get it back.  So one statement writes many records, and SQLite takes the sums: a
batch needs a few steps, whatever its size.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, cast

from kadtwisted.errors import StorageFull
from kadtwisted.model.ids import id_from_bytes, id_to_bytes
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.capacity import Capacity, no_room
from kadtwisted.storage.changes import Expire, Put, RecordChange
from kadtwisted.storage.sqlite.file import Schema
from kadtwisted.storage.sqlite.migrations import versions_of
from kadtwisted.storage.timeline import Anchor, Timeline

CHUNKS = (1, 8, 64)
"""Records of one statement.  MAGIC: settled by a profile of batches on a busy machine."""


SCHEMA = Schema(
    holds="the records in it",
    application_id=0x6B616472,  # "kadr"
    versions=versions_of("records"),
)

_COLUMNS = "kind, key, sub, data, expires, arrived"
SELECT = (
    f"SELECT {_COLUMNS} FROM records WHERE kind = ? AND key = ? AND expires > ?"
    " ORDER BY kind, key, sub"
)
PAGE = f"SELECT {_COLUMNS} FROM records ORDER BY kind, key, sub LIMIT ?"
PAGE_AFTER = (
    f"SELECT {_COLUMNS} FROM records WHERE (kind, key, sub) > (?, ?, ?)"
    " ORDER BY kind, key, sub LIMIT ?"
)
_STATE = "SELECT records, size, moment, unix_time FROM state"
_SET_STATE = "UPDATE state SET records = ?, size = ?, moment = ?, unix_time = ?"

# CROSS JOIN keeps the order of the tables: each place is looked up (sqlite.org/optoverview.html).
_HELD = (
    "SELECT group_concat(column4 || ':' || length(data)) FROM (VALUES {}) CROSS JOIN records"
    " ON kind = column1 AND key = column2 AND sub = column3"
)
_STORE = (
    f"INSERT INTO records ({_COLUMNS}) SELECT * FROM (VALUES {{}}) WHERE column1 IS NOT NULL"
    " ON CONFLICT (kind, key, sub) DO UPDATE SET"
    " data = excluded.data, expires = excluded.expires, arrived = excluded.arrived"
)
_EXPIRED = "FROM records WHERE expires <= ? ORDER BY expires, rowid LIMIT ?"
_SUM_EXPIRED = f"SELECT count(*), total(size) FROM (SELECT length(data) AS size {_EXPIRED})"
_FORGET_EXPIRED = f"DELETE FROM records WHERE rowid IN (SELECT rowid {_EXPIRED})"
_FORGET = "DELETE FROM records WHERE kind = ? AND key = ? AND sub = ?"


def records_of(rows: list[tuple[Any, ...]], timeline: Timeline) -> list[StoredRecord]:
    """The records in the rows of :data:`SELECT`, :data:`PAGE` or :data:`PAGE_AFTER`."""
    monotonic = timeline.monotonic
    return [
        StoredRecord(
            StorageKey(kind, id_from_bytes(key), sub), data, monotonic(expires), monotonic(arrived)
        )
        for kind, key, sub, data, expires, arrived in rows
    ]


def columns(where: StorageKey) -> tuple[int, bytes, bytes]:
    """A place as the table has it."""
    return where.kind, id_to_bytes(where.key), where.sub


def read_state(connection: sqlite3.Connection) -> tuple[StorageUsage, Anchor | None] | None:
    """What is held in all, and the last anchor if there ever was one; ``None`` if the database is
    damaged."""
    rows = connection.execute(_STATE).fetchall()
    if len(rows) != 1:
        return None
    records, size, moment, unix_time = rows[0]
    return StorageUsage(records, size), None if moment is None else Anchor(moment, unix_time)


def save_state(connection: sqlite3.Connection, usage: StorageUsage, anchor: Anchor) -> None:
    """Replace what :func:`read_state` gives."""
    connection.execute(_SET_STATE, (*usage, *anchor))


class Batch:
    """Changes within one transaction; ``usage`` is what is held, always exact."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        usage: StorageUsage,
        capacity: Capacity,
        timeline: Timeline,
    ) -> None:
        self._connection = connection
        self.usage = usage
        self._capacity = capacity
        self._timeline = timeline
        self.changed = False

    def apply(self, changes: Sequence[RecordChange]) -> list[Any]:
        """Make these changes in order; the result of each, or the error it fails with."""
        results: list[Any] = []
        for run in _runs(changes):
            first = run[0]
            if isinstance(first, Put):
                results += self._put(cast("list[Put]", run))
            elif isinstance(first, Expire):
                results.append(self._forget_expired(first.now, first.limit))
            else:
                results.append(self._remove(first.where))
        return results

    def _put(self, puts: list[Put]) -> list[StorageFull | None]:
        """Store those of these puts, at different places, for which there is room."""
        held = self._held([each.record.where for each in puts])
        now = max(each.now for each in puts)
        while not self._all_fit(puts, held) and self._forget_expired(now, len(puts)):
            held = self._held([each.record.where for each in puts])
        stored: list[StoredRecord] = []
        results: list[StorageFull | None] = []
        for (record, _), old in zip(puts, held, strict=True):
            after = _replaced(self.usage, record, old)
            if self._capacity.allows(after):
                self.usage = after
                stored.append(record)
                results.append(None)
            else:
                results.append(no_room(len(record.data), self.usage))
        self._store(stored)
        return results

    def _held(self, places: list[StorageKey]) -> list[int | None]:
        """The bytes of data held at each place, ``None`` where there is no record."""
        held: list[int | None] = [None] * len(places)
        rows = [(*columns(where), index) for index, where in enumerate(places)]
        for statement, values in _chunks(_HELD, rows):
            ((found,),) = self._connection.execute(statement, values)
            for each in found.split(",") if found else ():
                index, _, size = each.partition(":")
                held[int(index)] = int(size)
        return held

    def _all_fit(self, puts: list[Put], held: list[int | None]) -> bool:
        """Whether there is room for all puts but those too large for an empty storage."""
        usage = self.usage
        for (record, _), old in zip(puts, held, strict=True):
            if len(record.data) <= self._capacity.size:
                usage = _replaced(usage, record, old)
        return self._capacity.allows(usage)

    def _store(self, records: list[StoredRecord]) -> None:
        saved = self._timeline.saved
        rows = [
            (*columns(where), data, saved(expires), saved(arrived))
            for where, data, expires, arrived in records
        ]
        for statement, values in _chunks(_STORE, rows):
            self._connection.execute(statement, values)
            self.changed = True

    def _remove(self, where: StorageKey) -> bool:
        (size,) = self._held([where])
        if size is None:
            return False
        self._connection.execute(_FORGET, columns(where))
        self._subtract(1, size)
        return True

    def _forget_expired(self, now: float, limit: int) -> int:
        which = (self._timeline.saved(now), limit)
        ((count, size),) = self._connection.execute(_SUM_EXPIRED, which)
        if count:
            self._connection.execute(_FORGET_EXPIRED, which)
            self._subtract(count, int(size))
        return int(count)

    def _subtract(self, records: int, size: int) -> None:
        self.usage = StorageUsage(self.usage.records - records, self.usage.size - size)
        self.changed = True


def _replaced(usage: StorageUsage, record: StoredRecord, old: int | None) -> StorageUsage:
    """What is held with this record in place of one of ``old`` bytes, or of none."""
    return StorageUsage(usage.records + (old is None), usage.size + len(record.data) - (old or 0))


def _runs(changes: Sequence[RecordChange]) -> Iterator[list[RecordChange]]:
    """The changes in their order: puts at different places together, all else one by one."""
    run: list[RecordChange] = []
    taken: set[StorageKey] = set()
    for change in changes:
        where = change.record.where if isinstance(change, Put) else None
        if run and (where is None or where in taken):
            yield run
            run, taken = [], set()
        if where is None:
            yield [change]
        else:
            run.append(change)
            taken.add(where)
    if run:
        yield run


def _chunks(statement: str, rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The statement for some of the rows at a time, and their values.

    There are only a few sizes, so that SQLite keeps the statements prepared.  Rows of NULL fill the
    rest; both statements ignore them.
    """
    for start in range(0, len(rows), CHUNKS[-1]):
        some = rows[start : start + CHUNKS[-1]]
        size = next(each for each in CHUNKS if each >= len(some))
        width = len(some[0])
        row = f"({', '.join('?' * width)})"
        filler = (None,) * (width * (size - len(some)))
        yield statement.format(", ".join([row] * size)), (*chain.from_iterable(some), *filler)
