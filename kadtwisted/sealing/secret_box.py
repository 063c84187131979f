"""NaCl's secretbox (XSalsa20-Poly1305) with one buffer for all datagrams.

PyNaCl's own functions do the same.  They make a new buffer for each call, and that takes longer
than the cipher itself needs for a datagram.  So :class:`SecretBox` calls libsodium through the
module that PyNaCl's functions use, too.  That module is no public part of PyNaCl: if it is missing,
PyNaCl's functions are called.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from nacl.bindings import crypto_secretbox_easy, crypto_secretbox_open_easy
from nacl.exceptions import CryptoError

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import InvalidInput

KEY_BYTES = 32
NONCE_BYTES = 24
MAC_BYTES = 16
"""Poly1305 (RFC 8439, section 2.5)."""


class SecretBox:
    """Seals and opens boxes of datagrams: MAC 16 + ciphertext.

    One for each sealer, and for one thread: the buffer is used again by each call.
    """

    __slots__ = ("_buffer", "_longest", "_open", "_seal", "_view")

    def __init__(self, module: str = "nacl._sodium") -> None:
        """``module`` has ``ffi`` and ``lib``."""
        self._longest = -1  # of a body: longer ones are left to PyNaCl
        library: Any = None
        with suppress(ImportError):
            library = import_module(module)
        if library is not None:
            self._longest = DATAGRAM_LIMIT - MAC_BYTES
            self._buffer = library.ffi.new("unsigned char[]", DATAGRAM_LIMIT)
            self._view = library.ffi.buffer(self._buffer, DATAGRAM_LIMIT)
            self._seal = library.lib.crypto_secretbox_easy
            self._open = library.lib.crypto_secretbox_open_easy

    def seal(self, body: bytes, nonce: bytes, key: bytes) -> bytes:
        """The box of a body; :class:`InvalidInput` for a nonce or a key of another length."""
        size = len(body)
        if len(nonce) != NONCE_BYTES or len(key) != KEY_BYTES:
            raise InvalidInput("a nonce has 24 bytes, and a key 32")  # libsodium reads that many
        if size > self._longest:
            return crypto_secretbox_easy(body, nonce, key)
        if self._seal(self._buffer, body, size, nonce, key):
            raise InvalidInput("libsodium cannot seal this")
        return self._view[: size + MAC_BYTES]  # type: ignore[no-any-return]  # PyNaCl has no types

    def open(self, box: bytes, nonce: bytes, key: bytes) -> bytes:
        """The body of a box.

        ``CryptoError`` of PyNaCl if another key or nonce sealed it, if it was changed, or if it is
        too short; :class:`InvalidInput` for a nonce or a key of another length.
        """
        size = len(box) - MAC_BYTES
        if len(nonce) != NONCE_BYTES or len(key) != KEY_BYTES:
            raise InvalidInput("a nonce has 24 bytes, and a key 32")  # libsodium reads that many
        if size < 0:
            raise CryptoError("too short")
        if size > self._longest:
            return crypto_secretbox_open_easy(box, nonce, key)
        if self._open(self._buffer, box, size + MAC_BYTES, nonce, key):
            raise CryptoError("not sealed with this key and nonce, or changed")
        return self._view[:size]  # type: ignore[no-any-return]
