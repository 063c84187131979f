"""A lock on a file: one holder, gone with its holder, told in a sentence."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageError
from kadtwisted.storage import file_lock
from kadtwisted.storage.file_lock import FileLock, StorageInUse, lock_storage
from tests.leaks import Before

HOLDER = """
import sys
from kadtwisted.storage.file_lock import FileLock
lock = FileLock.take(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


class FileLockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())

    def test_one_holder_at_a_time(self) -> None:
        lock = FileLock.take(self.path)
        self.assertRaises(BlockingIOError, FileLock.take, self.path)
        lock.release()
        again = FileLock.take(self.path)
        lock.release()
        self.assertRaises(BlockingIOError, FileLock.take, self.path)
        again.release()

    def test_the_file_is_its_owners_and_stays(self) -> None:
        FileLock.take(self.path).release()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_a_failure_leaves_nothing_open(self) -> None:
        before = Before()
        with mock.patch.object(file_lock.fcntl, "flock", side_effect=OSError(errno.ENOLCK, "no")):
            self.assertRaises(OSError, FileLock.take, self.path)
        self.assertEqual(before.left(), [])

    def test_a_killed_holder_leaves_nothing_to_clean_up(self) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder:
            assert holder.stdout is not None
            self.assertEqual(holder.stdout.readline(), b"held\n")
            self.assertRaises(BlockingIOError, FileLock.take, self.path)
            holder.kill()
        FileLock.take(self.path).release()


class LockStorageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())

    def test_lies_beside_the_storage(self) -> None:
        lock = lock_storage(self.path)
        self.addCleanup(lock.release)
        self.assertTrue(os.path.exists(f"{self.path}.lock"))
        error = self.assertRaises(StorageInUse, lock_storage, self.path)
        self.assertIn(f"{self.path} is in use by another node", str(error))

    def test_no_lock_is_possible(self) -> None:
        error = self.assertRaises(StorageError, lock_storage, os.path.join(self.path, "x"))
        self.assertIn("no such file or directory", str(error))
