"""Tokens: the proof that a sender receives what is sent to its address (BEP 5).

A token is a keyed hash of the asker's address, port and public key, so the node that issues it
keeps nothing for each asker.  This file decides how tokens are made and how long they are valid.
The secret changes every ``rotation`` seconds, and the secret before it is accepted, too.  So a
token lives for at least one rotation and less than two.  Other files decide what a token allows.

The secret belongs to this node alone: a token of another node is never valid here.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest

from kadtwisted.constants import NO_TOKEN, TOKEN_BYTES
from kadtwisted.errors import InvalidInput

SECRET_BYTES = 32


class Tokens:
    """Issues and examines the tokens of one node.

    ``secure_random(n)`` gives n unpredictable bytes.  ``rotation`` is in seconds;
    :class:`~kadtwisted.errors.InvalidInput` unless it is positive.  ``on_rotation`` is called when
    the secret changes: what was shown with a token then may be forgotten after one more change.
    """

    def __init__(
        self,
        secure_random: Callable[[int], bytes],
        rotation: float = 300.0,
        on_rotation: Callable[[], object] | None = None,
    ) -> None:
        if not rotation > 0:
            raise InvalidInput(f"tokens must rotate after a positive time, not {rotation} s")
        self._secure_random = secure_random
        self._rotation = rotation
        self._on_rotation = on_rotation
        # Hashes that already contain the secret: to copy one is cheaper than to make a new one.
        self._previous = self._current = self._fresh()
        self._rotates_at = float("-inf")

    def examine(
        self, token: bytes, endpoint: tuple[str, int], key: bytes, now: float
    ) -> tuple[bool, bytes]:
        """Whether this node issued ``token`` lately to this endpoint and public key; and the token
        (8 bytes) that the asker should use from now on.  ``NO_TOKEN`` is never valid."""
        if now >= self._rotates_at:
            self._rotate(now)
        host, port = endpoint
        # No host contains a space, so no two askers give the same bytes.
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
            # Nobody asked for a whole period: the last tokens have expired, too.
            self._previous = self._fresh()
            self._rotates_at = now + self._rotation
        self._current = self._fresh()
        if self._on_rotation is not None:
            self._on_rotation()

    def _fresh(self) -> blake2b:
        return blake2b(digest_size=TOKEN_BYTES, key=self._secure_random(SECRET_BYTES))
