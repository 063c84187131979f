"""The file with a key that signs values: never overwritten, and never another kind of file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from unittest import mock

from twisted.trial import unittest

from kadtwisted.errors import IdentityError, SigningKeyError, StorageError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.identity.signing import SigningKey
from kadtwisted.state.key_file import load_key, save_key
from kadtwisted.state.signing_key_file import load_signing_key, make_signing_key_file

KEY = SigningKey(bytes(range(32)))


class SigningKeyFileTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "news.key"

    def write(self, data: bytes, mode: int = 0o600) -> None:
        self.path.unlink(missing_ok=True)
        self.path.write_bytes(data)
        self.path.chmod(mode)

    def refused(self) -> str:
        error = self.assertRaises(SigningKeyError, load_signing_key, self.path)
        self.assertIn(str(self.path), str(error))
        self.assertNotIn(KEY.seed.hex(), str(error))
        return str(error)

    def test_there_and_back(self) -> None:
        make_signing_key_file(self.path, KEY)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(load_signing_key(self.path), KEY)
        words = self.path.read_bytes().split()
        self.assertEqual(words, [b"kad-signing-1", KEY.seed.hex().encode(), words[2]])
        self.assertEqual(os.listdir(self.path.parent), ["news.key"])

    def test_what_exists_is_never_overwritten(self) -> None:
        self.write(b"something")
        error = self.assertRaises(StorageError, make_signing_key_file, self.path, KEY)
        self.assertIn("exists already", str(error))
        self.assertEqual(self.path.read_bytes(), b"something")
        link = self.path.with_name("link")
        link.symlink_to("nowhere")
        self.assertRaises(StorageError, make_signing_key_file, link, KEY)

    def test_where_it_cannot_be_written_nothing_is_left(self) -> None:
        with mock.patch.object(os, "fsync", side_effect=OSError(28, "No space left on device")):
            error = self.assertRaises(StorageError, make_signing_key_file, self.path, KEY)
        self.assertIn("no space left", str(error))
        self.assertEqual(os.listdir(self.path.parent), [])
        there = self.path / "file"
        self.assertRaises(StorageError, make_signing_key_file, there, KEY)

    def test_loose_modes(self) -> None:
        make_signing_key_file(self.path, KEY)
        for mode in (0o640, 0o604, 0o620, 0o666):
            self.path.chmod(mode)
            self.assertIn("open to other users", self.refused())

    def test_other_kinds_of_files(self) -> None:
        for data in (b"", b"-----BEGIN PRIVATE KEY-----\n", bytes(32), b"kad-export-1 x"):
            self.write(data)
            self.assertIn("is no signing key", self.refused())
        self.write(b"")
        self.path.unlink()
        self.assertIn("no such file", self.refused())
        self.path.mkdir()
        self.assertIn("is a directory", self.refused())

    def test_a_nodes_identity_is_no_signing_key_and_the_other_way_round(self) -> None:
        save_key(self.path, NodeKey.from_seed(KEY.seed))
        self.assertIn("identity of a node", self.refused())
        self.path.unlink()
        make_signing_key_file(self.path, KEY)
        self.assertRaises(IdentityError, load_key, self.path)

    def test_one_wrong_character_anywhere(self) -> None:
        make_signing_key_file(self.path, KEY)
        good = self.path.read_bytes()
        for at in range(0, len(good), 5):
            damaged = bytearray(good)
            damaged[at] ^= 0x01
            self.write(bytes(damaged))
            self.refused()
        for data in (good[:-1], good + b"\n", good.upper(), good[:40]):
            self.write(data)
            self.refused()

    def test_a_newer_version(self) -> None:
        make_signing_key_file(self.path, KEY)
        self.write(self.path.read_bytes().replace(b"signing-1", b"signing-2"))
        self.assertIn("newer version", self.refused())
