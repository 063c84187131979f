"""An SQLite database of ours: how it is made, recognised, opened, checked and written.

Rules: a database is made whole under another name and then renamed, so an empty file is always
damage.  A file of another program, or of a newer version of this one, stays as it is.  An older
schema is upgraded in one transaction, after a backup.  A commit is durable when it returns (WAL,
``synchronous=FULL``: https://www.sqlite.org/pragma.html#pragma_synchronous).  Every error is a
:class:`~kadtwisted.errors.StorageError` whose sentence says what to do.

Nothing here is asynchronous: call it in a thread where waiting is not allowed.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from kadtwisted.errors import DiskFull, StorageError, UnsupportedVersion, reason_of
from kadtwisted.storage.files import sync_directory
from kadtwisted.storage.guard import STATE, Access, check_if_there, owner_of_directory

BUSY_SECONDS = 5.0
"""MAGIC: how long a statement waits for another program, perhaps a backup, to end."""
READER_BUSY_SECONDS = 0.02
"""MAGIC: the same for a reader, which must not wait; only another program can make it wait."""
READER_CACHE_KIB = 256
"""MAGIC: settled by the memory of a node and the latency of its reads."""
PROBE_BYTES = 32 * 1024
"""SQLite's shared memory grows by this much at a time (https://www.sqlite.org/walformat.html)."""
WAL_BYTES = 16 * 1024 * 1024
"""A longer write-ahead log is cut to this; SQLite moves it into the database at about 4 MB."""
SMALLEST = 512
"""Bytes of the smallest page, and so of the smallest database (https://sqlite.org/fileformat.html)."""

_LOGS = ("-wal", "-shm", "-journal")
"""What SQLite reads beside a database (https://www.sqlite.org/tempfiles.html)."""

_DAMAGED = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_MAYBE_FULL = frozenset((sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN))
_IN_USE = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))


class Schema(NamedTuple):
    """What a database of ours looks like, and what others must not be able to do with it.

    ``holds`` names what is in it, for error messages.  ``application_id`` is the number in the
    file's header by which it is recognised.  ``versions`` has, for each version of the schema, the
    statements that lead to it from the version before (for the first one: from an empty database);
    ``user_version`` counts them.
    """

    holds: str
    application_id: int
    versions: tuple[tuple[str, ...], ...]
    access: Access = STATE


def open_database(path: Path, schema: Schema, *, make: bool = True) -> sqlite3.Connection:
    """A connection for one thread at a time to the database at ``path``, made if there is none.

    Transactions are explicit (:func:`transaction`).  Before an older schema is upgraded the
    database is copied to ``PATH.backup-vN``, where N is its version; the last such copy is kept.
    Fails with :class:`StorageError`, :class:`DiskFull` or :class:`UnsupportedVersion`; then
    nothing is left open.
    """
    try:
        if make and not os.path.lexists(path):
            _make(path, schema)
        _check_file(path, schema)
        return _open(path, schema)
    except (OSError, sqlite3.Error) as error:
        raise explained(error, path, schema) from error


def open_reader(path: Path, schema: Schema) -> sqlite3.Connection:
    """A second connection to a database that is open, for reading only.

    Each statement sees what is committed when it begins, and waits for no writer.  Fails with
    :class:`StorageError`.
    """
    try:
        connection = _connect(f"{path.as_uri()}?mode=ro", READER_BUSY_SECONDS)
        try:
            # Every commit makes its cache worthless, so it need not be large.
            connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explained(error, path, schema) from error
    return connection


