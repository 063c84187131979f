"""What a server reads and writes all day long, without the scan and without the CBOR library.

* PING, FIND_NODE and FIND_VALUE in their commonest shape have every head at a fixed place: a few
  comparisons tell it.  Every other request, well formed or not, is left to ``cbor_decode``.
* PONG, NODES and RECORDS are put together here.  Every other reply is left to ``cbor_encode``.

Both come to just what these two would come to, only sooner.  The only state is the bytes that many
replies share, and it is bounded: the last PONG, which is good for a second, and the endpoints of
the last few askers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from cbor2 import dumps

from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Method,
    Nodes,
    Ping,
    Pong,
    Records,
    Reply,
    Request,
    Want,
)
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
)
from kadtwisted.wire.layout import AGENT_BYTES
from kadtwisted.wire.packed import pack_contacts, pack_observed

RECENT_ASKERS = 32
"""Askers whose endpoint is packed once for all replies.  MAGIC: those of a few lookups at a time;
how often a busy node answers the same asker again would settle it."""


_WANTS = tuple(Want(number) for number in range(4))
_A_PING = Ping()

_PAIR = head(ARRAY, 2)

_new = tuple.__new__
"""Makes a named tuple as its constructor does, without the detour through a Python function."""


# --- Requests: the transaction ID stands at 3 to 11, then come flags 0 and no padding -----------


def read_request(data: bytes) -> Request | None:
    """The request in ``data``, if it is one of the commonest shape; ``None`` says nothing of it."""
    read = _BY_START.get(data[:3])
    return read(data) if read is not None else None


def _read_ping(data: bytes) -> Request | None:
    return _new(Request, (data[3:11], _A_PING, False)) if data[11:] == b"\x00\x40" else None


def _read_find_node(data: bytes) -> Request | None:
    """Then a target of 20 bytes, and which families are wanted."""
    if len(data) != 35 or data[11:14] != b"\x00\x40\x54" or data[34] > 3:
        return None
    body = _new(FindNode, (NodeID(int.from_bytes(data[14:34], "big")), _WANTS[data[34]]))
    return _new(Request, (data[3:11], body, False))


def _read_find_value(data: bytes) -> Request | None:
    """Then a key of 20 bytes, a kind below 24, neither version nor cursor, and what is wanted."""
    if len(data) != 38 or data[11:14] != b"\x00\x40\x54" or data[35:37] != b"\x40\x40":
        return None
    kind, want = data[34], data[37]
    if kind > 23 or want > 3:
        return None
    key = NodeID(int.from_bytes(data[14:34], "big"))
    return _new(Request, (data[3:11], _new(FindValue, (key, kind, b"", b"", _WANTS[want])), False))


_BY_START: Mapping[bytes, Callable[[bytes], Request | None]] = MappingProxyType(
    {
        b"\x84\x01\x48": _read_ping,
        b"\x86\x02\x48": _read_find_node,
        b"\x89\x03\x48": _read_find_value,
    }
)
"""The head of the array, the method, the head of the transaction ID; then the reader."""


# --- Replies ---------------------------------------------------------------------------------


class ReplyWriter:
    """Writes whole replies, with nothing left out."""

    def __init__(self) -> None:
        self._observed = lru_cache(RECENT_ASKERS)(_observed)
        self._by_hand: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {
            Pong: (_start(8, Method.PING), lru_cache(1)(_pong)),
            Nodes: (_start(6, Method.FIND_NODE), _nodes),
            Records: (_start(9, Method.FIND_VALUE), _records),
        }

    def write(self, reply: Reply) -> bytes:
        """The reply's bytes."""
        transaction_id, body, token, observed = reply
        by_hand = self._by_hand.get(type(body))
        if by_hand is None:
            return dumps(reply_items(reply))
        start, write = by_hand
        # The heads of two byte strings of 8 bytes; the others write theirs themselves.
        shown = start, transaction_id, token, self._observed(observed), write(body)
        return b"%b\x48%b\x48%b%b%b" % shown


def _start(items: int, method: int) -> bytes:
    """The head of an array of so many items, and its first item: the method's number, negative."""
    return head(ARRAY, items) + head(NEGATIVE, method - 1)


def _observed(endpoint: Endpoint | None) -> bytes:
    return byte_string(pack_observed(endpoint))


def _pong(body: Pong) -> bytes:
    formats, features, unix_time, agent = body
    name = NULL if agent is None else dumps(clipped(agent, AGENT_BYTES))
    return byte_string(formats) + head(UNSIGNED, features) + head(UNSIGNED, unix_time) + name


def _nodes(body: Nodes) -> bytes:
    packed4, packed6 = pack_contacts(body.contacts)
    return byte_string(packed4) + byte_string(packed6)


def _records(body: Records) -> bytes:
    items, contacts, cursor, unchanged = body
    parts = [head(ARRAY, len(items))]
    for record, remaining in items:
        parts += _PAIR, byte_string(record), head(UNSIGNED, remaining)
    packed4, packed6 = pack_contacts(contacts)
    parts += byte_string(cursor), byte_string(packed4), byte_string(packed6)
    parts.append(TRUE if unchanged else FALSE)
    return b"".join(parts)
