"""Node IDs, keys and the XOR metric (Maymounkov and Mazieres 2002, section 2.1).

A :data:`NodeID` is a whole number of ``bits`` bits: 160 on a live network, 8 in tests, where a
reader can see the distances.  Keys of records live in the same space.  Nothing here draws random
numbers of its own: a seeded source is handed in, and only its ``getrandbits`` is used.
"""

from __future__ import annotations

import hashlib
from typing import NewType, Protocol

from kadtwisted.errors import InvalidKey
from kadtwisted.parameters import ID_BITS

NodeID = NewType("NodeID", int)
"""A node ID or the key of a record: an integer in ``range(2 ** bits)``."""

ID_BYTES = ID_BITS // 8


class RandomBits(Protocol):
    """The part of :class:`random.Random` that pure code may use."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


def distance(a: NodeID, b: NodeID) -> int:
    """The XOR distance: 0 only for equal IDs, symmetric, and it obeys the triangle inequality."""
    return a ^ b


def common_prefix(a: NodeID, b: NodeID, bits: int = ID_BITS) -> int:
    """How many leading bits two IDs share: ``bits`` for equal ones."""
    return bits - (a ^ b).bit_length()


def id_from_bytes(raw: bytes) -> NodeID:
    """The ID written as 20 bytes, most significant first; anything else is :class:`InvalidKey`."""
    if len(raw) != ID_BYTES:
        raise InvalidKey(f"an ID has {ID_BYTES} bytes, this has {len(raw)}")
    return NodeID(int.from_bytes(raw, "big"))


def id_to_bytes(node_id: NodeID) -> bytes:
    """The 20 bytes of a 160-bit ID."""
    return node_id.to_bytes(ID_BYTES, "big")


def id_from_hex(text: str) -> NodeID:
    """The ID written as 40 hexadecimal digits; anything else is :class:`InvalidKey`."""
    if len(text) != 2 * ID_BYTES or not set(text) <= set("0123456789abcdefABCDEF"):
        raise InvalidKey(f"an ID is written as {2 * ID_BYTES} hexadecimal digits, not {text!r}")
    return NodeID(int(text, 16))


def id_to_hex(node_id: NodeID) -> str:
    """Forty lower-case hexadecimal digits."""
    return f"{node_id:0{2 * ID_BYTES}x}"


def key_of_name(name: str) -> NodeID:
    """The key under which a plain name is stored: SHA-1 of its UTF-8 bytes, as in BEP 44's space.

    Names are never truncated or padded.  An empty name is :class:`InvalidKey`.
    """
    if not name:
        raise InvalidKey("a key cannot be empty: give it at least one character")
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidKey("a key must be valid Unicode text") from None
    return id_from_bytes(hashlib.sha1(raw, usedforsecurity=False).digest())


def random_id(random: RandomBits, bits: int = ID_BITS) -> NodeID:
    """An ID drawn evenly from the whole space."""
    return NodeID(random.getrandbits(bits))


def random_id_with_prefix(
    random: RandomBits, prefix: NodeID, length: int, bits: int = ID_BITS
) -> NodeID:
    """An ID drawn evenly from those that share the first ``length`` bits of ``prefix``."""
    free = bits - length
    low = random.getrandbits(free) if free else 0
    return NodeID((prefix >> free << free) | low)
