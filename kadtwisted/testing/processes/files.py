"""Checks the files of a storage while no daemon has them open: are they whole and consistent?

The files are copied first, with their write-ahead logs, because reading them with the library that
wrote them may repair them.  Each copy is checked twice: by the database's own means (SQLite's
``integrity_check``, a walk through every tree of LMDB), and through the storage backend, whose
counters must agree with a walk through all records.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kadtwisted.errors import StorageError
from kadtwisted.interfaces import IStorage, StorageContext
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StoredRecord
from kadtwisted.node.world import steady_seconds
from kadtwisted.parameters import Bounds
from kadtwisted.settings.plugin_registry import PluginRegistry
from kadtwisted.testing.processes.ledger import Held

PAGE = 512
"""Records read at once."""
MAX_TREES = 64
"""Named trees that an LMDB file may have; a storage has only a few."""

NAMES: Mapping[str, str] = MappingProxyType({"sqlite": "records.sqlite", "lmdb": "records.lmdb"})
"""Where each durable storage keeps its records in the state directory, if it is told nothing."""


class Inspection:
    """The records that were found, and a sentence for each fault."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.held: dict[NodeID, Held] = {}


async def inspect(reactor: Any, storage: str, directory: Path) -> Inspection:
    """Check a copy of the files of this storage; nobody may be using the state directory."""
    found = Inspection()
    with tempfile.TemporaryDirectory(prefix="copy-", dir=directory.parent) as copy:
        name = NAMES[storage]
        _copy(directory, name, Path(copy))
        path = Path(copy, name)
        if path.exists():  # else killed before it was made
            found.faults += CHECKS[storage](path)
            await _walk(reactor, storage, path, found)
    return found


def _copy(directory: Path, name: str, to: Path) -> None:
    for each in sorted(directory.glob(name + "*")):
        if not each.name.endswith("lock"):
            shutil.copy2(each, to)


def _check_sqlite(path: Path) -> list[str]:
    # On a copy of the copy: opening it folds the write-ahead log in, and the backend is to do that.
    with tempfile.TemporaryDirectory(dir=path.parent) as other:
        _copy(path.parent, path.name, Path(other))
        connection = sqlite3.connect(Path(other, path.name))
        try:
            rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        except sqlite3.DatabaseError as error:
            rows = [str(error)]
        finally:
            connection.close()
    return [] if rows == ["ok"] else [f"integrity_check: {row}" for row in rows]


def _check_lmdb(path: Path) -> list[str]:
    import lmdb

    try:
        environment = lmdb.open(
            str(path), subdir=False, readonly=True, lock=False, max_dbs=MAX_TREES
        )
    except lmdb.Error as error:
        return [f"lmdb: {error}"]
    try:
        with environment.begin() as transaction:
            names = [bytes(key) for key, _ in transaction.cursor()]
        return [fault for name in names for fault in _check_tree(environment, name)]
    except lmdb.Error as error:
        return [f"lmdb: {error}"]
    finally:
        environment.close()


def _check_tree(environment: Any, name: bytes) -> list[str]:
    """The faults of a tree: the number of its entries, and their order."""
    import lmdb

    try:
        tree = environment.open_db(name, create=False)
    except (lmdb.IncompatibleError, lmdb.NotFoundError):
        return []  # an ordinary entry of the main tree
    with environment.begin(db=tree) as transaction:
        keys = [bytes(key) for key, _ in transaction.cursor()]
        entries = transaction.stat(tree)["entries"]
    faults = []
    if len(keys) != entries:
        faults.append(f"lmdb: {name!r} has {len(keys)} entries and says {entries}")
    if keys != sorted(keys):
        faults.append(f"lmdb: {name!r} is out of order")
    return faults


CHECKS: Mapping[str, Callable[[Path], list[str]]] = MappingProxyType(
    {"sqlite": _check_sqlite, "lmdb": _check_lmdb}
)


async def _walk(reactor: Any, storage: str, path: Path, found: Inspection) -> None:
    """Open the copy as a daemon does, and count its records again."""
    bounds = Bounds()
    context = StorageContext(
        reactor,
        steady_seconds,
        time.time,
        str(path.parent),
        bounds.stored_records,
        bounds.stored_bytes,
    )
    opened = PluginRegistry().storage(f"{storage}:{path}").make(context)
    try:
        await opened.open()
    except StorageError as error:
        found.faults.append(str(error))
        return
    try:
        records = await _all(opened)
        now = steady_seconds()
        found.held = {e.where.key: Held(e.data, e.expires - now) for e in records}
        usage = await opened.usage()
    finally:
        await opened.close()
    size = sum(len(each.data) for each in records)
    if (usage.records, usage.size) != (len(records), size):
        found.faults.append(
            f"counters say {usage.records} records with {usage.size} bytes, "
            f"there are {len(records)} with {size}"
        )


async def _all(storage: IStorage) -> list[StoredRecord]:
    records: list[StoredRecord] = []
    after: StorageKey | None = None
    while page := await storage.page(after, PAGE):
        records += page
        after = page[-1].where
    return records
