"""How records lie in an SQLite database: batches, and rows that are damaged."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from kadtwisted.errors import StorageError
from kadtwisted.model.ids import NodeID
from kadtwisted.model.record import StorageKey, StorageUsage, StoredRecord
from kadtwisted.testing.contracts.storage import stored
from tests.storage.outcomes import together
from tests.storage.sqlite.harness import SQLiteCase


class Batches(SQLiteCase):
    """Batches of every size take the same few statements."""

    async def test_batches_of_every_size(self) -> None:
        storage, oracle = await self.opened(), dict[StorageKey, StoredRecord]()
        for size in (1, 2, 8, 9, 64, 65, 130):
            records = [stored(n * size % 131, bytes(n % 7), sub=b"s") for n in range(size)]
            oracle.update((each.where, each) for each in records)
            await together(storage, *(lambda r=r: storage.put(r, 0.0) for r in records))
            found = await storage.page(None, 500)
            expected = [oracle[where] for where in sorted(oracle)]
            self.assertEqual([each[:2] for each in found], [each[:2] for each in expected])
            held = sum(len(each.data) for each in expected)
            self.assertEqual(await storage.usage(), StorageUsage(len(expected), held))

    async def test_nothing_to_expire_writes_nothing(self) -> None:
        storage = await self.filled()
        before = os.path.getsize(f"{self.path}-wal")
        self.assertEqual(await storage.expire(5.0, 10), 0)
        self.assertEqual(os.path.getsize(f"{self.path}-wal"), before)


class DamagedRows(SQLiteCase):
    async def test_a_key_of_another_length(self) -> None:
        await self.assert_damaged("UPDATE records SET key = x'00' WHERE rowid = 3")

    async def test_a_moment_that_is_text(self) -> None:
        await self.assert_damaged("UPDATE records SET expires = 'soon' WHERE rowid = 3")

    async def assert_damaged(self, change: str) -> None:
        """The read that meets the row fails, and no other."""
        await (await self.filled()).close()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(change)
            connection.commit()
        storage = await self.opened()
        error = self.failureResultOf(storage.page(None, 9), StorageError).value
        self.assertIn("a record is not as it was written", str(error))
        self.assertEqual(len(await storage.get(1, NodeID(1), 0.0)), 1)
