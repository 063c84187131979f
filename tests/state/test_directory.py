"""The state directory: made once, locked, and an identity that is never lost or replaced."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import IdentityError, LocalError, UnsupportedVersion
from kadtwisted.identity.keys import NodeKey
from kadtwisted.state import directory as state_directory
from kadtwisted.state.directory import (
    StateDirectory,
    StateDirectoryError,
    StateDirectoryInUse,
    write_atomically,
)
from kadtwisted.storage import file_lock, files

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
        self.patch(state_directory, "sync_directory", sync)
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
        with mock.patch.object(state_directory.os, "write", side_effect=full):
            error = self.assertRaises(StateDirectoryError, self.state.open)
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
        self.assertEqual(sorted(os.listdir(self.state.path)), ["identity.key", "lock", "version"])

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
        self.assertEqual(sorted(os.listdir(self.state.path)), ["lock", "version"])


class Killed(BaseException):
    """Stands for the end of the process at one step."""


OLD = b"old" * 100
NEW = b"new" * 100
STEPS = [
    *("unlink", "open", "write", "write", "fsync", "close"),
    *("replace", "open", "fsync", "close"),
]
"""What writing atomically asks of the system, if one write takes half of it."""


@contextmanager
def killed_at(
    moment: int, error: BaseException | None = None, *, dies: bool = True
) -> Iterator[list[str]]:
    """Within this, ``error`` (else :class:`Killed`) is raised before the system does step
    ``moment / 2``, or, if ``moment`` is odd, when it has done it.

    Who ``dies`` does nothing afterwards.  Gives the steps that were begun, each followed by its end
    (``fsync``, ``fsync done``) if the caller saw that.
    """
    steps: list[str] = []
    descriptors: list[int] = []
    happened: list[BaseException] = []

    def pass_moment() -> None:
        if happened and dies:
            raise happened[0]
        if len(steps) == moment and not happened:
            happened.append(error or Killed())
            raise happened[0]

    def instead_of(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            pass_moment()
            steps.append(name)
            if name == "write":
                descriptor, data = arguments
                assert isinstance(data, memoryview)
                arguments = (descriptor, data[: len(NEW) // 2])
            result = real(*arguments, **more)
            if name == "open":
                assert isinstance(result, int)
                descriptors.append(result)
            elif name == "close":
                descriptors.remove(arguments[0])  # type: ignore[arg-type]
            pass_moment()
            steps.append(f"{name} done")
            return result

        return call

    close = os.close
    with ExitStack() as patches:
        for name in ("unlink", "open", "write", "fsync", "close", "replace"):
            call = instead_of(name, getattr(os, name))
            patches.enter_context(mock.patch.object(os, name, call))
        yield steps
    for each in descriptors:
        close(each)


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

    def test_a_kill_at_any_step_leaves_the_old_or_the_new(self) -> None:
        """Before each step, and right after it; the write itself also half done."""
        found = []
        for kill in range(1000):
            self.file.write_bytes(OLD)
            (self.path / "file.new").write_bytes(b"left by an earlier crash")
            with killed_at(kill) as steps:
                try:
                    write_atomically(self.file, NEW)
                except Killed:
                    pass
                else:
                    break
            found.append(self.file.read_bytes())
            self.assertIn(found[-1], (OLD, NEW), steps)
            self.assertEqual(found[-1] == NEW, "replace" in steps, steps)
            write_atomically(self.file, b"later")  # what the crash left is no obstacle
            self.assertEqual(self.file.read_bytes(), b"later")
            self.assertEqual(os.listdir(self.path), ["file"])
        self.assertEqual(self.file.read_bytes(), NEW)
        self.assertEqual(steps[::2], STEPS)
        self.assertEqual(len(found), 2 * len(STEPS))

    def test_a_kill_at_any_step_leaves_no_file_or_the_first(self) -> None:
        for kill in range(2 * len(STEPS)):
            (self.path / "file.new").write_bytes(b"left by an earlier crash")
            with killed_at(kill) as steps:
                self.assertRaises(Killed, write_atomically, self.file, NEW)
            self.assertEqual(self.file.exists(), "replace" in steps, steps)
            if self.file.exists():
                self.assertEqual(self.file.read_bytes(), NEW)
                self.file.unlink()

    def test_an_error_at_any_step_is_told_and_leaves_the_old_or_the_new(self) -> None:
        for fail in range(len(STEPS)):
            self.file.write_bytes(OLD)
            error = OSError(errno.EIO, "Input/output error")
            with killed_at(2 * fail, error, dies=False) as steps:
                told = self.assertRaises(StateDirectoryError, write_atomically, self.file, NEW)
            self.assertIs(told.__cause__, error)
            self.assertIn(str(self.file), str(told))
            self.assertEqual(self.file.read_bytes(), NEW if "replace" in steps else OLD)
            self.assertEqual([each for each in os.listdir(self.path) if each != "file"], [])

    def test_a_failure_after_the_rename_is_told(self) -> None:
        with mock.patch.object(
            state_directory, "sync_directory", side_effect=OSError(5, "Input/output error")
        ):
            self.assertRaises(StateDirectoryError, write_atomically, self.file, b"new")
        self.assertEqual(self.file.read_bytes(), b"new")
