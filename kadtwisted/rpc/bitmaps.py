"""Bitmaps of small numbers, as messages carry them.

Number i is bit ``0x80 >> i % 8`` of byte ``i // 8``.  Bytes that are missing at the end are zero.
"""

from __future__ import annotations

from collections.abc import Iterable


def bitmap_of(numbers: Iterable[int]) -> bytes:
    """The bitmap of these numbers (0 or above), without trailing zero bytes."""
    bitmap = bytearray()
    for number in numbers:
        missing = number // 8 + 1 - len(bitmap)
        if missing > 0:
            bitmap += bytes(missing)
        bitmap[number // 8] |= 0x80 >> number % 8
    return bytes(bitmap)


def has_number(bitmap: bytes, number: int) -> bool:
    """Whether the bitmap contains this number."""
    at = number // 8
    return at < len(bitmap) and bool(bitmap[at] & 0x80 >> number % 8)
