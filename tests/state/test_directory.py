"""The state directory: made once, locked, and an identity that is never lost or replaced."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import LocalError, StorageError, UnsupportedVersion
from kadtwisted.identity.keys import NodeKey
from kadtwisted.state import directory as state_directory
from kadtwisted.state.directory import (
    StateDirectory,
    StateDirectoryError,
    StateDirectoryInUse,
)
from kadtwisted.storage import file_lock, files, guard
from kadtwisted.storage.guard import UnsafeFile

KEY = NodeKey.from_seed(bytes(range(32)))


def known_random(count: int) -> bytes:
    return bytes(range(count))


def no_random(count: int) -> bytes:
    raise AssertionError("a new identity was made")


class DirectoryTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "deep" / "state"
        self.state = StateDirectory(self.path)
        self.addCleanup(self.state.close)

    def test_is_made_for_its_user_alone(self) -> None:
        self.state.open()
        for each in (self.path, self.path.parent, self.path.parent.parent):
            self.assertEqual(stat.S_IMODE(each.stat().st_mode), 0o700, each)
        self.assertEqual(stat.S_IMODE((self.path / "lock").stat().st_mode), 0o600)

    def test_an_existing_directory_keeps_its_mode(self) -> None:
        self.path.mkdir(parents=True)
        self.path.chmod(0o750)
        self.state.open()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o750)

    def test_a_directory_that_other_users_can_change_is_refused(self) -> None:
        self.path.mkdir(parents=True)
        path = self.path.absolute()
        for mode in (0o770, 0o707, 0o777, 0o1777, 0o2775):
            self.path.chmod(mode)
            error = self.assertRaises(UnsafeFile, self.state.open)
            self.assertEqual(
                str(error),
                f"the state directory {path} can be changed by other users; run: chmod 700 {path}",
            )
        self.assertEqual(os.listdir(self.path), [])
        self.path.chmod(0o700)
        self.state.open()

    def test_a_directory_of_another_user_is_refused(self) -> None:
        self.path.mkdir(parents=True, mode=0o700)
        self.patch(guard, "ROOT", 4243)
        self.patch(os, "geteuid", lambda: 4242)
        for of_any_user in (False, True):
            state = StateDirectory(self.path, of_any_user=of_any_user)
            error = self.assertRaises(UnsafeFile, state.open)
            self.assertIn("belongs to", str(error))
            self.assertIn("not to 4242, who runs this", str(error))
        self.assertEqual(os.listdir(self.path), [])

    def test_root_may_look_after_the_directory_of_another_user(self) -> None:
        """It says so: a daemon of root would do what that user puts there."""
        self.state.open()
        self.state.close()
        root, owner = 4242, os.geteuid()
        for module in (guard, state_directory):
            self.patch(module, "ROOT", root)
        self.patch(os, "geteuid", lambda: root)
        self.assertNotEqual(root, owner)
        self.assertRaises(UnsafeFile, self.state.open)
        tool = StateDirectory(self.path, of_any_user=True)
        tool.open()
        self.assertEqual(tool.identity(known_random), KEY)
        tool.close()
        self.path.chmod(0o777)
        self.assertRaises(UnsafeFile, tool.open)
        self.path.chmod(0o700)

    def test_what_is_no_file_is_an_error_and_no_wait(self) -> None:
        self.state.open()
        self.state.close()
        for each in ("version", "lock"):
            path = self.path / each
            path.unlink()
            os.mkfifo(path)
            error = self.assertRaises(StateDirectoryError, self.state.open)
            self.assertIn("it is a named pipe, not a file", str(error))
            path.unlink()

    def test_a_version_that_other_users_can_write(self) -> None:
        self.state.open()
        self.state.close()
        self.state.version_path.chmod(0o666)
        error = self.assertRaises(UnsafeFile, self.state.open)
        self.assertIn(f"run: chmod 600 {self.state.version_path}", str(error))
        self.state.version_path.chmod(0o600)
        self.state.open()

    def test_a_second_user_is_refused_until_the_first_lets_go(self) -> None:
        self.state.open()
        second = StateDirectory(self.path)
        error = self.assertRaises(StateDirectoryInUse, second.open)
        self.assertIsInstance(error, LocalError)
        self.assertIn(str(self.path.absolute()), str(error))
        self.state.close()
        second.open()
        second.close()

    def test_open_and_close_can_be_repeated(self) -> None:
        self.state.open()
        self.state.open()
        self.state.close()
        self.state.close()
        self.state.open()

    def test_a_file_in_its_place_is_told(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.write_text("in the way")
        error = self.assertRaises(StateDirectoryError, self.state.open)
        self.assertIn("cannot use the state directory", str(error))

    def test_a_file_system_without_locks_is_told(self) -> None:
        with mock.patch.object(file_lock.fcntl, "flock", side_effect=OSError(95, "No locks")):
            error = self.assertRaises(StateDirectoryError, self.state.open)
        self.assertIn("no locks", str(error))

    def test_paths(self) -> None:
        self.assertEqual(
            [
                each.relative_to(self.path.absolute()).as_posix()
                for each in (
                    self.state.socket_path,
                    self.state.contacts_path,
                    self.state.damaged_contacts_path,
                    self.state.publications_path,
                )
            ],
            ["control.sock", "contacts", "contacts.damaged", "publications.sqlite"],
        )

    def test_what_is_made_survives_a_crash_of_the_machine(self) -> None:
        """Whatever directory it makes, the entry of that in the one above is made durable."""
        synced: list[Path] = []
        real = files.sync_directory

        def sync(path: Path) -> None:
            synced.append(path)
            real(path)

        self.patch(files, "sync_directory", sync)
        self.state.open()
        path = self.path.absolute()
        self.assertEqual(synced, [path.parents[2], path.parents[1], path.parent, path])

    def test_a_read_only_file_system_is_told(self) -> None:
        self.path.mkdir(parents=True)
        read_only = OSError(errno.EROFS, "Read-only file system")
        with mock.patch.object(file_lock.os, "open", side_effect=read_only):
            error = self.assertRaises(StateDirectoryError, self.state.open)
        self.assertIn("read-only file system", str(error))

    def test_a_full_disk_is_told_and_the_lock_let_go(self) -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch.object(files.os, "write", side_effect=full):
            error = self.assertRaises(StorageError, self.state.open)
        self.assertIs(type(error), StorageError)
        self.assertIn(str(self.state.version_path), str(error))
        self.assertIn("no space left on device", str(error))
        second = StateDirectory(self.path)
        second.open()
        second.close()

    def test_a_directory_that_may_not_be_written_is_told(self) -> None:
        self.path.mkdir(parents=True)
        with mock.patch.object(state_directory.os, "access", return_value=False):
            error = self.assertRaises(StateDirectoryError, self.state.open)
        self.assertIn("permission denied", str(error))
        self.assertIsInstance(error.__cause__, PermissionError)


class VersionTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.state = StateDirectory(self.mktemp())
        self.addCleanup(self.state.close)

    def test_is_written_when_the_directory_is_made(self) -> None:
        self.state.open()
        self.assertEqual(self.state.version_path.read_bytes(), b"kad-state-1\n")

    def test_an_older_directory_gets_it_and_keeps_its_identity(self) -> None:
        self.state.open()
        self.state.identity(known_random)
        self.state.close()
        self.state.version_path.unlink()
        self.state.open()
        self.assertEqual(self.state.identity(no_random), KEY)
        self.assertEqual(self.state.version_path.read_bytes(), b"kad-state-1\n")

    def assert_refused(self, line: bytes, kind: type[Exception]) -> str:
        """Opening fails, changes nothing and lets go of the lock."""
        self.state.version_path.write_bytes(line)
        for _ in range(2):
            error = self.assertRaises(kind, self.state.open)
        self.assertIs(type(error), kind)
        self.assertEqual(self.state.version_path.read_bytes(), line)
        self.assertEqual(sorted(os.listdir(self.state.path)), ["lock", "version"])
        return str(error)

    def test_newer(self) -> None:
        self.state.path.mkdir()
        for line in (b"kad-state-2\n", b"kad-state-10\n"):
            message = self.assert_refused(line, UnsupportedVersion)
            self.assertIn("was written by a newer version of this program", message)
            self.assertIn("upgrade, or choose another --state-dir", message)

    def test_damaged(self) -> None:
        self.state.path.mkdir()
        for line in (
            *(b"", b"kad-state-1", b"kad-state-0\n", b"kad-state-\n", b"kad-state-1\n\n"),
            *(b"kad-state-2\nand more", b"\xff" * 1000, b"kad-state-" + b"9" * 1000),
        ):
            self.assertIn("version is damaged", self.assert_refused(line, StateDirectoryError))

    def test_unreadable(self) -> None:
        self.state.path.mkdir()
        self.state.version_path.mkdir()
        error = self.assertRaises(StateDirectoryError, self.state.open)
        self.assertIn("is a directory", str(error))
