"""The secretbox with one buffer: the same bytes as PyNaCl's, and no mistake with lengths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_secretbox, crypto_secretbox_open
from nacl.exceptions import CryptoError
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import InvalidInput
from kadtwisted.sealing.secret_box import MAC_BYTES, SecretBox

NONCE, KEY = bytes(range(24)), bytes(range(32))


def either():
    """Our box, and one with a PyNaCl that keeps libsodium elsewhere."""
    return SecretBox(), SecretBox("nacl.somewhere_else")


class SecretBoxTests(SynchronousTestCase):
    @given(st.binary(max_size=2 * DATAGRAM_LIMIT), st.binary(min_size=56, max_size=56))
    def test_as_pynacl(self, body, random):
        nonce, key = random[:24], random[24:]
        for box in either():
            sealed = box.seal(body, nonce, key)
            self.assertEqual(sealed, crypto_secretbox(body, nonce, key))
            self.assertEqual(crypto_secretbox_open(sealed, nonce, key), body)
            self.assertEqual(box.open(sealed, nonce, key), body)

    def test_what_was_returned_stays(self):
        """The buffer is used again; what was given out is a copy."""
        for box in either():
            first = box.seal(b"first", NONCE, KEY)
            second = box.seal(b"other", NONCE, KEY)
            self.assertEqual(box.open(first, NONCE, KEY), b"first")
            self.assertEqual(box.open(second, NONCE, KEY), b"other")

    def test_the_longest_datagram_and_one_more_byte(self):
        for box in either():
            for length in (0, DATAGRAM_LIMIT - MAC_BYTES, DATAGRAM_LIMIT - MAC_BYTES + 1):
                sealed = box.seal(bytes(length), NONCE, KEY)
                self.assertEqual(len(sealed), length + MAC_BYTES)
                self.assertEqual(box.open(sealed, NONCE, KEY), bytes(length))

    def test_any_bit_changed(self):
        for box in either():
            sealed = box.seal(b"body", NONCE, KEY)
            for at in range(8 * len(sealed)):
                changed = bytearray(sealed)
                changed[at // 8] ^= 1 << at % 8
                self.assertRaises(CryptoError, box.open, bytes(changed), NONCE, KEY)

    def test_too_short(self):
        for box in either():
            for length in range(MAC_BYTES + 1):
                self.assertRaises(CryptoError, box.open, bytes(length), NONCE, KEY)

    def test_nonces_and_keys_of_other_lengths(self):
        for box in either():
            sealed = box.seal(b"body", NONCE, KEY)
            for nonce, key in (
                (NONCE[:-1], KEY),
                (NONCE, KEY[:-1]),
                (NONCE + b"x", KEY),
                (b"", KEY),
            ):
                self.assertRaises(InvalidInput, box.seal, b"body", nonce, key)
                self.assertRaises(InvalidInput, box.open, sealed, nonce, key)