def check_whole(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    """Look for damage in the whole database, about a second for each gigabyte;
    :class:`StorageError` if there is any."""
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise explained(error, path, schema) from error
    if found != "ok":
        raise damaged(path, schema, " ".join(found.split()))


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path, schema: Schema) -> Iterator[None]:
    """What is done inside is durable when this ends; if anything is raised, all of it is undone."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk may have ended it already
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise explained(error, path, schema) from error


def explained(error: OSError | sqlite3.Error, path: Path, schema: Schema) -> StorageError:
    """The error in words that a user understands."""
    if isinstance(error, OSError):
        if error.errno in _NO_ROOM:
            return _full(path)
        return StorageError(f"cannot use {error.filename or path}: {reason_of(error)}")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _DAMAGED:
        return damaged(path, schema, str(error))
    if code == sqlite3.SQLITE_FULL or (code in _MAYBE_FULL and _no_room(path)):
        return _full(path)
    if code in _IN_USE:
        return StorageError(f"{path} is in use by another program; close that first")
    return StorageError(f"cannot use {path}: {error}")


def damaged(path: Path, schema: Schema, what: str) -> StorageError:
    """The error for a file that cannot be trusted."""
    return StorageError(
        f"{path} is damaged ({what}); restore it from a backup, or move it and {path.name}-wal "
        f"away to start without {schema.holds}"
    )


def _no_room(path: Path) -> bool:
    """Whether nothing can be written beside the database.

    SQLite itself reports only some full disks as such: not a quota that is used up, and not a full
    disk when it needs more shared memory.
    """
    probe = _beside(path, ".probe")
    try:
        probe.unlink(missing_ok=True)  # left by a crash, or no file at all
        probe.write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        return error.errno in _NO_ROOM
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return False


def _full(path: Path) -> DiskFull:
    return DiskFull(f"there is no room left on the disk for {path}")


# --- Making and opening ------------------------------------------------------------------------


def _make(path: Path, schema: Schema) -> None:
    """Build the database beside its place, then rename it: after a crash it is whole or missing."""
    temporary = path.with_name(path.name + ".new")
    for each in (
        temporary,
        _beside(temporary, "-journal"),
        _beside(path, "-wal"),
        _beside(path, "-shm"),
    ):
        # A crash left them, or somebody moved the database away but not its log; SQLite would take
        # that for the log of the new database.
        each.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(_connect(temporary)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        _upgrade(connection, schema, 0)
    temporary.replace(path)
    sync_directory(path.parent)


def _check_file(path: Path, schema: Schema) -> None:
    """Find what SQLite would report less clearly or not at all: it takes a cut-off file for a new
    database, and waits for what comes out of a pipe."""
    for each in (path, *(_beside(path, suffix) for suffix in _LOGS)):
        check_if_there(each, schema.access, owners=owner_of_directory(path))
    status = path.stat()
    if status.st_size < SMALLEST:
        raise damaged(path, schema, f"it has {status.st_size} bytes")
    for place in (path, path.parent):
        if not os.access(place, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))


def _open(path: Path, schema: Schema) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        version = _recognise(connection, path, schema)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        if version < len(schema.versions):
            backup = _back_up(connection, path, version)
            _upgrade(connection, schema, version)
            _forget_backups(path, backup)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(database: Path | str, timeout: float = BUSY_SECONDS) -> sqlite3.Connection:
    return sqlite3.connect(
        database, timeout=timeout, isolation_level=None, check_same_thread=False, uri=True
    )


def _recognise(connection: sqlite3.Connection, path: Path, schema: Schema) -> int:
    """The version of the schema in the file, if it is one of ours; it only reads."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != schema.application_id:
        raise StorageError(f"{path} is a database of something else; choose another path")
    if version > len(schema.versions):
        raise UnsupportedVersion(f"{path} was written by a newer version of this program; upgrade")
    if version < 1:
        raise damaged(path, schema, f"its version is {version}")
    return int(version)


def _upgrade(connection: sqlite3.Connection, schema: Schema, version: int) -> None:
    """Take all steps from this version to the newest, or none."""
    connection.execute("BEGIN IMMEDIATE")
    for step in schema.versions[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(schema.versions)}")
    connection.execute("COMMIT")


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Make a durable copy of the database and its log; after a crash it is whole or missing."""
    backup = _beside(path, f".backup-v{version}")
    temporary = _beside(backup, ".new")
    temporary.unlink(missing_ok=True)
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(_connect(temporary)) as copy:
            copy.execute("PRAGMA synchronous = FULL")
            connection.backup(copy)
        temporary.replace(backup)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return backup


def _forget_backups(path: Path, but: Path) -> None:
    for each in path.parent.iterdir():
        if each.name.startswith(f"{path.name}.backup-v") and each != but:
            each.unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
