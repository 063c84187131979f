"""Tokens: the proof that a sender receives what is sent to its address (BEP 5).

A token is a keyed hash of the asker's address, port and public key, so the node that issues it
keeps nothing per asker.  Here it is decided how tokens are made, and how long one is good for: its
secret rotates every ``rotation`` seconds and is accepted once more as the previous one, so a token
lives at least one rotation and less than two.  What a token entitles to is decided elsewhere.

The secret is this node's own: no other node's token, of whatever network, is ever good here.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest

from kadtwisted.errors import InvalidInput
from kadtwisted.parameters import NO_TOKEN, TOKEN_BYTES

SECRET_BYTES = 32


class Tokens:
    """Issues and examines the tokens of one node.

    ``secure_random(n)`` gives n unpredictable bytes; ``rotation`` is in seconds and positive, else
    :class:`~kadtwisted.errors.InvalidInput`.
    """

    def __init__(self, secure_random: Callable[[int], bytes], rotation: float = 300.0) -> None:
        if not rotation > 0:
            raise InvalidInput(f"tokens must rotate after a positive time, not {rotation} s")
        self._secure_random = secure_random
        self._rotation = rotation
        # Hashes that have swallowed their secret already: a copy of one is cheaper than a new one.
        self._previous = self._current = self._fresh()
        self._rotates_at = float("-inf")

    def examine(
        self, token: bytes, endpoint: tuple[str, int], key: bytes, now: float
    ) -> tuple[bool, bytes]:
        """Whether ``token`` was issued by us, lately, to this endpoint and public key; and the
        token (8 bytes) that the asker should use from now on.  ``NO_TOKEN`` is never valid."""
        if now >= self._rotates_at:
            self._rotate(now)
        host, port = endpoint
        # No host has a space in it, so no two askers are written alike.
        asker = f"{host} {port} ".encode() + key
        current = self._current.copy()
        current.update(asker)
        fresh = current.digest()
        if token == NO_TOKEN:
            return False, fresh
        if compare_digest(token, fresh):
            return True, fresh
        previous = self._previous.copy()
        previous.update(asker)
        return compare_digest(token, previous.digest()), fresh

    def _rotate(self, now: float) -> None:
        if now < self._rotates_at + self._rotation:
            self._previous = self._current
            self._rotates_at += self._rotation
        else:
            # Nobody asked for a whole period: what was issued last has expired as well.
            self._previous = self._fresh()
            self._rotates_at = now + self._rotation
        self._current = self._fresh()

    def _fresh(self) -> blake2b:
        return blake2b(digest_size=TOKEN_BYTES, key=self._secure_random(SECRET_BYTES))
