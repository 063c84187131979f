"""Strict bencode (BEP 3): records are signed over it, and Mainline speaks it.

Only the one canonical form is accepted: integers without leading zeros or ``-0``, lengths without
leading zeros, dictionaries with strictly ascending byte-string keys, nothing behind the value.
Decoding never recurses deeper than :data:`MAX_DEPTH`.
"""

from __future__ import annotations

from kadtwisted.errors import InvalidRecord

MAX_DEPTH = 16
"""MAGIC: deeper than any BEP nests; settled by the deepest value ever seen in the wild."""
MAX_DIGITS = 20
"""An integer of BEP 44 fits in 64 bits: 19 digits and a sign."""

BValue = bytes | int | list["BValue"] | dict[bytes, "BValue"]


def encode(value: BValue) -> bytes:
    """The canonical bencoding; ``TypeError`` for a type that bencode does not have."""
    parts: list[bytes] = []
    _encode(value, parts)
    return b"".join(parts)


def _encode(value: BValue, parts: list[bytes]) -> None:
    if isinstance(value, bytes):
        parts.append(b"%d:%b" % (len(value), value))
    elif isinstance(value, bool):
        raise TypeError("bencode has no booleans")
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, list):
        parts.append(b"l")
        for item in value:
            _encode(item, parts)
        parts.append(b"e")
    elif isinstance(value, dict):
        parts.append(b"d")
        for key in sorted(value):
            parts.append(b"%d:%b" % (len(key), key))  # TypeError unless the key is bytes
            _encode(value[key], parts)
        parts.append(b"e")
    else:
        raise TypeError(f"bencode has no {type(value).__name__}")


def decode(data: bytes) -> BValue:
    """The value whose canonical bencoding is exactly ``data``, else :class:`InvalidRecord`."""
    value, end = _decode(data, 0, 0)
    if end != len(data):
        raise InvalidRecord("trailing-bytes")
    return value


def _decode(data: bytes, at: int, depth: int) -> tuple[BValue, int]:
    if depth > MAX_DEPTH:
        raise InvalidRecord("too-deep")
    head = data[at : at + 1]
    if head.isdigit():
        return _decode_bytes(data, at)
    if head == b"i":
        return _decode_integer(data, at + 1, b"e")
    if head == b"l":
        return _decode_list(data, at + 1, depth)
    if head == b"d":
        return _decode_dictionary(data, at + 1, depth)
    raise InvalidRecord("not-bencode")


def _decode_integer(data: bytes, at: int, terminator: bytes) -> tuple[int, int]:
    end = data.find(terminator, at, at + MAX_DIGITS + 1)
    digits = data[at:end]
    if end < 0 or not digits.removeprefix(b"-").isdigit():
        raise InvalidRecord("bad-integer")
    value = int(digits)
    if b"%d" % value != digits:
        raise InvalidRecord("bad-integer")
    return value, end + 1


def _decode_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    if data[at + 1 : at + 2] == b":":
        # Short strings are the most that fit into a record: a stranger has them checked by us.
        length, start = data[at] - ord("0"), at + 2
    else:
        length, start = _decode_integer(data, at, b":")
    end = start + length
    if end > len(data):
        raise InvalidRecord("truncated")
    return data[start:end], end


def _decode_list(data: bytes, at: int, depth: int) -> tuple[BValue, int]:
    items: list[BValue] = []
    while data[at : at + 1] != b"e":
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at + 1


def _decode_dictionary(data: bytes, at: int, depth: int) -> tuple[BValue, int]:
    items: dict[bytes, BValue] = {}
    last: bytes | None = None
    while data[at : at + 1] != b"e":
        if not data[at : at + 1].isdigit():
            raise InvalidRecord("bad-key")
        key, at = _decode_bytes(data, at)
        if last is not None and key <= last:
            raise InvalidRecord("unsorted-keys")
        items[key], at = _decode(data, at, depth + 1)
        last = key
    return items, at + 1
