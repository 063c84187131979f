"""The records a node keeps published, in an SQLite file.

A record that was promised to be kept is never lost silently.  Every row has a checksum, and the
file is read whole when it is opened.  After damage the node does not start, and says why; it does
not start with a shorter list.  There is one gap: in the write-ahead log, which is empty after an
orderly end, SQLite takes damage for a commit that never ended.

A row holds what a :class:`~kadtwisted.model.publication.Publication` does; ``next_at`` is Unix
time.  All rows are read at once, for a node has all of them in memory.

Nothing here is asynchronous: ``open`` runs before the reactor does, and ``commit`` in the thread of
a :class:`~kadtwisted.storage.group_commit.GroupCommit`.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from zlib import crc32

from kadtwisted.errors import StorageError
from kadtwisted.model.ids import id_from_bytes, id_to_bytes
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.storage.guard import OWN
from kadtwisted.storage.sqlite.file import (
    Schema,
    check_whole,
    damaged,
    explained,
    open_database,
    transaction,
)
from kadtwisted.storage.sqlite.migrations import versions_of

SCHEMA = Schema(
    holds="the records kept published",
    application_id=0x6B616470,  # "kadp"
    versions=versions_of("publications"),
    access=OWN,
)

_SELECT = (
    "SELECT kind, key, sub, record, lifetime, next_at, checksum, state, pin FROM publications"
    " ORDER BY rowid"
)
_KEEP = (
    "INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " record = excluded.record, lifetime = excluded.lifetime, next_at = excluded.next_at,"
    " checksum = excluded.checksum, state = excluded.state, pin = excluded.pin"
)
_WITHDRAW = "DELETE FROM publications WHERE kind = ? AND key = ? AND sub = ?"

_PUT_BACK, _LOST, _FOR_PIN = 1, 2, 4
"""Bits of the column ``state``."""

_NUMBERS = struct.Struct(">QIIdd")

PublicationChange = Publication | StorageKey
"""A publication to keep, or the place of one to withdraw."""
_Row = tuple[int, bytes, bytes, bytes, float, float, int, int, int]


class Publications:
    """The publications in the file at ``path``; used between :meth:`open` and :meth:`close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> tuple[Publication, ...]:
        """Open the file, or make it if there is none; gives all publications in it.

        Fails with :class:`~kadtwisted.errors.StorageError` for a file that is damaged, and with
        :class:`~kadtwisted.errors.UnsupportedVersion` for one of a newer program; then nothing is
        left open.
        """
        connection = open_database(self._path, SCHEMA)
        try:
            check_whole(connection, self._path, SCHEMA)
            publications = self._read(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return publications

    def commit(self, changes: Sequence[PublicationChange]) -> Sequence[None]:
        """Make these changes, in order, in one transaction; durable when this returns.

        If it raises :class:`~kadtwisted.errors.StorageError`, no change was made.
        """
        connection = self._connection
        if connection is None:
            raise StorageError("the records kept published are not open")
        with transaction(connection, self._path, SCHEMA):
            for each in changes:
                if isinstance(each, Publication):
                    connection.execute(_KEEP, _row(each))
                else:
                    connection.execute(_WITHDRAW, _place(each))
        return [None] * len(changes)

    def close(self) -> None:
        """Write the log into the file, and close it.  Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _read(self, connection: sqlite3.Connection) -> tuple[Publication, ...]:
        try:
            with closing(connection.execute(_SELECT)) as rows:
                return tuple(map(_publication, rows))
        except sqlite3.Error as error:
            raise explained(error, self._path, SCHEMA) from error
        except (TypeError, ValueError, OverflowError, struct.error) as error:
            raise damaged(self._path, SCHEMA, "a row is not as it was written") from error


def _place(where: StorageKey) -> tuple[int, bytes, bytes]:
    return where.kind, id_to_bytes(where.key), where.sub


def _row(publication: Publication) -> _Row:
    (kind, key, sub), record = _place(publication.where), publication.record
    # SQLite keeps no negative zero, and a sum is none.
    lifetime, next_at = publication.lifetime + 0.0, publication.next_at + 0.0
    state = publication.put_back * _PUT_BACK | publication.lost * _LOST
    state |= publication.for_pin * _FOR_PIN
    checksum = _checksum((kind, key, sub, record, lifetime, next_at), state, publication.pin)
    return kind, key, sub, record, lifetime, next_at, checksum, state, publication.pin


def _publication(row: _Row) -> Publication:
    """The publication in a row; fails for a row that :func:`_row` did not make."""
    kind, key, sub, record, lifetime, next_at, checksum, state, pin = row
    if _checksum(row[:6], state, pin) != checksum:
        raise ValueError("wrong checksum")
    where = StorageKey(kind, id_from_bytes(key), sub)
    put_back, lost = bool(state & _PUT_BACK), bool(state & _LOST)
    for_pin = bool(state & _FOR_PIN)
    return Publication(where, record, lifetime, next_at, put_back, lost, pin, for_pin)


def _checksum(told: tuple[int, bytes, bytes, bytes, float, float], state: int, pin: int) -> int:
    """A CRC-32 (RFC 1952, section 8).

    It is for accidents of a disk, and it is fast: a node that starts may take a hundred thousand.
    """
    kind, key, sub, record, lifetime, next_at = told
    head = _NUMBERS.pack(kind, len(key), len(sub), lifetime, next_at)
    plain = crc32(record, crc32(head + key + sub))
    # Rows of the first version have no state, and those of the second no pin: both are read as 0.
    stated = crc32(state.to_bytes(1, "big"), plain) if state else plain
    return crc32(pin.to_bytes(4, "big"), stated) if pin else stated
