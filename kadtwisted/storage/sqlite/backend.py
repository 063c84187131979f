"""Records in an SQLite database: a put fires when it has reached the disk.

Two connections.  One writes, in the thread of the writes and nowhere else, many changes to a
commit.  The other reads, in the reactor's thread: a read takes microseconds, waits for no writer,
and still works when nothing can be written any more.

It never deletes a database, and never makes a new one in place of one that cannot be used: the
error says what is wrong.  After an error the next write opens the database again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kadtwisted.errors import StorageError, StorageFull
from kadtwisted.model.ids import id_to_bytes
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.capacity import Capacity
from kadtwisted.storage.changes import RecordChange
from kadtwisted.storage.file_storage import FileStorage
from kadtwisted.storage.sqlite.file import (
    damaged,
    explained,
    open_database,
    open_reader,
    transaction,
)
from kadtwisted.storage.sqlite.records import (
    PAGE,
    PAGE_AFTER,
    SCHEMA,
    SELECT,
    Batch,
    columns,
    read_state,
    records_of,
    save_state,
)
from kadtwisted.storage.timeline import Anchor, Timeline

if TYPE_CHECKING:
    from kadtwisted.model.ids import NodeID


class SQLiteStorage(FileStorage):
    """The database at ``path``, within the bounds of ``context``."""

    def _open_file(self, timeline: Timeline) -> SQLiteRecords:
        return SQLiteRecords(self.path, self._capacity, timeline)


class SQLiteRecords:
    """An open database, as :class:`~kadtwisted.storage.file_storage.RecordFile` says.

    Fails with :class:`~kadtwisted.errors.StorageError` or
    :class:`~kadtwisted.errors.UnsupportedVersion`; then nothing is left open.
    """

    def __init__(self, path: Path, capacity: Capacity, timeline: Timeline) -> None:
        self._path = path
        self._capacity = capacity
        self._timeline = timeline
        self._usage = StorageUsage(0, 0)
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._timeline.resume(self._open_writer(make=True))
        try:
            self._reader = open_reader(path, SCHEMA)
        except StorageError:
            self._drop_writer()
            raise

    # --- In the reactor's thread -------------------------------------------------------------

    def get(self, kind: int, key: NodeID, now: float) -> Sequence[StoredRecord]:
        return self._read(SELECT, (kind, id_to_bytes(key), self._timeline.saved(now)))

    def page(self, after: StorageKey | None, limit: int) -> Sequence[StoredRecord]:
        if after is None:
            return self._read(PAGE, (limit,))
        return self._read(PAGE_AFTER, (*columns(after), limit))

    def usage(self) -> StorageUsage:
        return self._usage

    def _read(self, query: str, values: tuple[Any, ...]) -> Sequence[StoredRecord]:
        try:
            if self._reader is None:
                self._reader = open_reader(self._path, SCHEMA)
            rows = self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._drop_reader()
            raise explained(error, self._path, SCHEMA) from error
        try:
            return records_of(rows, self._timeline)
        except (TypeError, ValueError) as error:
            raise damaged(self._path, SCHEMA, "a record is not as it was written") from error

    def end_reading(self) -> None:
        """Close the reader, so that the writer is the last, which clears the log away."""
        self._drop_reader()

    def close(self) -> None:
        self._drop_writer()
        self._drop_reader()

    # --- In the thread of the writes ---------------------------------------------------------

    def commit(self, changes: Sequence[RecordChange]) -> Sequence[Any]:
        try:
            if self._writer is None:
                self._open_writer(make=False)
            results, self._usage = self._apply(changes)
        except StorageFull:
            raise
        except StorageError:
            self._drop_writer()
            raise
        return results

    def _apply(self, changes: Sequence[RecordChange]) -> tuple[Sequence[Any], StorageUsage]:
        """The results, and what is held once the transaction has ended."""
        assert self._writer is not None
        with transaction(self._writer, self._path, SCHEMA):
            batch = Batch(self._writer, self._usage, self._capacity, self._timeline)
            results = batch.apply(changes)
            if batch.changed:
                save_state(self._writer, batch.usage, self._timeline.anchor())
        return results, batch.usage

    def finish(self) -> None:
        """Save what time it is, and write the log into the database, which takes a while."""
        try:
            if self._writer is not None:
                with transaction(self._writer, self._path, SCHEMA):
                    save_state(self._writer, self._usage, self._timeline.anchor())
        finally:
            self._drop_writer()

    # --- Connections -------------------------------------------------------------------------

    def _open_writer(self, *, make: bool) -> Anchor | None:
        """Connect, and find out what is held; the last anchor, if there ever was one."""
        connection = open_database(self._path, SCHEMA, make=make)
        try:
            state = read_state(connection)
            if state is None:
                raise damaged(self._path, SCHEMA, "its totals are missing")
        except sqlite3.Error as error:
            connection.close()
            raise explained(error, self._path, SCHEMA) from error
        except StorageError:
            connection.close()
            raise
        self._writer = connection
        self._usage, anchor = state
        return anchor

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
