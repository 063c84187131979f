"""The state directory: made once, locked, and an identity that is never lost or replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import IdentityError, LocalError, UnsupportedVersion
from kadtwisted.identity.keys import NodeKey
from kadtwisted.storage import state_directory
from kadtwisted.storage.state_directory import (
    StateDirectory,
    StateDirectoryError,
    StateDirectoryInUse,
    write_atomically,
)

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
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.path / "lock").stat().st_mode), 0o600)

    def test_an_existing_directory_keeps_its_mode(self) -> None:
        self.path.mkdir(parents=True)
        self.path.chmod(0o750)
        self.state.open()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o750)

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
        with mock.patch.object(state_directory.fcntl, "flock", side_effect=OSError(95, "No locks")):
            error = self.assertRaises(StateDirectoryError, self.state.open)
        self.assertIn("no locks", str(error))

    def test_socket_path(self) -> None:
        self.assertEqual(self.state.socket_path, self.path.absolute() / "control.sock")


class IdentityTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.state = StateDirectory(self.mktemp())
        self.state.open()
        self.addCleanup(self.state.close)

    def write(self, data: bytes) -> None:
        self.state.key_path.write_bytes(data)
        self.state.key_path.chmod(0o600)

    def assert_refused(self, kind: type[Exception] = IdentityError) -> str:
        before = self.state.key_path.read_bytes()
        error = self.assertRaises(kind, self.state.identity, no_random)
        self.assertEqual(self.state.key_path.read_bytes(), before)
        self.assertIn(str(self.state.key_path), str(error))
        return str(error)

    def test_is_made_once_and_kept(self) -> None:
        self.assertEqual(self.state.identity(known_random), KEY)
        self.assertEqual(self.state.identity(no_random), KEY)
        self.assertEqual(stat.S_IMODE(self.state.key_path.stat().st_mode), 0o600)

    def test_leaves_no_temporary_file(self) -> None:
        self.state.identity(known_random)
        self.assertEqual(sorted(os.listdir(self.state.path)), ["identity.key", "lock"])

    def test_one_wrong_character_anywhere_is_damage(self) -> None:
        self.state.identity(known_random)
        good = self.state.key_path.read_bytes()
        for position in range(0, len(good), 7):
            damaged = bytearray(good)
            damaged[position] ^= 0x01
            self.write(bytes(damaged))
            error = self.assertRaises(
                (IdentityError, UnsupportedVersion), self.state.identity, no_random
            )
            self.assertIn("identity key", str(error))

    def test_wrong_lengths(self) -> None:
        self.state.identity(known_random)
        good = self.state.key_path.read_bytes()
        for data in (b"", good[:-1], good + b"\n", good[:40], bytes(32), good * 2):
            self.write(data)
            self.assertIn("damaged", self.assert_refused())

    def test_upper_case_is_not_the_form_that_was_written(self) -> None:
        self.state.identity(known_random)
        self.write(self.state.key_path.read_bytes().upper())
        self.assert_refused()

    def test_newer_format(self) -> None:
        self.write(b"kad-identity-2 something else\n")
        self.assertIn("newer version", self.assert_refused(UnsupportedVersion))

    def test_open_to_others(self) -> None:
        self.state.identity(known_random)
        self.state.key_path.chmod(0o640)
        self.assertIn("chmod 600", self.assert_refused())

    def test_unreadable(self) -> None:
        self.state.key_path.mkdir()
        error = self.assertRaises(IdentityError, self.state.identity, no_random)
        self.assertIn("cannot read the identity key", str(error))

    def test_a_link_to_nowhere_is_not_replaced(self) -> None:
        self.state.key_path.symlink_to("missing")
        self.assertRaises(IdentityError, self.state.identity, no_random)
        self.assertTrue(self.state.key_path.is_symlink())

    def test_is_not_handed_out_unless_it_was_written(self) -> None:
        with mock.patch.object(state_directory.os, "fsync", side_effect=OSError(28, "No space")):
            error = self.assertRaises(StateDirectoryError, self.state.identity, known_random)
        self.assertIn("no space", str(error))
        self.assertEqual(os.listdir(self.state.path), ["lock"])


class Killed(BaseException):
    """Stands for the end of the process at one step."""


class AtomicWriteTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.mkdir()
        self.file = self.path / "file"

    def test_order_of_steps(self) -> None:
        steps: list[str] = []
        real_fsync, real_replace = os.fsync, Path.replace

        def fsync(descriptor: int) -> None:
            is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            steps.append("fsync directory" if is_directory else "fsync file")
            real_fsync(descriptor)

        def replace(source: Path, target: Path) -> Path:
            steps.append("rename")
            return real_replace(source, target)

        self.patch(state_directory.os, "fsync", fsync)
        self.patch(Path, "replace", replace)
        write_atomically(self.file, b"data")
        self.assertEqual(steps, ["fsync file", "rename", "fsync directory"])

    def test_a_crash_at_any_step_leaves_the_old_or_the_new(self) -> None:
        for module, name in (
            (state_directory.os, "open"),
            (state_directory.os, "fdopen"),
            (state_directory.os, "fsync"),
            (Path, "replace"),
        ):
            self.file.write_bytes(b"old")
            with mock.patch.object(module, name, side_effect=Killed):
                self.assertRaises(Killed, write_atomically, self.file, b"new")
            self.assertEqual(self.file.read_bytes(), b"old", name)
            write_atomically(self.file, b"new")  # what the crash left is no obstacle
            self.assertEqual(self.file.read_bytes(), b"new")
            self.assertEqual(os.listdir(self.path), ["file"])

    def test_a_failure_after_the_rename_is_told(self) -> None:
        with mock.patch.object(
            state_directory, "_sync_directory", side_effect=OSError(5, "Input/output error")
        ):
            self.assertRaises(StateDirectoryError, write_atomically, self.file, b"new")
        self.assertEqual(self.file.read_bytes(), b"new")
