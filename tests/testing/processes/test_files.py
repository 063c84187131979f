"""Checking the files of a storage: whole files pass, and faults are found."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

import lmdb
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from kadtwisted.interfaces import StorageContext
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import Kind, StorageKey, StoredRecord
from kadtwisted.node.world import steady_seconds
from kadtwisted.settings.plugin_registry import PluginRegistry
from kadtwisted.storage.lmdb.records import SIZE, SIZE_KEY
from kadtwisted.testing.processes.files import NAMES, inspect

RECORDS = 700
"""More than one page."""


class FilesTestCase(TestCase):
    def setUp(self) -> None:
        made = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(made.cleanup)
        self.state = Path(made.name, "state")
        self.state.mkdir()

    async def fill(self, storage: str) -> Path:
        """Write records as a daemon does; where the file is."""
        context = StorageContext(
            reactor, steady_seconds, time.time, str(self.state), 10_000, 1 << 24
        )
        opened = PluginRegistry().storage(storage).make(context)
        await opened.open()
        now = steady_seconds()
        putting = [
            opened.put(
                StoredRecord(StorageKey(Kind.VALUE, NodeID(n)), b"%0100d" % n, now + 60, now), now
            )
            for n in range(RECORDS)
        ]
        for each in putting:
            await each
        await opened.close()
        return self.state / NAMES[storage]

    async def find_whole(self, storage: str) -> None:
        await self.fill(storage)
        before = sorted((e.name, e.read_bytes()) for e in self.state.iterdir())
        found = await inspect(reactor, storage, self.state)
        self.assertEqual(found.faults, [])
        self.assertEqual(len(found.held), RECORDS)
        self.assertEqual(found.held[NodeID(5)].record, b"%0100d" % 5)
        self.assertApproximates(found.held[NodeID(5)].remaining, 60, 30)
        after = sorted((e.name, e.read_bytes()) for e in self.state.iterdir())
        self.assertEqual(before, after)
        self.assertEqual([e.name for e in self.state.parent.iterdir()], ["state"])

    async def test_sqlite_whole(self) -> None:
        await self.find_whole("sqlite")

    async def test_lmdb_whole(self) -> None:
        await self.find_whole("lmdb")

    async def test_nothing_was_made_yet(self) -> None:
        for storage in NAMES:
            found = await inspect(reactor, storage, self.state)
            self.assertEqual((found.faults, found.held), ([], {}))

    async def test_sqlite_that_counted_wrong(self) -> None:
        path = await self.fill("sqlite")
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE state SET size = size + 1")
        connection.close()
        (fault,) = (await inspect(reactor, "sqlite", self.state)).faults
        self.assertIn("counters say", fault)

    async def test_lmdb_that_counted_wrong(self) -> None:
        path = await self.fill("lmdb")
        with lmdb.open(str(path), subdir=False, max_dbs=3, map_size=1 << 26) as environment:
            meta = environment.open_db(b"meta")
            with environment.begin(db=meta, write=True) as transaction:
                transaction.put(SIZE_KEY, SIZE.pack(7))
        (fault,) = (await inspect(reactor, "lmdb", self.state)).faults
        self.assertIn("counters say", fault)

    async def test_what_cannot_be_opened(self) -> None:
        for name in NAMES.values():
            (self.state / name).write_bytes(b"no database at all" * 1000)
        for storage in NAMES:
            found = await inspect(reactor, storage, self.state)
            self.assertTrue(found.faults, storage)
            self.assertEqual(found.held, {})

    async def test_sqlite_with_an_index_that_lacks_a_row(self) -> None:
        path = await self.fill("sqlite")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("CREATE TABLE other (a, b)")
            connection.execute("CREATE INDEX of_other ON other (a)")
            connection.execute("INSERT INTO other VALUES (1, 2)")
            connection.execute(
                "UPDATE sqlite_schema SET sql = 'CREATE INDEX of_other ON other (b)' "
                "WHERE name = 'of_other'"
            )
        connection.close()
        found = await inspect(reactor, "sqlite", self.state)
        self.assertIn("integrity_check", found.faults[0])
