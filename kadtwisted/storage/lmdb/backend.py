"""Records in an LMDB file: they survive a crash of the machine.

LMDB reads mapped memory and waits for no writer.  This module decides which thread does what: the
reactor's thread opens, reads, makes the map larger and closes; the thread of the writes commits.
How records lie in the file is the business of ``lmdb/records.py``, the file itself of
``lmdb/file.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.threads import blockingCallFromThread

from kadtwisted.interfaces import StorageContext
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.storage.changes import RecordChange
from kadtwisted.storage.file_storage import FileStorage
from kadtwisted.storage.lmdb.file import FIRST_MAP, LMDBFile, most_map
from kadtwisted.storage.lmdb.records import find_records, page_of_records, read_usage
from kadtwisted.storage.timeline import Timeline

if TYPE_CHECKING:
    from kadtwisted.model.ids import NodeID


class LMDBStorage(FileStorage):
    """The records in the LMDB file ``path``, within the bounds of ``context``.

    LMDB itself has the file ``PATH-lock`` beside it.  ``first_map`` and ``largest_map`` (bytes of
    address space, None for what the bounds need) are for tests.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        context: StorageContext,
        *,
        first_map: int = FIRST_MAP,
        largest_map: int | None = None,
    ) -> None:
        super().__init__(path, context)
        self._first_map = first_map
        self._largest_map = largest_map or most_map(self._capacity)

    def _open_file(self, timeline: Timeline) -> LMDBRecords:
        file = LMDBFile(
            self.path,
            self._capacity,
            timeline.anchor(),
            first_map=self._first_map,
            most_map=self._largest_map,
        )
        timeline.resume(file.anchor)
        # The reactor's thread does the reads: while it does this work, there are none.  The thread
        # of the writes waits for it, with no transaction open.
        alone = partial(blockingCallFromThread, self._context.reactor)
        return LMDBRecords(file, timeline, alone)


class LMDBRecords:
    """An open LMDB file, as :class:`~kadtwisted.storage.file_storage.RecordFile` says.

    ``alone`` does the work it is given while there are no reads, and raises what that raises.
    """

    def __init__(
        self, file: LMDBFile, timeline: Timeline, alone: Callable[[Callable[[], None]], Any]
    ) -> None:
        self.file = file
        self._timeline = timeline
        self._alone = alone

    def get(self, kind: int, key: NodeID, now: float) -> Sequence[StoredRecord]:
        where, timeline = StorageKey(kind, key), self._timeline
        return self.file.read(lambda view, tables: find_records(view, tables, where, now, timeline))

    def page(self, after: StorageKey | None, limit: int) -> Sequence[StoredRecord]:
        timeline = self._timeline
        return self.file.read(
            lambda view, tables: page_of_records(view, tables, after, limit, timeline)
        )

    def usage(self) -> StorageUsage:
        return self.file.read(read_usage)

    def commit(self, changes: Sequence[RecordChange]) -> Sequence[Any]:
        return self.file.commit(changes, self._timeline, self._alone)

    def finish(self) -> None:
        """A commit without changes, which saves the anchor as every commit does."""
        self.commit(())

    def end_reading(self) -> None:
        """Nothing to do: reads keep nothing open."""

    def close(self) -> None:
        self.file.close()
