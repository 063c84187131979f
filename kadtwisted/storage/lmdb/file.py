"""An LMDB file of ours: how it is made, recognised, opened, checked and written.

Rules: a file is made whole under another name and then renamed, so an empty one is always damage.
A file of another program, or of a newer version of this one, stays as it is.  A commit is durable
when it returns: by LMDB's defaults it flushes the data and then the page that makes them count
(http://www.lmdb.tech/doc/group__mdb.html, without ``MDB_NOSYNC``, ``MDB_NOMETASYNC``,
``MDB_WRITEMAP`` and ``MDB_MAPASYNC``).  Every error is a :class:`~kadtwisted.errors.StorageError`
whose sentence says what to do.

The map is the part of the address space that the file may grow into.  It begins small and doubles.
LMDB allows that only while no transaction is open in the process; the owner makes sure of it.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import lmdb
from lmdb.verify import VerifyError, verify

from kadtwisted.errors import DiskFull, InvalidKey, StorageError, UnsupportedVersion, reason_of
from kadtwisted.storage.capacity import Capacity
from kadtwisted.storage.changes import RecordChange
from kadtwisted.storage.files import sync_directory
from kadtwisted.storage.guard import STATE, check_if_there, owner_of_directory
from kadtwisted.storage.lmdb.records import (
    FORMAT,
    FORMAT_KEY,
    FORMAT_STEM,
    SIZE,
    SIZE_KEY,
    Batch,
    Databases,
    read_anchor,
    read_usage,
    write_anchor,
)
from kadtwisted.storage.timeline import Anchor, Timeline

with suppress(ImportError):
    # LMDB imports it when it opens its first file.  A process that has become another user by then
    # (``twistd --uid``) may not be able to read it any more.
    import_module("lmdb._envid")

T = TypeVar("T")

FIRST_MAP = 16 * 1024 * 1024
"""MAGIC: bytes of a new map: some ten thousand records.  Each doubling repeats one batch."""
SPARE_MAP = 256 * 1024 * 1024
"""A commit writes copies of the pages it changes; the old pages are free only two commits later.
Three batches of 1,024 records, each with at most five pages of 4 KiB in two trees, need half of
this."""
RECORD_MAP = 2048
"""The most bytes that a record needs beside its data: its key of up to 276 bytes twice, in trees
whose pages may be half empty."""
DATA_MAP = 4
"""Data larger than half a page takes whole pages, and two pages where one is nearly enough: less
than a factor of three."""
READERS = 16
"""One for this process; the others for LMDB's own tools, which may read at the same time."""
ROOM = 16 * 1024 * 1024
"""MAGIC: with fewer bytes free on the disk, a failed write means a full disk: where a write ends
halfway, LMDB reports an input/output error."""

