"""Records in an LMDB file: they survive a crash of the machine, bounded in number and in bytes.

Reads are answered before they return, each from the last commit: LMDB reads mapped memory and waits
for no writer.  Writes go through :class:`~kadtwisted.storage.group_commit.GroupCommit`: whatever is
asked for while one commit is under way is in the next, and a put fires when its commit is durable.

No policy lives here (see :class:`~kadtwisted.interfaces.IStorage`), and no layout: that is
``lmdb_batch``'s, and the file is ``lmdb_file``'s.  This decides which thread does what: the
reactor's opens, reads, makes the map larger and closes; the other one commits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, fail, succeed
from twisted.internet.threads import blockingCallFromThread
from zope.interface import implementer

from kadtwisted.errors import ConfigurationError, StorageError, reason_of
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.file_lock import FileLock, lock_storage
from kadtwisted.storage.files import make_directory
from kadtwisted.storage.group_commit import Commit, GroupCommit
from kadtwisted.storage.lmdb.batch import (
    EXPIRES,
    Bounds,
    Databases,
    Expire,
    Operation,
    Put,
    Remove,
    decode_record,
    encode_moment,
    encode_value,
    encode_where,
    read_usage,
)
from kadtwisted.storage.lmdb.file import FIRST_MAP, LMDBFile, most_map
from kadtwisted.storage.timeline import Timeline

if TYPE_CHECKING:
    from lmdb import Transaction

    from kadtwisted.model.ids import NodeID

T = TypeVar("T")


class _Opened(NamedTuple):
    """What exists between open and close."""

    lock: FileLock
    file: LMDBFile
    timeline: Timeline
    commit: Commit[Operation]
    commits: GroupCommit[Operation]


@implementer(IStorage)
class LMDBStorage:
    """Records in the file ``path``; ``PATH-lock`` and ``PATH.lock`` stand beside it.

    At most ``context.max_records`` records with ``context.max_bytes`` bytes of data in all.  Bounds
    that are not positive are a :class:`~kadtwisted.errors.ConfigurationError`.  ``first_map`` and
    ``largest_map`` (bytes of address space, None for what the bounds need) are for tests.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        context: StorageContext,
        *,
        first_map: int = FIRST_MAP,
        largest_map: int | None = None,
    ) -> None:
        if context.max_records < 1 or context.max_bytes < 1:
            raise ConfigurationError("a storage needs room for at least one record and one byte")
        self._path = Path(path).absolute()
        self._context = context
        self._bounds = Bounds(context.max_records, context.max_bytes)
        self._first_map = first_map
        self._largest_map = largest_map or most_map(self._bounds)
        self._opened: _Opened | None = None
        self._closing = DeferredLock()

    def open(self) -> Deferred[None]:
        """Get ready, before this returns.

        Fails with :class:`~kadtwisted.errors.StorageError`,
        :class:`~kadtwisted.storage.file_lock.StorageInUse` or
        :class:`~kadtwisted.errors.UnsupportedVersion`.
        """
        try:
            self._opened = self._open()
        except StorageError as error:
            return fail(error)
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Finish what is queued and let go of the file.  Idempotent."""
        return self._closing.run(lambda: Deferred.fromCoroutine(self._close()))

    def get(self, kind: int, key: NodeID, now: float) -> Deferred[Sequence[StoredRecord]]:
        def find(
            transaction: Transaction[bytes], databases: Databases, timeline: Timeline
        ) -> Sequence[StoredRecord]:
            prefix = encode_where(StorageKey(kind, key))
            moment = encode_moment(now, timeline)
            found: list[StoredRecord] = []
            with transaction.cursor(databases.records) as cursor:
                there = cursor.set_range(prefix)
                while there and (where := cursor.key()).startswith(prefix):
                    value = cursor.value()
                    if value[EXPIRES] > moment:
                        found.append(decode_record(where, value, timeline))
                    there = cursor.next()
            return found

        return self._read(find)

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        def describe(timeline: Timeline) -> Operation:
            value = encode_value(record, timeline)
            return Put(encode_where(record.where), value, encode_moment(now, timeline))

        return self._write(describe)

    def remove(self, where: StorageKey) -> Deferred[bool]:
        return self._write(lambda _: Remove(encode_where(where)))

    def expire(self, now: float, limit: int) -> Deferred[int]:
        return self._write(lambda timeline: Expire(encode_moment(now, timeline), limit))

    def page(self, after: StorageKey | None, limit: int) -> Deferred[Sequence[StoredRecord]]:
        def turn(
            transaction: Transaction[bytes], databases: Databases, timeline: Timeline
        ) -> Sequence[StoredRecord]:
            # The next key there can be: the same bytes and one more.
            start = b"" if after is None else encode_where(after) + b"\x00"
            found: list[StoredRecord] = []
            with transaction.cursor(databases.records) as cursor:
                there = cursor.set_range(start) if start else cursor.first()
                while there and len(found) < limit:
                    found.append(decode_record(cursor.key(), cursor.value(), timeline))
                    there = cursor.next()
            return found

        return self._read(turn)

    def usage(self) -> Deferred[StorageUsage]:
        return self._read(lambda transaction, databases, _: read_usage(transaction, databases))

    def _read(self, work: Callable[[Transaction[bytes], Databases, Timeline], T]) -> Deferred[T]:
        opened = self._opened
        if opened is None:
            return fail(self._not_open())
        timeline = opened.timeline
        try:
            return succeed(
                opened.file.read(lambda view, databases: work(view, databases, timeline))
            )
        except StorageError as error:
            return fail(error)

    def _write(self, describe: Callable[[Timeline], Operation]) -> Deferred[T]:
        opened = self._opened
        if opened is None:
            return fail(self._not_open())
        try:
            operation = describe(opened.timeline)
        except StorageError as error:
            return fail(error)
        return opened.commits.submit(operation)

    def _not_open(self) -> StorageError:
        return StorageError(f"the storage {self._path} is not open")

    def _open(self) -> _Opened:
        try:
            make_directory(self._path.parent)
        except OSError as error:
            raise StorageError(f"cannot use {self._path}: {reason_of(error)}") from error
        lock = lock_storage(self._path)
        try:
            timeline = Timeline(self._context.now, self._context.unix_time)
            file = LMDBFile(
                self._path,
                self._bounds,
                timeline.anchor(),
                first_map=self._first_map,
                most_map=self._largest_map,
            )
        except BaseException:
            lock.release()
            raise
        timeline.resume(file.anchor)
        commit = self._commit_with(file, timeline)
        commits = GroupCommit(self._context.reactor, commit, name=f"storage {self._path}")
        return _Opened(lock, file, timeline, commit, commits)

    def _commit_with(self, file: LMDBFile, timeline: Timeline) -> Commit[Operation]:
        """What the queue of writes does in its thread."""
        reactor = self._context.reactor

        def alone(work: Callable[[], None]) -> None:
            # The reactor's thread reads, so nobody does while it works on this; this thread's
            # transaction has ended, and it waits.
            blockingCallFromThread(reactor, work)

        def commit(operations: Sequence[Operation]) -> Sequence[object]:
            return file.commit(operations, timeline.anchor(), alone)

        return commit

    async def _close(self) -> None:
        opened = self._opened
        if opened is None:
            return
        saving: Deferred[object] = succeed(None)
        if opened.commits.began:  # no operations: only the anchor
            saving = opened.commits.exclusively(lambda: opened.commit(()))
        draining = opened.commits.close()
        try:
            await saving
        finally:
            await draining
            self._opened = None
            opened.file.close()
            opened.lock.release()
