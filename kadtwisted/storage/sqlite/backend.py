"""Records in an SQLite database: each put has reached the disk when it is acknowledged.

Two connections.  One writes, in the thread of a :class:`GroupCommit` and nowhere else, many changes
to a commit.  The other reads, in the reactor's thread: a read takes microseconds, waits for no
writer, and goes on when nothing can be written any more.

It never deletes a database, and never makes one again where one was found that cannot be used: what
is wrong is told in a sentence.  After an error the database is opened anew with the next write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from kadtwisted.errors import ConfigurationError, StorageError, StorageFull
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.ids import id_to_bytes
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.file_lock import FileLock, lock_storage
from kadtwisted.storage.group_commit import GroupCommit
from kadtwisted.storage.sqlite.file import (
    damaged,
    explained,
    open_database,
    open_reader,
    transaction,
)
from kadtwisted.storage.sqlite.records import (
    LAYOUT,
    PAGE,
    PAGE_AFTER,
    SELECT,
    Batch,
    Bounds,
    Expire,
    Operation,
    Put,
    columns,
    read_state,
    records_of,
    save_state,
)
from kadtwisted.storage.timeline import Timeline

if TYPE_CHECKING:
    from kadtwisted.model.ids import NodeID


@implementer(IStorage)
class SQLiteStorage:
    """The database at ``path``, within the bounds of ``context``.

    Bounds that are not positive are a :class:`~kadtwisted.errors.ConfigurationError`.
    """

    def __init__(self, path: str | os.PathLike[str], context: StorageContext) -> None:
        if context.max_records < 1 or context.max_bytes < 1:
            raise ConfigurationError("a storage needs room for at least one record and one byte")
        self.path = Path(path).absolute()
        self._reactor = context.reactor
        self._bounds = Bounds(context.max_records, context.max_bytes)
        self._timeline = Timeline(context.now, context.unix_time)
        self._usage = StorageUsage(0, 0)
        self._lock: FileLock | None = None
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._commits: GroupCommit[Operation] | None = None
        self._closing = False
        self._log = Logger(namespace="kadtwisted.storage")

    def open(self) -> Deferred[None]:
        """Lock and open the database, make it if there is none, all before this returns.

        Fails with :class:`~kadtwisted.storage.file_lock.StorageInUse`,
        :class:`~kadtwisted.errors.UnsupportedVersion` or
        :class:`~kadtwisted.errors.StorageError`; then nothing is left open.
        """
        try:
            lock = lock_storage(self.path)
        except StorageError as error:
            return fail(error)
        try:
            self._writer = self._connect(make=True)
            self._reader = open_reader(self.path, LAYOUT)
        except StorageError as error:
            self._drop_writer()
            lock.release()
            return fail(error)
        self._lock = lock
        self._closing = False
        self._commits = GroupCommit(self._reactor, self._commit, name=f"storage {self.path}")
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Finish what is queued, then let go of the database.  Idempotent."""
        commits = self._commits
        if commits is None:
            return succeed(None)
        if not self._closing:
            self._closing = True
            self._drop_reader()  # so that the writer is the last, which clears the log away
            if commits.began:
                commits.exclusively(self._finish)
            else:
                self._drop_writer()
            commits.close().addCallback(self._closed)
        return commits.close()

    def _closed(self, result: None) -> None:
        self._commits = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # --- Reading, in the reactor's thread ----------------------------------------------------

    def get(self, kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        return self._read(SELECT, (kind, id_to_bytes(key), self._timeline.saved(now)))

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        if after is None:
            return self._read(PAGE, (limit,))
        return self._read(PAGE_AFTER, (*columns(after), limit))

    def usage(self) -> Deferred[StorageUsage]:
        return succeed(self._usage)

    def _read(self, question: str, values: tuple[Any, ...]) -> Deferred[Sequence[StoredRecord]]:
        if self._commits is None or self._closing:
            return fail(self._is_closed())
        try:
            if self._reader is None:
                self._reader = open_reader(self.path, LAYOUT)
            rows = self._reader.execute(question, values).fetchall()
        except sqlite3.Error as error:
            self._drop_reader()
            return fail(explained(error, self.path, LAYOUT))
        except StorageError as error:
            return fail(error)
        return succeed(records_of(rows, self._timeline))

    def _is_closed(self) -> StorageError:
        return StorageError(f"the storage {self.path} is not open")

    # --- Writing, by way of the queue --------------------------------------------------------

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        return self._submit(Put(record, now))

    def remove(self, where: StorageKey) -> Deferred[bool]:
        return self._submit(where)

    def expire(self, now: float, limit: int) -> Deferred[int]:
        return self._submit(Expire(now, limit))

    def _submit(self, operation: Operation) -> Deferred[Any]:
        if self._commits is None:
            return fail(self._is_closed())
        return self._commits.submit(operation)

    # --- In the thread of the commits, but for opening ---------------------------------------

    def _commit(self, operations: Sequence[Operation]) -> Sequence[Any]:
        try:
            if self._writer is None:
                self._writer = self._connect(make=False)
            with transaction(self._writer, self.path, LAYOUT):
                batch = Batch(self._writer, self._usage, self._bounds, self._timeline)
                results = batch.apply(operations)
                if batch.changed:
                    save_state(self._writer, batch.usage, self._timeline.anchor())
        except StorageFull:
            raise
        except StorageError:
            self._drop_writer()
            raise
        self._usage = batch.usage
        return results

    def _connect(self, *, make: bool) -> sqlite3.Connection:
        connection = open_database(self.path, LAYOUT, make=make)
        try:
            state = read_state(connection)
            if state is None:
                raise damaged(self.path, LAYOUT, "its totals are missing")
        except sqlite3.Error as error:
            connection.close()
            raise explained(error, self.path, LAYOUT) from error
        except StorageError:
            connection.close()
            raise
        self._usage, anchor = state
        if make:
            self._timeline.resume(anchor)
        return connection

    def _finish(self) -> None:
        """The last that is done: what time it is, and the log into the database."""
        try:
            if self._writer is not None:
                with transaction(self._writer, self.path, LAYOUT):
                    save_state(self._writer, self._usage, self._timeline.anchor())
        except StorageError as error:
            self._log.warn("{error}; every record acknowledged is safe", error=error)
        self._drop_writer()

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
