"""Keys under names, in files of mode 0600."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.errors import InvalidInput, SigningKeyError, TooManyRequests
from kadtwisted.state import keyring
from kadtwisted.state.keyring import KeyExists, KeyRing, NoSuchKey


class KeyRingTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "state" / "keys"
        self.made = 0
        self.ring = KeyRing(self.path, self.random)

    def random(self, count: int) -> bytes:
        self.made += 1
        return bytes([self.made]) * count

    def test_a_key_is_found_again(self) -> None:
        key = self.ring.make("registry")
        self.assertEqual(self.ring.key("registry"), key)
        self.assertEqual(KeyRing(self.path, self.random).key("registry"), key)
        self.assertEqual((self.path / "registry").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o700)

    def test_names_in_order_and_nothing_else(self) -> None:
        self.assertEqual(self.ring.names(), [])
        for name in ("b", "a"):
            self.ring.make(name)
        (self.path / ".hidden").touch()
        self.assertEqual(self.ring.names(), ["a", "b"])

    def test_one_that_is_there_stays(self) -> None:
        key = self.ring.make("a")
        self.assertRaises(KeyExists, self.ring.make, "a")
        self.assertEqual(self.ring.key("a"), key)

    def test_names_that_are_none(self) -> None:
        for name in ("", ".", "..", "../a", "a/b", "-a", "a" * 64, "a\n", "é", "a\0"):
            self.assertRaises(InvalidInput, self.ring.make, name)
            self.assertRaises(InvalidInput, self.ring.key, name)
        self.assertRaises(NoSuchKey, self.ring.key, "none")

    def test_a_damaged_file_is_told(self) -> None:
        self.ring.make("a")
        (self.path / "b").write_bytes(b"nonsense")
        (self.path / "b").chmod(0o600)
        self.assertRaises(SigningKeyError, self.ring.key, "b")

    def test_there_is_an_end(self) -> None:
        self.patch(keyring, "MOST_KEYS", 2)
        for name in ("a", "b"):
            self.ring.make(name)
        self.assertRaises(TooManyRequests, self.ring.make, "c")
