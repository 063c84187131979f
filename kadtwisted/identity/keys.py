"""A node's identity: an Ed25519 key (RFC 8032), and the ID that its public half implies.

The ID is a hash of the public key, so nobody can claim an ID without holding its key, nor choose
where in the space an ID lies but by trying keys.  Nothing here reads or writes files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from nacl.bindings import crypto_sign_seed_keypair

from kadtwisted.errors import IdentityError
from kadtwisted.model.ids import ID_BYTES, NodeID

SEED_BYTES = 32
"""Bytes of an Ed25519 secret (RFC 8032, section 5.1.5)."""


def node_id_of(public_key: bytes) -> NodeID:
    """The 160-bit ID of the node that holds ``public_key`` (32 bytes): its personalised
    BLAKE2b-160 (RFC 7693), most significant byte first."""
    digest = blake2b(public_key, digest_size=ID_BYTES, person=b"kad/1 node id").digest()
    return NodeID(int.from_bytes(digest, "big"))


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The key of one node.  The seed is the secret; it is never shown by ``repr``."""

    seed: bytes = field(repr=False)
    public_key: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> NodeKey:
        """The key whose secret is ``seed``; :class:`IdentityError` unless that has 32 bytes."""
        if len(seed) != SEED_BYTES:
            raise IdentityError(
                f"an identity key has {SEED_BYTES} bytes, this has {len(seed)}: it is damaged"
            )
        public_key, _ = crypto_sign_seed_keypair(seed)
        return cls(seed, public_key)

    @classmethod
    def generate(cls, secure_random: Callable[[int], bytes]) -> NodeKey:
        """A new key from a source of unpredictable bytes (``secure_random(n)`` gives n)."""
        return cls.from_seed(secure_random(SEED_BYTES))

    @property
    def node_id(self) -> NodeID:
        """The ID that follows from the public key."""
        return node_id_of(self.public_key)
