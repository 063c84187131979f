"""kad key."""

from __future__ import annotations

import stat
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.reference import parse_reference
from tests.cli.harness import Kad

ZERO = SigningKey(bytes(32))
"""What a source of zeros gives."""


class KeyTests(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.file = directory / "news.key"

    def test_new_and_show(self) -> None:
        kad = Kad()
        self.assertEqual(kad("key", "new", str(self.file)), 0, kad.said)
        self.assertEqual(kad.printed, b"")
        self.assertIn(str(ZERO.reference()), kad.said)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        kad = Kad()
        self.assertEqual(kad("key", "show", str(self.file)), 0, kad.said)
        reference, public_key = kad.printed.decode().splitlines()
        self.assertEqual(reference, f"reference: {ZERO.reference()}")
        self.assertEqual(public_key, f"public key: {ZERO.public_key.hex()}")

    def test_json(self) -> None:
        for action in ("new", "show"):
            kad = Kad()
            self.assertEqual(kad("key", action, str(self.file), "--json"), 0, kad.said)
            self.assertEqual(
                kad.json,
                {
                    "file": str(self.file),
                    "public_key": ZERO.public_key.hex(),
                    "reference": str(ZERO.reference()),
                },
            )
            self.assertEqual(parse_reference(kad.json["reference"]), ZERO.reference())

    def test_the_secret_is_shown_by_nobody(self) -> None:
        kad = Kad()
        for action in ("new", "show"):
            kad("key", action, str(self.file))
        self.assertNotIn(bytes(32).hex(), kad.printed.decode() + kad.said)

    def test_a_file_that_exists_stays_as_it_is(self) -> None:
        self.file.write_bytes(b"something else")
        kad = Kad()
        self.assertEqual(kad("key", "new", str(self.file)), 73)
        self.assertEqual(self.file.read_bytes(), b"something else")

    def test_what_is_no_key(self) -> None:
        for prepare, said in (
            (lambda: None, "no such file"),
            (lambda: self.file.write_bytes(b"x"), "open to other users"),
            (lambda: self.file.chmod(0o600), "is no signing key"),
        ):
            prepare()
            kad = Kad()
            self.assertEqual(kad("key", "show", str(self.file)), 78)
            self.assertIn(said, kad.said)
