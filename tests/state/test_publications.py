"""The records kept published: durable, exact, and no damage to them goes unnoticed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageError, StorageFull, UnsupportedVersion
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.state.publications import SCHEMA, PublicationChange, Publications
from kadtwisted.testing.contracts.node_state import published

SMALL = settings(max_examples=25, deadline=None, derandomize=True)

wheres = st.builds(
    StorageKey, st.integers(0, 2), st.integers(0, 3).map(NodeID), st.sampled_from((b"", b"s"))
)
moments = st.floats(allow_nan=False)
publications = st.builds(
    Publication,
    wheres,
    st.binary(max_size=40),
    moments,
    moments,
    st.booleans(),
    st.booleans(),
    st.integers(0, 20),
)
batches = st.lists(st.lists(st.one_of(publications, wheres), max_size=6), max_size=6)


class PublicationsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "publications.sqlite"

    def made(self, *operations: PublicationChange) -> None:
        """A file with these in it, closed."""
        kept = Publications(self.path)
        kept.open()
        kept.commit(operations)
        kept.close()

    def found(self) -> tuple[Publication, ...]:
        kept = Publications(self.path)
        try:
            return kept.open()
        finally:
            kept.close()


class VersionTests(PublicationsTestCase):
    def test_a_file_of_the_first_version_is_read_and_goes_on(self) -> None:
        # A row as version 1 wrote it: its checksum is of the same bytes as that of state 0.
        old = published(1, b"old")
        self.made(old)
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("ALTER TABLE publications DROP COLUMN pin")
            other.execute("ALTER TABLE publications DROP COLUMN state")
            other.execute("PRAGMA user_version = 1")
            other.commit()
        self.assertEqual(self.found(), (old,))
        lost = old._replace(put_back=True, lost=True)
        self.made(lost)
        self.assertEqual(self.found(), (lost,))

    def test_a_file_of_the_second_version_is_read_and_goes_on(self) -> None:
        old = published(1, b"old")._replace(put_back=True)
        self.made(old)
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("ALTER TABLE publications DROP COLUMN pin")
            other.execute("PRAGMA user_version = 2")
            other.commit()
        self.assertEqual(self.found(), (old,))
        self.made(old._replace(pin=5))
        self.assertEqual(self.found(), (old._replace(pin=5),))

    def test_a_pin_that_was_altered_is_told(self) -> None:
        for pin in (0, 4, -1, 1 << 40):
            self.path.unlink(missing_ok=True)
            self.made(published(1)._replace(pin=5))
            with closing(sqlite3.connect(self.path)) as other:
                other.execute("UPDATE publications SET pin = ?", (pin,))
                other.commit()
            self.assertRaises(StorageError, self.found)

    def test_a_state_that_was_altered_is_told(self) -> None:
        self.made(published(1)._replace(lost=True))
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("UPDATE publications SET state = 1")
            other.commit()
        self.assertRaises(StorageError, self.found)


class KeepingTests(PublicationsTestCase):
    def test_one_answer_for_each_operation(self) -> None:
        kept = Publications(self.path)
        self.addCleanup(kept.close)
        self.assertEqual(kept.open(), ())
        self.assertEqual(kept.commit([published(1), published(2).where]), [None, None])

    def test_in_the_order_in_which_they_were_first_kept(self) -> None:
        self.made(*(published(number) for number in (3, 1, 2)), published(3, b"again"))
        self.assertEqual(self.found(), (published(3, b"again"), published(1), published(2)))

    def test_not_before_open_nor_after_close(self) -> None:
        kept = Publications(self.path)
        self.assertRaises(StorageError, kept.commit, [published(1)])
        kept.open()
        kept.close()
        kept.close()
        self.assertRaises(StorageError, kept.commit, [published(1)])

    def test_whole_numbers_are_moments_too(self) -> None:
        self.made(published(1, lifetime=60, next_at=1_800_000_000))
        self.assertEqual(self.found(), (published(1, lifetime=60.0, next_at=1.8e9),))

    @SMALL
    @given(batches)
    def test_as_a_dict_does(self, batches: list[list[PublicationChange]]) -> None:
        self.path.unlink(missing_ok=True)
        expected: dict[StorageKey, Publication] = {}
        kept = Publications(self.path)
        kept.open()
        for batch in batches:
            kept.commit(batch)
            for each in batch:
                if isinstance(each, Publication):
                    expected[each.where] = each
                else:
                    expected.pop(each, None)
        kept.close()
        self.assertEqual(sorted(self.found()), sorted(expected.values()))


class FailingTests(PublicationsTestCase):
    def test_a_batch_is_kept_whole_or_not_at_all(self) -> None:
        self.made(published(1))
        kept = Publications(self.path)
        kept.open()
        self.addCleanup(kept.close)
        no_number = published(3, next_at=float("nan"))
        batch = [published(2), published(1).where, no_number]
        self.assertRaises(StorageError, kept.commit, batch)
        kept.commit([published(4)])
        kept.close()
        self.assertEqual(self.found(), (published(1), published(4)))

    def test_a_full_disk_loses_nothing(self) -> None:
        self.made(published(1))
        kept = Publications(self.path)
        kept.open()
        self.addCleanup(kept.close)
        connection = kept._connection
        assert connection is not None
        connection.execute("PRAGMA max_page_count = 5")
        batch = [published(number, b"x" * 1000) for number in range(100)]
        self.assertRaises(StorageFull, kept.commit, batch)
        kept.commit([published(1, b"there is room for that")])
        kept.close()
        self.assertEqual(self.found(), (published(1, b"there is room for that"),))

    def test_newer(self) -> None:
        self.made(published(1))
        with closing(sqlite3.connect(self.path)) as other:
            other.execute(f"PRAGMA user_version = {len(SCHEMA.versions) + 1}")
        self.assertRaises(UnsupportedVersion, self.found)


class DamagedTests(PublicationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.expected = tuple(
            published(number, bytes([number]) * 1151, sub=b"sub") for number in range(12)
        )
        self.made(*self.expected)
        self.whole = self.path.read_bytes()

    def test_no_flipped_byte_changes_what_is_read(self) -> None:
        """Either it is noticed, or it stands where nothing of ours does."""
        noticed = 0
        for position in range(0, len(self.whole), 61):
            data = bytearray(self.whole)
            data[position] ^= 0x55
            self.path.write_bytes(data)
            try:
                self.assertEqual(self.found(), self.expected, position)
            except StorageError as error:
                self.assertIn(str(self.path), str(error))
                noticed += 1
        self.assertGreater(noticed, 200)

    def test_every_truncation_is_noticed(self) -> None:
        for length in (*range(0, len(self.whole), 509), len(self.whole) - 1):
            self.path.write_bytes(self.whole[:length])
            self.assertRaises(StorageError, self.found)

    def test_a_row_that_was_altered_is_told(self) -> None:
        for column, value in (
            ("record", b"\x01" * 1150),
            ("next_at", 5.0),
            ("lifetime", "long"),
            ("kind", 2),
            ("key", b"short"),
            ("sub", 5),
            ("checksum", 5),
            ("checksum", b""),
        ):
            self.path.write_bytes(self.whole)
            with closing(sqlite3.connect(self.path)) as other, other:
                other.execute(f"UPDATE publications SET {column} = ? WHERE rowid = 3", (value,))
            error = self.assertRaises(StorageError, self.found)
            self.assertIn("damaged", str(error), column)
            self.assertIn("restore it from a backup", str(error))

    def test_a_lost_table_is_told(self) -> None:
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("DROP TABLE publications")
        self.assertIn(str(self.path), str(self.assertRaises(StorageError, self.found)))

    def test_nothing_is_left_open(self) -> None:
        self.path.write_bytes(self.whole[:-4096])
        kept = Publications(self.path)
        self.assertRaises(StorageError, kept.open)
        self.path.write_bytes(self.whole)
        self.assertEqual(kept.open(), self.expected)
        kept.close()


WRITER = """
import sys
from pathlib import Path
from kadtwisted.state.publications import Publications
from kadtwisted.testing.contracts.node_state import published

kept = Publications(Path(sys.argv[1]))
number = len(kept.open())
while True:
    kept.commit([published(number, b"%d" % number)])
    kept.commit([published(number).where, published(number, b"%d" % number)])
    print(number, flush=True)
    number += 1
"""
"""Keeps one more with each line it prints."""


class KilledTests(PublicationsTestCase):
    def test_kill_9_loses_nothing_that_was_reported(self) -> None:
        for lines in (1, 40, 137):
            writer = subprocess.Popen(
                [sys.executable, "-c", WRITER, str(self.path)], stdout=subprocess.PIPE
            )
            assert writer.stdout is not None
            reported = [writer.stdout.readline() for _ in range(lines)]
            writer.kill()
            reported += writer.communicate(timeout=60)[0].splitlines()
            found = {each.where.key: each.record for each in self.found()}
            last = int(reported[-1])
            self.assertIn(len(found), (last + 1, last + 2))
            for number in range(len(found)):
                self.assertEqual(found[NodeID(number)], b"%d" % number)
