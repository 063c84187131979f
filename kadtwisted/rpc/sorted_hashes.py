"""A place in a sorted column of hashes: how a set is kept that must not take much memory.

A hash is Python's own, of 64 bits with a key that each process draws: nobody outside can make two
byte strings with the same one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left


def place_in(hashes: array[int], hashed: int) -> tuple[int, bool]:
    """Where a hash stands, or would stand, and whether it does."""
    place = bisect_left(hashes, hashed)
    return place, place < len(hashes) and hashes[place] == hashed
