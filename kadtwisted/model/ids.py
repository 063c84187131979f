"""Node IDs, keys and the XOR metric (Maymounkov and Mazieres 2002, section 2.1).

A :data:`NodeID` is a whole number of ``bits`` bits: 160 on a live network, 8 in tests, where a
reader can see the distances.  Keys of records live in the same space.  Nothing here draws random
numbers of its own: a seeded source is handed in, and only its ``getrandbits`` is used.
"""

from __future__ import annotations

import hashlib
from typing import Any, NewType, Protocol

from kadtwisted.constants import ID_BITS
from kadtwisted.errors import InvalidKey
from kadtwisted.model.printable import described

NodeID = NewType("NodeID", int)
"""A node ID or the key of a record: an integer in ``range(2 ** bits)``."""

ID_BYTES = ID_BITS // 8


class RandomBits(Protocol):
    """The part of :class:`random.Random` that pure code may use."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


def distance(a: NodeID, b: NodeID) -> int:
    """The XOR distance: 0 only for equal IDs, symmetric, and it obeys the triangle inequality.

    :class:`InvalidKey` for what is no ID.
    """
    try:
        return a ^ b
    except TypeError:
        raise InvalidKey(_no_id(b if isinstance(a, int) else a)) from None


def common_prefix(a: NodeID, b: NodeID, bits: int = ID_BITS) -> int:
    """How many leading bits two IDs share: ``bits`` for equal ones."""
    return bits - (a ^ b).bit_length()


def id_from_bytes(raw: bytes) -> NodeID:
    """The ID written as 20 bytes, most significant first; anything else is :class:`InvalidKey`."""
    try:
        if len(raw) != ID_BYTES:
            raise InvalidKey(f"an ID has {ID_BYTES} bytes, this has {len(raw)}")
        return NodeID(int.from_bytes(raw, "big"))
    except TypeError:
        raise InvalidKey(f"an ID is written as {ID_BYTES} bytes, not {described(raw)}") from None


def id_to_bytes(node_id: NodeID) -> bytes:
    """The 20 bytes of a 160-bit ID; anything else is :class:`InvalidKey`."""
    try:
        return node_id.to_bytes(ID_BYTES, "big")
    except (AttributeError, OverflowError):
        raise InvalidKey(_no_id(node_id)) from None


def id_from_hex(text: str) -> NodeID:
    """The ID written as 40 hexadecimal digits; anything else is :class:`InvalidKey`."""
    if not isinstance(text, str):
        raise InvalidKey(f"an ID is written as a str of hexadecimal digits, not {described(text)}")
    if len(text) != 2 * ID_BYTES or not set(text) <= set("0123456789abcdefABCDEF"):
        raise InvalidKey(
            f"an ID is written as {2 * ID_BYTES} hexadecimal digits, not {text!r:.100}"
        )
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
    except AttributeError:
        raise InvalidKey(f"a name is a str, not {described(name)}") from None
    except UnicodeEncodeError:
        raise InvalidKey("a key must be valid Unicode text") from None
    return key_of_bytes(raw)


def key_of_bytes(data: bytes) -> NodeID:
    """The SHA-1 of some bytes, as a key."""
    return id_from_bytes(hashlib.sha1(data, usedforsecurity=False).digest())


def check_id(value: Any) -> NodeID:
    """A 160-bit ID that a caller handed in; :class:`InvalidKey` for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << ID_BITS:
        raise InvalidKey(_no_id(value))
    return NodeID(value)


def _no_id(value: Any) -> str:
    return f"an ID is a whole number of {ID_BITS} bits, not {described(value)}"


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
