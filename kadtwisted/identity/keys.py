"""A node's identity: an Ed25519 key (RFC 8032), and the node ID that its public key implies.

The ID is a hash of the public key.  So nobody can claim an ID without its key, and the only way to
choose a place for an ID is to try many keys.  Nothing here reads or writes files.
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
    """The ID of the node with this public key (32 bytes): a personalised BLAKE2b hash of 160 bits
    (RFC 7693), most significant byte first."""
    digest = blake2b(public_key, digest_size=ID_BYTES, person=b"kad/1 node id").digest()
    return NodeID(int.from_bytes(digest, "big"))


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The key of one node.  The seed (32 bytes) is the secret; ``repr`` does not show it."""

    seed: bytes = field(repr=False)
    public_key: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> NodeKey:
        """The key with this secret; :class:`IdentityError` unless the seed has 32 bytes."""
        if not isinstance(seed, bytes):
            raise IdentityError(f"an identity key is bytes, not a {type(seed).__name__}")
        if len(seed) != SEED_BYTES:
            raise IdentityError(
                f"an identity key has {SEED_BYTES} bytes, this has {len(seed)}: it is damaged"
            )
        public_key, _ = crypto_sign_seed_keypair(seed)
        return cls(seed, public_key)

    @classmethod
    def generate(cls, secure_random: Callable[[int], bytes]) -> NodeKey:
        """A new key; ``secure_random(n)`` gives n unpredictable bytes."""
        return cls.from_seed(secure_random(SEED_BYTES))

    @property
    def node_id(self) -> NodeID:
        """The ID that the public key implies."""
        return node_id_of(self.public_key)
