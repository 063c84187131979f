"""The identity key: made once, and never lost or replaced."""

from __future__ import annotations

import os
import stat
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import IdentityError, StorageError, UnsupportedVersion
from kadtwisted.identity.keys import NodeKey
from kadtwisted.state import key_file
from kadtwisted.state.directory import StateDirectory
from kadtwisted.storage import files, guard

KEY = NodeKey.from_seed(bytes(range(32)))


def known_random(count: int) -> bytes:
    return bytes(range(count))


def no_random(count: int) -> bytes:
    raise AssertionError("a new identity was made")


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
        for mode in (0o640, 0o604, 0o660, 0o666, 0o620):
            self.state.key_path.chmod(mode)
            self.assertIn(
                f"is open to other users; run: chmod 600 {self.state.key_path}",
                self.assert_refused(),
            )

    def test_of_another_user_than_its_directory(self) -> None:
        self.state.identity(known_random)
        self.patch(guard, "ROOT", 4243)
        self.patch(os, "geteuid", lambda: 4242)
        self.patch(key_file, "owner_of_directory", lambda path: (4242,))
        self.assertIn("belongs to", self.assert_refused())

    def test_what_is_no_file_is_an_error_and_no_wait(self) -> None:
        os.mkfifo(self.state.key_path)
        error = self.assertRaises(IdentityError, self.state.identity, no_random)
        self.assertIn("it is a named pipe, not a file", str(error))
        self.state.key_path.unlink()
        self.state.key_path.symlink_to("/dev/zero")
        error = self.assertRaises(IdentityError, self.state.identity, no_random)
        self.assertIn("it is a device, not a file", str(error))

    def test_unreadable(self) -> None:
        self.state.key_path.mkdir()
        error = self.assertRaises(IdentityError, self.state.identity, no_random)
        self.assertIn("cannot read the identity key", str(error))

    def test_a_link_to_nowhere_is_not_replaced(self) -> None:
        self.state.key_path.symlink_to("missing")
        self.assertRaises(IdentityError, self.state.identity, no_random)
        self.assertTrue(self.state.key_path.is_symlink())

    def test_is_not_handed_out_unless_it_was_written(self) -> None:
        with mock.patch.object(files.os, "fsync", side_effect=OSError(28, "No space")):
            error = self.assertRaises(StorageError, self.state.identity, known_random)
        self.assertIs(type(error), StorageError)
        self.assertIn("no space", str(error))
        self.assertEqual(sorted(os.listdir(self.state.path)), ["lock", "version"])