_DAMAGED = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError)
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class LMDBFile:
    """An open file: one thread reads, another commits, one :meth:`commit` at a time.

    The file is made (mode 0600, with the anchor ``begin``) if it is missing.  Fails with
    :class:`StorageError`, :class:`DiskFull` or :class:`UnsupportedVersion`; then nothing is left
    open.  ``anchor`` is the one of the last commit.  The map begins with ``first_map`` bytes and
    grows by at most ``most_map``.
    """

    def __init__(
        self, path: Path, capacity: Capacity, begin: Anchor, *, first_map: int, most_map: int
    ) -> None:
        self._path = path
        self._capacity = capacity
        self._broken = False
        try:
            if not os.path.lexists(path):
                _make(path, begin)
            for each in (path, path.with_name(path.name + "-lock")):
                check_if_there(each, STATE, owners=owner_of_directory(path))
            used = path.stat().st_size
            if not used:  # LMDB would make a new file of it
                raise _damaged(path, "it is empty")
            self._most_map = most_map + used
            self._environment = _environment(path, max(first_map, used))
            self.anchor = self._recognise()
        except (OSError, lmdb.Error) as error:
            raise explained(error, path) from error

    def close(self) -> None:
        """Let go of the file; not while a commit is under way."""
        self._environment.close()

    def read(self, work: Callable[[lmdb.Transaction[bytes], Databases], T]) -> T:
        """Look at the last commit.

        Each read has a transaction of its own, so that no page is kept for long.
        """
        try:
            with self._environment.begin() as transaction:
                return work(transaction, self._databases)
        except (lmdb.Error, struct.error, InvalidKey) as error:
            raise explained(error, self._path) from error

    def commit(
        self,
        changes: Sequence[RecordChange],
        timeline: Timeline,
        alone: Callable[[Callable[[], None]], object],
    ) -> list[Any]:
        """Make these changes in one transaction; the result of each, once it is durable.

        ``alone`` must do the work it is given while there are no reads, and raise what that raises.
        """
        while True:
            try:
                if self._broken:
                    alone(self._renew)
                try:
                    return self._commit(changes, timeline)
                except lmdb.MapFullError:
                    alone(self._grow)
            except (OSError, lmdb.Error, struct.error) as error:
                self._broken = self._broken or isinstance(error, lmdb.PanicError)
                raise explained(error, self._path) from error

    def _grow(self) -> None:
        """Double the map; ``DiskFull`` where that would be more than all bounds explain."""
        size = self._environment.info()["map_size"]
        if size >= self._most_map:
            raise DiskFull(
                f"{self._path} has grown to {size} bytes, more than its records can need; stop the "
                "node and make it smaller with LMDB's tool `mdb_copy -nc`"
            )
        self._environment.set_mapsize(min(2 * size, self._most_map))

    def _renew(self) -> None:
        """Open the file again.

        LMDB refuses all work after it failed to write the page that makes a commit count.
        """
        self._environment.close()
        self._environment = _environment(self._path, self._path.stat().st_size)
        self._databases = self._open_databases()
        self._broken = False

    def _commit(self, changes: Sequence[RecordChange], timeline: Timeline) -> list[Any]:
        with self._environment.begin(write=True) as transaction:
            batch = Batch(transaction, self._databases, self._capacity, timeline)
            results = batch.apply(changes)
            batch.finish()
        return results

    def _recognise(self) -> Anchor | None:
        """Find the sub-databases if this is a file of ours, and no newer one; gives its anchor."""
        try:
            self._refuse_cut_off()
            self._databases = self._open_databases()
            return self.read(self._whole)
        except BaseException:
            self.close()
            raise

    def _open_databases(self) -> Databases:
        try:
            meta = self._open_database(b"meta")
            with self._environment.begin() as transaction:
                found = transaction.get(FORMAT_KEY, b"", db=meta)
            if found.startswith(FORMAT_STEM) and found != FORMAT:
                raise UnsupportedVersion(
                    f"{self._path} was written by a newer version of this program; use that one"
                )
            if found != FORMAT:
                raise _foreign(self._path)
            return Databases(self._open_database(b"records"), self._open_database(b"expiry"), meta)
        except (lmdb.NotFoundError, lmdb.IncompatibleError):
            raise _foreign(self._path) from None

    def _open_database(self, name: bytes) -> Any:
        return self._environment.open_db(name, create=False)

    def _refuse_cut_off(self) -> None:
        """Refuse a file that was cut off: to read a page behind its end would kill the process.

        A good file may end before its last page, if that page was freed before it was ever written.
        So a short file is checked page by page, without LMDB.
        """
        pages = self._environment.info()["last_pgno"] + 1
        if self._path.stat().st_size >= pages * self._environment.stat()["psize"]:
            return
        look_through: Callable[..., list[str]] = verify  # the library has no types
        try:
            found = look_through(os.fspath(self._path), subdir=False)
        except VerifyError as error:
            found = [str(error)]
        if found:
            raise _damaged(self._path, found[0])

    def _whole(self, transaction: lmdb.Transaction[bytes], databases: Databases) -> Anchor | None:
        """Check that the parts agree with each other; gives the last anchor."""
        usage = read_usage(transaction, databases)
        if transaction.stat(databases.expiry)["entries"] != usage.records:
            raise _damaged(self._path, "its index does not fit its records")
        return read_anchor(transaction, databases.meta)


def most_map(capacity: Capacity) -> int:
    """The most bytes of the map: generous, because only a fault of ours would reach it."""
    return SPARE_MAP + RECORD_MAP * capacity.records + DATA_MAP * capacity.size


def _make(path: Path, anchor: Anchor) -> None:
    """Make an empty file of ours: after a crash it is whole or missing."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)  # left by a crash between two steps
    try:
        # Without LMDB's lock, because nobody else knows the name yet: no second file to rename.
        with lmdb.open(os.fspath(fresh), subdir=False, mode=0o600, max_dbs=3, lock=False) as made:
            meta = made.open_db(b"meta")
            for name in (b"records", b"expiry"):
                made.open_db(name)
            with made.begin(write=True) as transaction:
                transaction.put(FORMAT_KEY, FORMAT, db=meta)
                transaction.put(SIZE_KEY, SIZE.pack(0), db=meta)
                write_anchor(transaction, meta, anchor)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _environment(path: Path, map_size: int) -> lmdb.Environment:
    environment = lmdb.open(
        os.fspath(path),
        subdir=False,
        create=False,
        mode=0o600,
        map_size=map_size,
        max_dbs=3,
        max_readers=READERS,
    )
    environment.reader_check()  # forget readers that were killed: they keep old pages in use
    return environment


def explained(error: OSError | lmdb.Error | struct.error | InvalidKey, path: Path) -> StorageError:
    """The error in words that a user understands."""
    if isinstance(error, OSError):
        return StorageError(f"cannot use {error.filename or path}: {reason_of(error)}")
    if isinstance(error, (struct.error, InvalidKey)):
        return _damaged(path, "an entry has a wrong length")
    if isinstance(error, lmdb.VersionMismatchError):
        return UnsupportedVersion(f"{path} was written by another version of LMDB: {error}")
    if isinstance(error, _DAMAGED):
        return _damaged(path, str(error))
    if isinstance(error, lmdb.PanicError):
        return StorageError(f"a write to {path} failed; the next one opens it again: {error}")
    code = getattr(error, "code", 0)
    if code in _FULL or (code == errno.EIO and _disk_is_full(path)):
        return DiskFull(f"there is no room left on the disk for {path}")
    return StorageError(f"cannot use {path}: {error}")


def _disk_is_full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < ROOM


def _damaged(path: Path, what: str) -> StorageError:
    return StorageError(
        f"{path} is damaged, or no file of this program ({what}); restore it from a backup, or "
        "move it away to start without the records it holds for others"
    )


def _foreign(path: Path) -> StorageError:
    return StorageError(
        f"{path} is an LMDB file of another program; choose another file, or move it away"
    )
