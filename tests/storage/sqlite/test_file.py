"""SQLite databases of ours: made whole, recognised, upgraded, and never mistaken."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import DiskFull, StorageError, UnsupportedVersion
from kadtwisted.storage.guard import UnsafeFile
from kadtwisted.storage.sqlite import file as sqlite_file
from kadtwisted.storage.sqlite.file import Schema, check_whole, open_database, transaction

FIRST = ("CREATE TABLE sheep (name TEXT)", "INSERT INTO sheep VALUES ('Dolly')")
SECOND = ("ALTER TABLE sheep ADD COLUMN legs INTEGER NOT NULL DEFAULT 4",)
SCHEMA = Schema("the sheep", 0x12345678, (FIRST,))
LATER = SCHEMA._replace(versions=(FIRST, SECOND))


class Killed(BaseException):
    """Stands for the end of the process at one step."""


class SQLiteFileTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "flock.sqlite"

    def opened(self, schema: Schema = SCHEMA) -> sqlite3.Connection:
        connection = open_database(self.path, schema)
        self.addCleanup(connection.close)
        return connection

    def made(self, schema: Schema = SCHEMA) -> None:
        open_database(self.path, schema).close()

    def files(self) -> list[str]:
        return sorted(os.listdir(self.path.parent))

    def assert_refused(self, kind: type[StorageError] = StorageError) -> str:
        """Opening fails, tells which file, and changes nothing."""
        before = self.path.read_bytes()
        error = self.assertRaises(kind, open_database, self.path, SCHEMA)
        self.assertIs(type(error), kind)
        self.assertIn(str(self.path), str(error))
        self.assertEqual(self.path.read_bytes(), before)
        return str(error)


class MakingTests(SQLiteFileTestCase):
    def test_made_for_its_user_alone(self) -> None:
        connection = self.opened()
        with transaction(connection, self.path, SCHEMA):
            connection.execute("INSERT INTO sheep VALUES ('Shaun')")
        for name in self.files():
            mode = stat.S_IMODE((self.path.parent / name).stat().st_mode)
            self.assertEqual(mode, 0o600, name)

    def test_closed_it_is_one_file(self) -> None:
        self.made()
        self.assertEqual(self.files(), ["flock.sqlite"])

    def test_settings(self) -> None:
        connection = self.opened()
        for pragma, expected in (
            ("application_id", 0x12345678),
            ("user_version", 1),
            ("journal_mode", "wal"),
            ("synchronous", 2),
        ):
            self.assertEqual(connection.execute(f"PRAGMA {pragma}").fetchone(), (expected,))

    def test_a_crash_at_any_step_leaves_it_whole_or_missing(self) -> None:
        steps: list[tuple[object, str]] = [
            (sqlite_file.os, "open"),
            (sqlite_file, "_connect"),
            (sqlite_file, "_upgrade"),
            (Path, "replace"),
            (sqlite_file, "sync_directory"),
        ]
        for owner, name in steps:
            with mock.patch.object(owner, name, side_effect=Killed):
                self.assertRaises(Killed, open_database, self.path, SCHEMA)
            self.assertEqual(self.path.exists(), name == "sync_directory")
            with closing(open_database(self.path, SCHEMA)) as connection:
                self.assertEqual(connection.execute("SELECT * FROM sheep").fetchall(), [("Dolly",)])
            self.assertEqual(self.files(), ["flock.sqlite"])
            self.path.unlink()

    def test_the_log_of_a_database_that_was_moved_away_is_not_taken_for_the_new_ones(self) -> None:
        old = open_database(self.path, SCHEMA)
        with transaction(old, self.path, SCHEMA):
            old.execute("INSERT INTO sheep VALUES ('Shaun')")
        log = self.path.with_name("flock.sqlite-wal").read_bytes()
        old.close()
        self.path.unlink()
        self.path.with_name("flock.sqlite-wal").write_bytes(log)
        found = self.opened().execute("SELECT name FROM sheep").fetchall()
        self.assertEqual(found, [("Dolly",)])

    def test_a_missing_directory_is_told(self) -> None:
        self.path = self.path.parent / "missing" / "flock.sqlite"
        error = self.assertRaises(StorageError, self.opened)
        self.assertIn("no such file or directory", str(error))


class RecognisingTests(SQLiteFileTestCase):
    def test_an_empty_file_is_damage(self) -> None:
        self.path.touch()
        self.assertIn("damaged (it has 0 bytes)", self.assert_refused())

    def test_a_text_is_damage(self) -> None:
        self.path.write_text("To whom it may concern: " * 100)
        message = self.assert_refused()
        self.assertIn("file is not a database", message)
        self.assertIn("flock.sqlite-wal away to start without the sheep", message)

    def test_truncated(self) -> None:
        self.made()
        whole = self.path.read_bytes()
        for length in (1, 50, 100, 512, 4095, 4096, len(whole) - 4096):
            self.path.write_bytes(whole[:length])
            self.assertIn("damaged", self.assert_refused())

    def test_a_database_of_something_else(self) -> None:
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("CREATE TABLE goats (name TEXT)")
        self.assertIn("something else", self.assert_refused())

    def test_newer(self) -> None:
        self.made(LATER)
        self.assertIn("newer version of this program", self.assert_refused(UnsupportedVersion))

    def test_no_version(self) -> None:
        self.made()
        with closing(sqlite3.connect(self.path)) as other:
            other.execute("PRAGMA user_version = 0")
        self.assertIn("its version is 0", self.assert_refused())

    def test_a_directory_in_its_place(self) -> None:
        self.path.mkdir()
        error = self.assertRaises(StorageError, self.opened)
        self.assertIn("is a directory", str(error))

    def test_what_is_no_file_is_an_error_and_no_wait(self) -> None:
        self.made()
        for suffix in ("-wal", "-shm", "-journal", ""):
            place = self.path.with_name(self.path.name + suffix)
            place.unlink(missing_ok=True)
            os.mkfifo(place)
            error = self.assertRaises(StorageError, self.opened)
            self.assertIn("it is a named pipe, not a file", str(error))
            place.unlink()

    def test_one_that_other_users_can_change(self) -> None:
        self.made()
        log = self.path.with_name(self.path.name + "-wal")
        log.touch()
        for place in (self.path, log):
            place.chmod(0o606)
            error = self.assertRaises(UnsafeFile, self.opened)
            self.assertIn(f"{place} can be changed by other users; run: chmod 600", str(error))
            place.chmod(0o600)

    def test_not_allowed_by_the_system(self) -> None:
        self.made()
        for refused in (self.path, self.path.parent):

            def access(path: Path, mode: int, refused: Path = refused) -> bool:
                return path != refused

            with mock.patch.object(sqlite_file.os, "access", access):
                error = self.assertRaises(StorageError, open_database, self.path, SCHEMA)
            self.assertIn("permission denied", str(error))
            self.assertIsInstance(error.__cause__, PermissionError)


class UpgradeTests(SQLiteFileTestCase):
    def test_brings_what_was_there(self) -> None:
        self.made()
        connection = self.opened(LATER)
        self.assertEqual(connection.execute("SELECT * FROM sheep").fetchall(), [("Dolly", 4)])
        self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (2,))

    def test_happens_as_a_whole_or_not_at_all(self) -> None:
        self.made()
        broken = SCHEMA._replace(versions=(FIRST, SECOND, ("nonsense",)))
        self.assertRaises(StorageError, open_database, self.path, broken)
        found = self.opened().execute("SELECT * FROM sheep").fetchall()
        self.assertEqual(found, [("Dolly",)])

    def test_a_new_one_begins_with_the_newest(self) -> None:
        found = self.opened(LATER).execute("SELECT * FROM sheep").fetchall()
        self.assertEqual(found, [("Dolly", 4)])


class TransactionTests(SQLiteFileTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.connection = self.opened()

    def names(self) -> list[str]:
        return [name for (name,) in self.connection.execute("SELECT name FROM sheep")]

    def within(self, work: Callable[[], object]) -> None:
        with transaction(self.connection, self.path, SCHEMA):
            self.connection.execute("INSERT INTO sheep VALUES ('Shaun')")
            work()

    def test_all(self) -> None:
        self.within(lambda: None)
        self.assertEqual(self.names(), ["Dolly", "Shaun"])

    def test_or_nothing(self) -> None:
        def stumble() -> None:
            raise ValueError("a fence")

        self.assertRaises(ValueError, self.within, stumble)
        self.assertEqual(self.names(), ["Dolly"])

    def test_or_nothing_after_an_error_of_the_database(self) -> None:
        error = self.assertRaises(
            StorageError, self.within, lambda: self.connection.execute("nonsense")
        )
        self.assertIn(f"cannot use {self.path}", str(error))
        self.assertEqual(self.names(), ["Dolly"])

    def test_a_full_disk(self) -> None:
        self.connection.execute("PRAGMA max_page_count = 3")
        big = "x" * 100_000
        error = self.assertRaises(
            DiskFull,
            self.within,
            lambda: self.connection.execute("INSERT INTO sheep VALUES (?)", (big,)),
        )
        self.assertIn("no room left", str(error))
        self.assertEqual(self.names(), ["Dolly"])
        self.within(lambda: None)

    def test_another_program_writes_for_too_long(self) -> None:
        self.connection.execute("PRAGMA busy_timeout = 1")
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = self.assertRaises(StorageError, self.within, lambda: None)
        self.assertIn("in use by another program", str(error))


class WholeTests(SQLiteFileTestCase):
    def test_a_good_one(self) -> None:
        check_whole(self.opened(), self.path, SCHEMA)

    def test_a_page_of_rubbish(self) -> None:
        self.made()
        data = bytearray(self.path.read_bytes())
        data[4096:4112] = b"\xff" * 16
        self.path.write_bytes(data)
        error = self.assertRaises(StorageError, check_whole, self.opened(), self.path, SCHEMA)
        self.assertIn("damaged", str(error))

    def test_an_error_while_reading(self) -> None:
        connection = self.opened()
        connection.close()
        self.assertRaises(StorageError, check_whole, connection, self.path, SCHEMA)


class ExplanationTests(SQLiteFileTestCase):
    def test_a_disk_without_room(self) -> None:
        for number in (errno.ENOSPC, errno.EDQUOT):
            with mock.patch.object(sqlite_file.os, "open", side_effect=OSError(number, "Full")):
                self.assertRaises(DiskFull, open_database, self.path, SCHEMA)

    def test_a_disk_that_cannot_be_written(self) -> None:
        read_only = OSError(errno.EROFS, "Read-only file system")
        with mock.patch.object(sqlite_file.os, "open", side_effect=read_only):
            error = self.assertRaises(StorageError, open_database, self.path, SCHEMA)
        self.assertIn("read-only file system", str(error))
        self.assertIs(error.__cause__, read_only)


class Sentences(SynchronousTestCase):
    """What SQLite's codes become."""

    def test_a_reader_of_what_is_not_there(self) -> None:
        path = Path(self.mktemp()).absolute()
        error = self.assertRaises(StorageError, sqlite_file.open_reader, path, SCHEMA)
        self.assertIn(str(path), str(error))

    def test_a_reader_of_what_is_no_database(self) -> None:
        path = Path(self.mktemp()).absolute()
        path.write_bytes(b"Dear diary, " * 1000)
        error = self.assertRaises(StorageError, sqlite_file.open_reader, path, SCHEMA)
        self.assertIn("damaged", str(error))

    def said(self, code: int) -> StorageError:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        return sqlite_file.explained(error, Path(self.mktemp()), SCHEMA)

    def test_an_error_of_the_disk(self) -> None:
        error = self.said(sqlite3.SQLITE_IOERR_WRITE)
        self.assertNotIsInstance(error, DiskFull)
        self.assertIn("disk i/o error", str(error).lower())

    def test_a_quota_that_is_used_up(self) -> None:
        with mock.patch.object(Path, "write_bytes", side_effect=OSError(122, "Quota")):
            self.assertIsInstance(self.said(sqlite3.SQLITE_IOERR_WRITE), DiskFull)
        with mock.patch.object(Path, "write_bytes", side_effect=OSError(5, "I/O error")):
            self.assertNotIsInstance(self.said(sqlite3.SQLITE_IOERR_WRITE), DiskFull)

    def test_another_program(self) -> None:
        self.assertIn("another program", str(self.said(sqlite3.SQLITE_BUSY)))
