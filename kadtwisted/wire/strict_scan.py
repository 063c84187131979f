"""Checks a datagram before any CBOR library sees it (RFC 8949, section 3).

It accepts exactly one array, with nothing after it.  Its items are integers, byte strings, UTF-8
text, ``false``, ``true``, ``null`` and further such arrays, nested at most :data:`DEPTH_LIMIT`
deep.  All lengths are definite and all heads the shortest.  So no tag can build a cycle or a huge
number, no length can claim memory, and there is one way only to write a message.

It never builds a value and never recurses: it looks at no more than :data:`ITEM_LIMIT` items, each
once.  ``cbor_decode`` finds out what a message means.
"""

from __future__ import annotations

from kadtwisted.errors import MalformedDatagram

ITEM_LIMIT = 256
"""Items of all arrays together.  The longest known message, 32 records, has 105."""

DEPTH_LIMIT = 3
"""A message, its list of records, one record's pair."""

_NEGATIVE, _TEXT, _ARRAY, _MAP, _TAG = 1, 3, 4, 5, 6

_SHORTEST = (24, 1 << 8, 1 << 16, 1 << 32)
"""The least argument that needs a head with 1, 2, 4 and 8 further bytes."""


def _step(head: int) -> int:
    """The length of an item if its first byte tells all of it; 0 if more must be read."""
    small_integer = head < 0x18 or 0x20 <= head < 0x38
    if small_integer or head in (0xF4, 0xF5, 0xF6):
        return 1
    return head - 0x40 + 1 if 0x40 <= head < 0x58 else 0


_STEPS = bytes(_step(head) for head in range(256))


def scan(data: bytes) -> None:
    """Return if ``data`` is one well-formed array as described above.

    Everything else raises :class:`MalformedDatagram`: ``truncated``, ``trailing-bytes``,
    ``not-an-array``, ``map``, ``tag``, ``simple-value`` (floats too), ``indefinite-length``,
    ``reserved-head``, ``not-shortest``, ``not-utf-8``, ``too-deep`` or ``too-many-items``.
    """
    try:
        end = _walk(data)
    except IndexError:
        raise MalformedDatagram("truncated") from None
    if end != len(data):
        raise MalformedDatagram("truncated" if end > len(data) else "trailing-bytes")


def _walk(data: bytes) -> int:
    """The position after the outermost array; :class:`IndexError` if ``data`` ends before it."""
    if data[0] >> 5 != _ARRAY:
        raise MalformedDatagram("not-an-array")
    position, pending, room = 0, 1, ITEM_LIMIT
    enclosing: list[int] = []  # for each array around this one, how many items follow
    while True:
        while pending:
            pending -= 1
            head = data[position]
            if step := _STEPS[head]:
                position += step
            elif head >> 5 != _ARRAY:
                position = _past(data, position)
            else:
                enclosing.append(pending)
                pending, position = _head(data, position)
                room -= pending
                if room < 0:
                    raise MalformedDatagram("too-many-items")
                if len(enclosing) > DEPTH_LIMIT:
                    raise MalformedDatagram("too-deep")
        if not enclosing:
            return position
        pending = enclosing.pop()


def _past(data: bytes, position: int) -> int:
    """The position after the integer, byte string or text that starts at ``position``."""
    major = data[position] >> 5
    if major >= _MAP:
        raise MalformedDatagram(
            "map" if major == _MAP else "tag" if major == _TAG else "simple-value"
        )
    argument, after = _head(data, position)
    if major <= _NEGATIVE:
        return after
    end = after + argument
    if major == _TEXT:
        _check_text(data[after:end])
    return end


def _head(data: bytes, position: int) -> tuple[int, int]:
    """The argument of the head at ``position``, and the position after the head."""
    low = data[position] & 0x1F
    if low < 24:
        return low, position + 1
    if low > 27:
        raise MalformedDatagram("indefinite-length" if low == 31 else "reserved-head")
    after = position + 1 + (1 << low - 24)
    if after > len(data):
        raise MalformedDatagram("truncated")
    argument = int.from_bytes(data[position + 1 : after], "big")
    if argument < _SHORTEST[low - 24]:
        raise MalformedDatagram("not-shortest")
    return argument, after


def _check_text(raw: bytes) -> None:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedDatagram("not-utf-8") from None
