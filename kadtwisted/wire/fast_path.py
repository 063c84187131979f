"""A fast path for the messages that a server reads and writes most, without the CBOR library.

* PING, FIND_NODE and FIND_VALUE in their most common shape have every head at a fixed place, so a
  few comparisons recognise them; STORE is read item by item.  ``cbor_decode`` reads all other
  requests, and refuses what is not well formed.
* FIND_NODE, FIND_VALUE and STORE with a token, PONG, NODES, RECORDS and STORED are put together
  here.  ``cbor_encode`` writes all other messages.

The results are the same as theirs.  The only state is bytes that many replies share, and it is
bounded: the last PONG, which is good for a second, and the endpoints of the last few askers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cbor2 import dumps

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import id_to_bytes
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Method,
    Nodes,
    Pong,
    Records,
    Reply,
    Request,
    Store,
    Stored,
)
from kadtwisted.wire.cbor_decode import PING, WANTS, id_of, new_tuple
from kadtwisted.wire.cbor_encode import clipped, reply_items
from kadtwisted.wire.heads import (
    ARRAY,
    FALSE,
    NEGATIVE,
    NULL,
    TRUE,
    UNSIGNED,
    byte_string,
    head,
    read_string,
    read_unsigned,
)
from kadtwisted.wire.layout import AGENT_BYTES, RECORD_BYTES, TIME_BYTES
from kadtwisted.wire.packed import pack_contacts, pack_endpoint

RECENT_ASKERS = 32
"""Askers whose endpoint is packed once for many replies.  MAGIC: as many as a few lookups have; how
often a busy node answers the same asker again would settle it."""

_PAIR = head(ARRAY, 2)
_ONE_PAIR = head(ARRAY, 1) + _PAIR
_EMPTY = byte_string(b"")
_PING_START, _FIND_NODE_START, _FIND_VALUE_START = b"\x84\x01\x48", b"\x86\x02\x48", b"\x89\x03\x48"
_FIND_ALONE_START = b"\x8a\x03\x48"
_STORE_START = b"\x87\x04\x48"
"""How requests begin: the head of the array, the method, the head of the transaction ID."""
_CLOCK_HEAD = 0x48
"""The head of a byte string of 8 bytes."""


# --- Requests: the transaction ID is at 3 to 11; then flags 0, and no padding or just a clock ---


def read_request(data: bytes) -> Request | None:
    """The request in ``data`` if it has the most common shape; else ``None``, whatever it is."""
    start = data[:3]
    if start == _PING_START:
        return _read_ping(data)
    if start == _FIND_NODE_START:
        return _read_find_node(data)
    if start == _FIND_VALUE_START:
        return _read_find_value(data)
    if start == _STORE_START:
        return _read_store(data)
    return _read_find_alone(data) if start == _FIND_ALONE_START else None


def _read_ping(data: bytes) -> Request | None:
    if data[11:] == b"\x00\x40":
        return new_tuple(Request, (data[3:11], PING, False, None))
    return _with_clock(data, 13, _read_ping)


def _read_find_node(data: bytes) -> Request | None:
    """Then a target of 20 bytes, and the families that are wanted."""
    if len(data) != 35:
        return _with_clock(data, 35, _read_find_node)
    if data[11:14] != b"\x00\x40\x54" or data[34] > 3:
        return None
    body = new_tuple(FindNode, (id_of(data[14:34]), WANTS[data[34]]))
    return new_tuple(Request, (data[3:11], body, False, None))


def _read_find_value(data: bytes) -> Request | None:
    """Then a key of 20 bytes, a kind below 24, no version, no cursor, and the families wanted."""
    if len(data) != 38:
        return _with_clock(data, 38, _read_find_value)
    if data[11:14] != b"\x00\x40\x54" or data[35:37] != b"\x40\x40":
        return None
    kind, want = data[34], data[37]
    if kind > 23 or want > 3:
        return None
    key = id_of(data[14:34])
    body = new_tuple(FindValue, (key, kind, b"", b"", WANTS[want], False))
    return new_tuple(Request, (data[3:11], body, False, None))


def _read_find_alone(data: bytes) -> Request | None:
    """The same with one item more: that the record alone is wanted."""
    found = _read_find_value(data[:-1]) if data[-1:] == TRUE else None
    if found is None:
        return None
    transaction_id, body, read_only, clock = found
    body = new_tuple(FindValue, (*body[:5], True))
    return new_tuple(Request, (transaction_id, body, read_only, clock))


def _read_store(data: bytes) -> Request | None:
    """Then a record, the seconds it has left, and a sequence number or none."""
    try:
        padding, at = read_string(data, 12)
        record, at = read_string(data, at)
        remaining, at = read_unsigned(data, at)
        cas = None
        if data[at:] != NULL:
            cas, at = read_unsigned(data, at)
            if at != len(data):
                return None
    except IndexError:
        return None
    if data[11] or len(padding) not in (0, TIME_BYTES) or not 0 < len(record) <= RECORD_BYTES:
        return None
    clock = int.from_bytes(padding, "big") if padding else None
    body = new_tuple(Store, (record, remaining, cas))
    return new_tuple(Request, (data[3:11], body, False, clock))


def _with_clock(
    data: bytes, length: int, read: Callable[[bytes], Request | None]
) -> Request | None:
    """The request if its padding is a clock of 8 bytes and it has ``length`` bytes without."""
    if len(data) != length + TIME_BYTES or data[12] != _CLOCK_HEAD:
        return None
    plain = read(data[:12] + b"\x40" + data[13 + TIME_BYTES :])
    if plain is None:
        return None
    transaction_id, body, read_only, _ = plain
    clock = int.from_bytes(data[13 : 13 + TIME_BYTES], "big")
    return new_tuple(Request, (transaction_id, body, read_only, clock))


def write_request(request: Request) -> bytes | None:
    """The bytes of a request without more padding than its clock, if it has the most common shape;
    else ``None``."""
    body: Any
    transaction_id, body, read_only, clock = request
    method = type(body)
    if method is FindNode:
        target, want = body
        start, rest = _FIND_NODE_START, b"\x54%b%c" % (id_to_bytes(target), want)
    elif method is FindValue and body[1] < 24 and not (body[2] or body[3]):
        key, kind, _, _, want, alone = body
        start, last = (_FIND_ALONE_START, TRUE) if alone else (_FIND_VALUE_START, b"")
        rest = b"\x54%b%c\x40\x40%c%b" % (id_to_bytes(key), kind, want, last)
    elif method is Store:
        record, remaining, cas = body
        last = NULL if cas is None else head(UNSIGNED, cas)
        start, rest = _STORE_START, byte_string(record) + head(UNSIGNED, remaining) + last
    else:
        return None
    padding = _EMPTY if clock is None else b"\x48" + clock.to_bytes(TIME_BYTES, "big")
    return b"%b%b%c%b%b" % (start, transaction_id, read_only, padding, rest)


# --- Replies ---------------------------------------------------------------------------------


class ReplyWriter:
    """Writes whole replies: nothing is left out to make them shorter."""

    def __init__(self) -> None:
        self._observed = lru_cache(RECENT_ASKERS)(_endpoint)
        self._writers: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {
            Pong: (_start(11, Method.PING), lru_cache(1)(_pong)),
            Nodes: (_start(6, Method.FIND_NODE), _nodes),
            Records: (_start(9, Method.FIND_VALUE), _records),
            Stored: (_start(5, Method.STORE), _stored),
        }

    def write(self, reply: Reply) -> bytes:
        """The reply's bytes."""
        transaction_id, body, token, observed = reply
        fast = self._writers.get(type(body))
        if fast is None:
            return dumps(reply_items(reply))
        start, write = fast
        # \x48 is the head of a byte string of 8 bytes; the other parts bring their own heads.
        shown = start, transaction_id, token, self._observed(observed), write(body)
        return b"%b\x48%b\x48%b%b%b" % shown


