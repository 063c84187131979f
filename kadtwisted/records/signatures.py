"""Signatures of records: Ed25519 (RFC 8032), in the one reading that all programs share.

Implementations differ about odd keys and odd signatures: points of small order, points outside the
group of the base point, encodings that are not the shortest (Chalkias et al. 2020, "Taming the many
EdDSAs").  A record that one node takes and the next one refuses is never where it should be.  So a
signature (R, S) by a key A counts here only if

* A and R are each the canonical encoding of a point of the group of prime order, and not of its
  neutral element,
* S is below the order of that group,
* and S*B = R + SHA-512(R, A, message)*A.

With the first two given, all ways to verify give the same answer.  Keys and signatures that are
made as RFC 8032 says pass.
"""

from __future__ import annotations

from typing import Final

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_POINT_BYTES: Final = 32


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether the holder of an Ed25519 key (32 bytes) made this signature (64 bytes)."""
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    # Last, so that a forgery costs no more than any other: libsodium's own checks depend on its
    # version, and none of them leaves out all points outside the group.
    return all(map(crypto_core_ed25519_is_valid_point, (public_key, signature[:_POINT_BYTES])))
