"""Keys that sign records."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidSalt, SigningKeyError
from kadtwisted.identity.signing import SigningKey
from kadtwisted.model.reference import Reference

# RFC 8032, section 7.1, test 2.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


class SigningKeyTests(SynchronousTestCase):
    def test_rfc_8032(self) -> None:
        key = SigningKey(SEED)
        self.assertEqual((key.public_key, key.sign(b"\x72")), (PUBLIC, SIGNATURE))

    def test_a_new_one(self) -> None:
        self.assertEqual(SigningKey.generate(lambda size: SEED[:size]), SigningKey(SEED))
        nothing: Any = None
        self.assertRaises(SigningKeyError, SigningKey.generate, nothing)

    def test_seeds_that_are_none(self) -> None:
        for seed in (b"", SEED[:31], SEED + b"\n", SEED.hex(), None):
            wrong: Any = seed
            self.assertRaises(SigningKeyError, SigningKey, wrong)

    def test_it_shows_no_secret_and_does_not_change(self) -> None:
        key = SigningKey(SEED)
        for shown in (repr(key), str(key), f"{key}", repr([key])):
            self.assertIn(PUBLIC.hex(), shown)
            self.assertNotIn(SEED.hex(), shown)
            self.assertNotIn(repr(SEED)[2:-1], shown)
        with self.assertRaises(FrozenInstanceError):
            key.seed = bytes(32)  # type: ignore[misc]

    def test_what_its_values_are_found_by(self) -> None:
        key = SigningKey(SEED)
        self.assertEqual(key.reference(), Reference(3, PUBLIC))
        self.assertEqual(key.reference(b"salt"), Reference(3, PUBLIC, b"salt"))
        self.assertRaises(InvalidSalt, key.reference, bytes(65))
