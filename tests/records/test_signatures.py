"""Which signatures count: those that all implementations judge alike."""

from __future__ import annotations

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.identity.signing import SigningKey
from kadtwisted.records.signatures import is_signed
from tests.records.ed25519 import BASE, NEUTRAL, ORDER, PRIME, Point, signed, small_order

MESSAGE = b"a record"
SCALAR, PREFIX = 2**254 + 8 * 12345, b"prefix"

# RFC 8032, section 7.1, test 2.
RFC_KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
RFC_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


class GoodTests(SynchronousTestCase):
    def test_rfc_8032(self) -> None:
        self.assertTrue(is_signed(b"\x72", RFC_SIGNATURE, RFC_KEY))
        self.assertFalse(is_signed(b"\x73", RFC_SIGNATURE, RFC_KEY))

    def test_signing_keys_and_arithmetic_agree(self) -> None:
        for seed in range(3):
            key = SigningKey(bytes([seed]) * 32)
            self.assertTrue(is_signed(MESSAGE, key.sign(MESSAGE), key.public_key))
        key_bytes, signature = signed(MESSAGE, SCALAR, PREFIX)
        self.assertTrue(is_signed(MESSAGE, signature, key_bytes))


class StrictTests(SynchronousTestCase):
    """Each of these is a signature to some implementation or by some reading of the equation."""

    def refused(self, key: bytes, signature: bytes) -> None:
        self.assertFalse(is_signed(MESSAGE, signature, key))

    def test_s_at_or_above_the_order(self) -> None:
        key, signature = signed(MESSAGE, SCALAR, PREFIX)
        s = int.from_bytes(signature[32:], "little")
        for wrong in range(s + ORDER, 2**256, ORDER):
            self.refused(key, signature[:32] + wrong.to_bytes(32, "little"))

    def test_keys_of_small_order(self) -> None:
        """Under such a key one signature is good for many messages."""
        odd = small_order()
        for times in range(8):
            key = (times * odd).packed
            self.refused(key, NEUTRAL.packed + bytes(32))
            self.refused(key, BASE.packed + (1).to_bytes(32, "little"))

    def test_points_outside_the_group(self) -> None:
        """To a verifier that multiplies by the cofactor all of them are good."""
        odd = small_order()
        accepted = 0
        for key_part, r_part in ((odd, NEUTRAL), (NEUTRAL, odd), (odd, odd), (4 * odd, 4 * odd)):
            key, signature = signed(MESSAGE, SCALAR, PREFIX, key_part, r_part)
            self.refused(key, signature)
            accepted += _libsodium_accepts(key, signature)
        for number in range(40):
            prefix = bytes([number])  # one in eight is good without the cofactor, too
            key, signature = signed(MESSAGE, SCALAR, prefix, 4 * odd, NEUTRAL)
            self.refused(key, signature)
            accepted += _libsodium_accepts(key, signature)
        self.assertGreater(accepted, 0, "libsodium alone does not refuse all of them")

    def test_encodings_that_are_not_canonical(self) -> None:
        neutral = (PRIME + 1).to_bytes(32, "little")
        key, signature = signed(MESSAGE, SCALAR, PREFIX)
        self.refused(neutral, neutral + bytes(32))
        self.refused(key, neutral + signature[32:])
        for y in range(PRIME, 2**255):
            self.refused(y.to_bytes(32, "little"), signature)

    def test_the_neutral_element_as_r(self) -> None:
        digest_key = (SCALAR * BASE).packed
        self.refused(digest_key, Point(0, 1).packed + bytes(32))


def _libsodium_accepts(key: bytes, signature: bytes) -> bool:
    try:
        crypto_sign_open(signature + MESSAGE, key)
    except BadSignatureError:
        return False
    return True
