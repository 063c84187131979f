"""The layouts of the databases: what their files say is what stands in a new database."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.storage.sqlite.migrations import versions_of


class MigrationTests(SynchronousTestCase):
    def test_each_database_has_its_own(self) -> None:
        for name, tables in (("records", {"records", "state"}), ("publications", {"publications"})):
            with closing(sqlite3.connect(":memory:")) as database:
                for version in versions_of(name):
                    self.assertTrue(version)
                    for statement in version:
                        database.execute(statement)
                rows = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
                self.assertEqual({each for (each,) in rows}, tables)

    def test_statements_are_whole_and_without_comments(self) -> None:
        for name in ("records", "publications"):
            for statement in (each for version in versions_of(name) for each in version):
                self.assertTrue(statement.endswith(";"), statement)
                self.assertEqual(statement.count(";"), 1, statement)
                self.assertNotIn("--", statement)

    def test_nothing_is_made_of_an_unknown_name(self) -> None:
        self.assertEqual(versions_of("sheep"), ())
