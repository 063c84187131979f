"""A CBOR writer that can break every rule (RFC 8949, section 3), and bombs.  For tests only.

Strict libraries cannot write what a decoder must survive; this writer can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cbor2 import dumps

from kadtwisted.constants import DATAGRAM_LIMIT

UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)


class Raw(NamedTuple):
    """Bytes that take the place of an item, well formed or not."""

    data: bytes


def head(major: int, argument: int, width: int | None = None) -> bytes:
    """The head of an item, in its shortest form or with ``width`` (1, 2, 4, 8) more bytes."""
    if width is None and argument < 24:
        return bytes((major << 5 | argument,))
    needed = width or next(each for each in (1, 2, 4, 8) if argument < 1 << 8 * each)
    return bytes((major << 5 | 23 + needed.bit_length(),)) + argument.to_bytes(needed, "big")


def encode(item: object) -> bytes:
    """The bytes of an item: :class:`Raw` as it is, arrays of anything, the rest in good order."""
    if isinstance(item, Raw):
        return item.data
    if isinstance(item, (list, tuple)):
        return head(ARRAY, len(item)) + b"".join([encode(each) for each in item])
    return dumps(item)


def bombs(size: int = DATAGRAM_LIMIT) -> dict[str, bytes]:
    """Named datagrams of ``size`` bytes, each made to cost a decoder time or memory."""
    heaviest: dict[str, Callable[[int], bytes]] = {
        "nested-arrays": lambda n: b"\x81" * n,
        "nested-array-ends": lambda n: b"\x81" * (n - 1) + b"\x80",
        "nested-maps": lambda n: b"\x81" + b"\xa1\x00" * (n // 2),
        "nested-indefinite-arrays": lambda n: b"\x9f" * n,
        "nested-tags": lambda n: b"\x81" + b"\xd8\x1c" * (n // 2),
        "self-containing-array": lambda n: b"\x81" + b"\xd8\x1c\x81\xd8\x1d\x00" * (n // 6),
        "huge-integer": lambda n: b"\x81\xc2" + head(BYTES, n - 5) + b"\xff" * (n - 5),
        "huge-rational": lambda n: b"\x81\xc4\x82\x1b" + b"\xff" * 8 + b"\x00",
        "claims-an-exabyte": lambda n: b"\x81\x5b\x0f" + b"\xff" * 7,
        "claims-endless-text": lambda n: b"\x81\x7b" + b"\xff" * 8,
        "claims-endless-items": lambda n: b"\x9b" + b"\xff" * 8,
        "claims-in-every-item": lambda n: b"\x98\xff" + b"\x9a\xff\xff\xff\xff" * (n // 5),
        "eight-byte-integers": lambda n: head(ARRAY, 136) + (b"\x1b" + b"\xff" * 8) * 136,
        "most-items": lambda n: head(ARRAY, 256) + b"\x43abc" * 255 + b"\x58\xce" + b"x" * 206,
        "empty-arrays": lambda n: b"\x98\xff" + b"\x80" * 255,
        "duplicate-keys": lambda n: b"\x81" + head(MAP, 600) + b"\x00\x00" * 600,
        "colliding-keys": lambda n: b"\x81" + head(MAP, 120) + (b"\x1b" + b"\xff" * 8) * 120,
        "endless-chunks": lambda n: b"\x81\x5f" + b"\x41x" * (n // 2),
        "broken-text": lambda n: b"\x81" + head(TEXT, n - 4) + b"a" * (n - 5) + b"\xff",
        "floats": lambda n: head(ARRAY, 136) + (b"\xfb" + b"\x7f" * 8) * 136,
    }
    return {name: make(size)[:size].ljust(size, b"\0") for name, make in heaviest.items()}
