"""Which keys were put anew, in bounded memory.

Of two lines with one key the later one wins.  So when a run does the first one anew, it does the
second one anew, too, though that was done before: else the older value would stay.  The keys to be
remembered may be as many as the lines of a file, so this is a Bloom filter (Bloom 1970).  It may
take one key in a million for another one, and then a value is stored twice, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct

from kadtwisted.model.ids import NodeID, id_to_bytes

BYTES_EACH = 8
_PLACES = Struct("6Q")
"""Six bits for a key, of 64: while there are no more keys than expected, 6e-7 of the others seem to
be among them."""


class Keys:
    """Keys, about as many as ``expected``."""

    def __init__(self, expected: int) -> None:
        self._bits = bytearray(BYTES_EACH * max(expected, 1))

    def add(self, key: NodeID) -> None:
        """From now on it is among them."""
        for place in self._places(key):
            self._bits[place // 8] |= 1 << place % 8

    def __contains__(self, key: NodeID) -> bool:
        """Whether it is among them; of one that is not, hardly ever."""
        return all(self._bits[place // 8] & 1 << place % 8 for place in self._places(key))

    def _places(self, key: NodeID) -> Iterator[int]:
        digest = blake2b(id_to_bytes(key), digest_size=_PLACES.size).digest()
        for each in _PLACES.unpack(digest):
            yield each % (8 * len(self._bits))
