"""Files and directories that survive a crash of the machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import StorageError
from kadtwisted.storage import files
from kadtwisted.storage.files import make_directory, write_atomically


class MakeDirectoryTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def test_each_that_is_missing_is_for_its_user_alone(self) -> None:
        path = self.path / "one" / "two"
        make_directory(path)
        for each in (path, path.parent, self.path):
            self.assertEqual(stat.S_IMODE(each.stat().st_mode), 0o700, each)

    def test_one_that_is_there_stays_as_it_is(self) -> None:
        self.path.mkdir()
        self.path.chmod(0o750)
        make_directory(self.path)
        make_directory(self.path / "below")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o750)

    def test_a_file_in_the_way(self) -> None:
        self.path.touch()
        for path in (self.path, self.path / "below", self.path / "far" / "below"):
            self.assertRaises(NotADirectoryError, make_directory, path)

    def test_a_link_to_nothing_or_in_a_circle_is_told_as_such(self) -> None:
        self.path.symlink_to(self.path.with_name("nothing"))
        for path in (self.path, self.path / "below"):
            with self.assertRaisesRegex(OSError, "it is a link to nothing"):
                make_directory(path)
        self.path.unlink()
        self.path.symlink_to(self.path.name)
        for path in (self.path, self.path / "below"):
            with self.assertRaises(OSError) as raised:
                make_directory(path)
            self.assertEqual(raised.exception.errno, errno.ELOOP)

    def test_another_process_makes_it_at_the_same_time(self) -> None:
        real = Path.mkdir

        def mkdir(path: Path, **how: Any) -> None:
            real(path)
            real(path, **how)

        with mock.patch.object(Path, "mkdir", mkdir):
            make_directory(self.path / "one")
        self.assertTrue((self.path / "one").is_dir())


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

        self.patch(files.os, "fsync", fsync)
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
                told = self.assertRaises(StorageError, write_atomically, self.file, NEW)
            self.assertIs(type(told), StorageError)
            self.assertIs(told.__cause__, error)
            self.assertIn(str(self.file), str(told))
            self.assertEqual(self.file.read_bytes(), NEW if "replace" in steps else OLD)
            self.assertEqual([each for each in os.listdir(self.path) if each != "file"], [])

    def test_a_failure_after_the_rename_is_told(self) -> None:
        with mock.patch.object(
            files, "sync_directory", side_effect=OSError(5, "Input/output error")
        ):
            self.assertRaises(StorageError, write_atomically, self.file, b"new")
        self.assertEqual(self.file.read_bytes(), b"new")