def _start(items: int, method: int) -> bytes:
    """The head of an array of that many items, and its first item: minus the method's number."""
    return head(ARRAY, items) + head(NEGATIVE, method - 1)


def _endpoint(endpoint: Endpoint | None) -> bytes:
    return byte_string(pack_endpoint(endpoint))


def _pong(body: Pong) -> bytes:
    formats, features, unix_time, agent, methods, kinds, own = body
    name = NULL if agent is None else dumps(clipped(agent, AGENT_BYTES))
    start = byte_string(formats) + head(UNSIGNED, features) + head(UNSIGNED, unix_time)
    return start + name + byte_string(methods) + byte_string(kinds) + _endpoint(own)


def _nodes(body: Nodes) -> bytes:
    packed4, packed6 = pack_contacts(body.contacts)
    return byte_string(packed4) + (byte_string(packed6) if packed6 else _EMPTY)


def _stored(body: Stored) -> bytes:
    return head(UNSIGNED, body.remaining)


def _records(body: Records) -> bytes:
    items, contacts, cursor, unchanged = body
    if len(items) == 1:
        record, remaining = items[0]
        listed = _ONE_PAIR + byte_string(record) + head(UNSIGNED, remaining)
    else:
        pairs = [_PAIR + byte_string(each) + head(UNSIGNED, left) for each, left in items]
        listed = b"".join([head(ARRAY, len(items)), *pairs])
    packed4, packed6 = pack_contacts(contacts)
    return b"%b%b%b%b%b" % (
        listed,
        byte_string(cursor) if cursor else _EMPTY,
        byte_string(packed4),
        byte_string(packed6) if packed6 else _EMPTY,
        TRUE if unchanged else FALSE,
    )
