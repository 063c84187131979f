"""The heads of CBOR items, written and read without the library (RFC 8949, section 3).

A head is a major type and an argument, always in the shortest form, as the CBOR library writes it.
Only what every second datagram contains is here: to call the library for each of these items costs
more than these few lines.  The library writes everything else.
"""

from __future__ import annotations

from struct import Struct

from kadtwisted.constants import DATAGRAM_LIMIT

UNSIGNED, NEGATIVE, BYTES, ARRAY = 0x00, 0x20, 0x40, 0x80
"""Major types, at their place in the first byte of a head.  The argument of a negative integer n is
-1 - n."""

FALSE, TRUE, NULL = b"\xf4", b"\xf5", b"\xf6"

_TWO_BYTES, _FOUR_BYTES, _EIGHT_BYTES = Struct(">BH").pack, Struct(">BI").pack, Struct(">BQ").pack


def head(major: int, argument: int) -> bytes:
    """The head of an item; ``argument`` is below 2^64."""
    if argument < 24:
        return b"%c" % (major | argument)
    if argument < 1 << 8:
        return b"%c%c" % (major | 24, argument)
    if argument < 1 << 16:
        return _TWO_BYTES(major | 25, argument)
    if argument < 1 << 32:
        return _FOUR_BYTES(major | 26, argument)
    return _EIGHT_BYTES(major | 27, argument)


_OF_BYTES = tuple(head(BYTES, length) for length in range(DATAGRAM_LIMIT + 1))
"""The heads of all byte strings that fit into a datagram: every reply has several."""


def byte_string(raw: bytes) -> bytes:
    """A byte string: its head, and its bytes."""
    length = len(raw)
    return (_OF_BYTES[length] if length <= DATAGRAM_LIMIT else head(BYTES, length)) + raw


def read_string(data: bytes, at: int) -> tuple[bytes, int]:
    """The byte string at a position, and where it ends; its head is the shortest one.

    ``IndexError`` for anything else."""
    first = data[at] - BYTES
    if 0 <= first < 24:
        start, size = at + 1, first
    elif first == 24 and data[at + 1] >= 24:
        start, size = at + 2, data[at + 1]
    elif first == 25 and data[at + 1]:
        start, size = at + 3, data[at + 1] << 8 | data[at + 2]
    else:
        raise IndexError
    end = start + size
    if end > len(data):
        raise IndexError
    return data[start:end], end


def read_unsigned(data: bytes, at: int) -> tuple[int, int]:
    """The number below 2^32 at a position, and where it ends; its head is the shortest one.

    ``IndexError`` for anything else."""
    first = data[at]
    if first < 24:
        return first, at + 1
    end = at + (2, 3, 5)[first - 24]
    number = int.from_bytes(data[at + 1 : end], "big")
    if end > len(data) or number < (24, 1 << 8, 1 << 16)[first - 24]:
        raise IndexError
    return number, end
