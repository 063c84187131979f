"""The life of a storage that keeps its records in a file: opened, read, written and closed.

Rules: one open storage to a file, by a lock beside it.  ``open`` is done before it returns.  Reads
are answered before they return, each from the last commit.  Writes go through a
:class:`~kadtwisted.storage.group_commit.GroupCommit`: all that are asked for during one commit
are in the next, and a write fires when its commit is durable.  ``close`` waits for the writes in
the queue, saves where the time line is, and then lets go of file and lock.

What is in the file, and how, is the business of a :class:`RecordFile`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.errors import ConfigurationError, StorageError, reason_of
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.printable import described
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.capacity import Capacity
from kadtwisted.storage.changes import Expire, Put, RecordChange, Remove
from kadtwisted.storage.file_lock import FileLock, lock_storage
from kadtwisted.storage.files import make_directory
from kadtwisted.storage.group_commit import GroupCommit
from kadtwisted.storage.guard import check_directory_of, status_if_there
from kadtwisted.storage.timeline import Timeline

if TYPE_CHECKING:
    from kadtwisted.model.ids import NodeID

T = TypeVar("T")


class RecordFile(Protocol):
    """An open file of records.

    ``commit`` and ``finish`` run in the thread of the writes, one call at a time; everything else
    runs in the reactor's thread.  Every method but the last two fails with
    :class:`~kadtwisted.errors.StorageError`.
    """

    def get(self, kind: int, key: NodeID, now: float) -> Sequence[StoredRecord]:
        """See :meth:`IStorage.get`."""

    def page(self, after: StorageKey | None, limit: int) -> Sequence[StoredRecord]:
        """See :meth:`IStorage.page`."""

    def usage(self) -> StorageUsage:
        """See :meth:`IStorage.usage`."""

    def commit(self, changes: Sequence[RecordChange]) -> Sequence[Any]:
        """Make these changes, in order, in one transaction; durable when this returns.

        Gives the result of each, or the error that this one alone fails with.  If it raises, no
        change was made.
        """

    def finish(self) -> None:
        """The last commit: save where the time line is."""

    def end_reading(self) -> None:
        """Let go of what only reads need: there are no more."""

    def close(self) -> None:
        """Let go of the file.  No other call follows."""


@implementer(IStorage)
class FileStorage(ABC):
    """The records in the file ``path``, within the bounds of ``context``; base of the backends.

    Directories that are missing above the file are made (mode 0700).  The lock is the file
    ``PATH.lock``.  Bounds that are not positive are a
    :class:`~kadtwisted.errors.ConfigurationError`.
    """

    def __init__(self, path: str | os.PathLike[str], context: StorageContext) -> None:
        try:
            self.path = Path(os.fsdecode(path)).absolute()
        except TypeError:
            raise ConfigurationError(
                f"the file of a storage is a path, not {described(path)}"
            ) from None
        if not isinstance(context, StorageContext):
            raise ConfigurationError(
                f"the context of a storage is a StorageContext, not {described(context)}"
            )
        if "\0" in str(self.path):
            raise ConfigurationError(f"no path has a null character, as {self.path!s:.200} has")
        self._context = context
        self._capacity = Capacity.checked(context.max_records, context.max_bytes)
        self._lock: FileLock | None = None
        self._file: RecordFile | None = None
        self._commits: GroupCommit[RecordChange] | None = None
        self._log = Logger(namespace="kadtwisted.storage")

    @abstractmethod
    def _open_file(self, timeline: Timeline) -> RecordFile:
        """Open the file, or make it, and resume the time line from it: ``StorageError``, and then
        nothing is left open."""

    def open(self) -> Deferred[None]:
        """Lock and open the file, make it if it is missing, all before this returns.

        Fails with :class:`~kadtwisted.storage.file_lock.StorageInUse`,
        :class:`~kadtwisted.errors.UnsupportedVersion` or
        :class:`~kadtwisted.errors.StorageError`; then nothing is left open.
        """
        try:
            self._open()
        except StorageError as error:
            return fail(error)
        return succeed(None)

    def _open(self) -> None:
        try:
            make_directory(self.path.parent)
            status_if_there(self.path)  # the lock lies beside what a link leads to
        except OSError as error:
            raise StorageError(f"cannot use {self.path}: {reason_of(error)}") from error
        check_directory_of(self.path, "the storage")
        lock = lock_storage(self.path)
        try:
            file = self._open_file(Timeline(self._context.now, self._context.unix_time))
        except BaseException:
            lock.release()
            raise
        self._lock, self._file = lock, file
        self._commits = GroupCommit(self._context.reactor, file.commit, name=f"storage {self.path}")

    def close(self) -> Deferred[None]:
        """Finish what is queued, then let go of the file.  Idempotent.

        It never fails: what cannot be saved any more is logged, and is no record.
        """
        commits, file = self._commits, self._file
        if commits is None:
            return succeed(None)
        if file is not None:
            self._file = None
            file.end_reading()
            if commits.began:
                commits.exclusively(file.finish).addErrback(self._finish_failed)
            commits.close().addCallback(self._closed, file)
        return commits.close()

    def _finish_failed(self, failure: Failure) -> None:
        failure.trap(StorageError)
        self._log.warn("{error}; every record acknowledged is safe", error=failure.value)

    def _closed(self, result: None, file: RecordFile) -> None:
        lock, self._lock = self._lock, None
        self._commits = None
        try:
            file.close()
        finally:
            if lock is not None:
                lock.release()

    # --- Reads, in the reactor's thread ------------------------------------------------------

    def get(self, kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        return self._read(lambda file: file.get(kind, key, now))

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        return self._read(lambda file: file.page(after, limit))

    def usage(self) -> Deferred[StorageUsage]:
        return self._read(lambda file: file.usage())

    def _read(self, ask: Callable[[RecordFile], T]) -> Deferred[T]:
        if self._file is None:
            return fail(self._not_open())
        try:
            return succeed(ask(self._file))
        except StorageError as error:
            return fail(error)

    # --- Writes, through the queue -----------------------------------------------------------

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        return self._write(Put(record, now))

    def remove(self, where: StorageKey) -> Deferred[bool]:
        return self._write(Remove(where))

    def expire(self, now: float, limit: int) -> Deferred[int]:
        return self._write(Expire(now, limit))

    def _write(self, change: RecordChange) -> Deferred[Any]:
        if self._commits is None:
            return fail(self._not_open())
        return self._commits.submit(change)

    def _not_open(self) -> StorageError:
        return StorageError(f"the storage {self.path} is not open")
