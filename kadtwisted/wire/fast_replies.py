"""A fast path for the replies that an asker reads most, without the CBOR library.

NODES, RECORDS with one record or none, and STORED are read here if each item is of the type and in
the range that it must be; ``cbor_decode`` reads all other replies, and refuses what is not well
formed.  The results are the same as its own.  The only state is the endpoints at which others have
seen us lately, because most see us at the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from kadtwisted.constants import TOKEN_BYTES, TRANSACTION_ID_BYTES
from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Method, Nodes, Records, Reply, ReplyBody, Stored, StoredItem
from kadtwisted.wire.cbor_decode import new_tuple
from kadtwisted.wire.heads import (
    ARRAY,
    BYTES,
    FALSE,
    NEGATIVE,
    TRUE,
    head,
    read_string,
    read_unsigned,
)
from kadtwisted.wire.layout import CURSOR_BYTES, RECORD_BYTES
from kadtwisted.wire.packed import unpack_contacts, unpack_endpoint

RECENT_ENDPOINTS = 4
"""Endpoints at which we were seen that are unpacked once.  MAGIC: one, and what a NAT or a liar
makes of it; more would only be of use to a node that moves all the time."""

_TRANSACTION_ID = head(BYTES, TRANSACTION_ID_BYTES)
_TOKEN = head(BYTES, TOKEN_BYTES)[0]
_TOKEN_AT = 3 + TRANSACTION_ID_BYTES
_TOKEN_END = _TOKEN_AT + 1 + TOKEN_BYTES
_PAIR = head(ARRAY, 2)[0]
_NO_ITEMS, _ONE_ITEM = head(ARRAY, 0)[0], head(ARRAY, 1)[0]
_BOOLEANS = (FALSE[0], TRUE[0])


def _start(items: int, method: int) -> bytes:
    return head(ARRAY, items) + head(NEGATIVE, method - 1) + _TRANSACTION_ID


_NODES, _RECORDS, _STORED = (
    _start(6, Method.FIND_NODE),
    _start(9, Method.FIND_VALUE),
    _start(5, Method.STORE),
)


class ReplyReader:
    """Reads whole replies; ``unpack`` makes a contact of its 38 or 50 bytes."""

    def __init__(self, unpack: Callable[[bytes], Contact]) -> None:
        self._unpack = unpack
        self._endpoint = lru_cache(RECENT_ENDPOINTS)(_observed)

    def read(self, data: bytes) -> Reply | None:
        """The reply in ``data`` if it has the most common shape; else ``None``, whatever it is."""
        start = data[:3]
        try:
            if start == _NODES:
                read = self._nodes
            elif start == _RECORDS:
                read = self._records
            elif start == _STORED:
                read = self._stored
            else:
                return None
            if data[_TOKEN_AT] != _TOKEN:
                return None
            observed, at = read_string(data, _TOKEN_END)
            body, at = read(data, at)
            if at != len(data):
                return None
            seen = self._endpoint(observed)
        except (IndexError, MalformedDatagram):
            return None
        token = data[_TOKEN_AT + 1 : _TOKEN_END]
        return new_tuple(Reply, (data[3:_TOKEN_AT], body, token, seen))

    # Each reads the items from a position on, and says where they end; ``IndexError`` for another
    # shape.

    def _nodes(self, data: bytes, at: int) -> tuple[ReplyBody, int]:
        packed4, at = read_string(data, at)
        packed6, at = read_string(data, at)
        return new_tuple(Nodes, (unpack_contacts(packed4, packed6, self._unpack),)), at

    def _records(self, data: bytes, at: int) -> tuple[ReplyBody, int]:
        items: tuple[StoredItem, ...] = ()
        if data[at] == _ONE_ITEM and data[at + 1] == _PAIR:
            record, at = read_string(data, at + 2)
            remaining, at = read_unsigned(data, at)
            if not 0 < len(record) <= RECORD_BYTES:
                raise IndexError
            items = (new_tuple(StoredItem, (record, remaining)),)
        elif data[at] == _NO_ITEMS:
            at += 1
        else:
            raise IndexError
        cursor, at = read_string(data, at)
        packed4, at = read_string(data, at)
        packed6, at = read_string(data, at)
        if len(cursor) > CURSOR_BYTES or data[at] not in _BOOLEANS:
            raise IndexError
        contacts = unpack_contacts(packed4, packed6, self._unpack)
        return new_tuple(Records, (items, contacts, cursor, data[at] == TRUE[0])), at + 1

    def _stored(self, data: bytes, at: int) -> tuple[ReplyBody, int]:
        remaining, at = read_unsigned(data, at)
        return new_tuple(Stored, (remaining,)), at


def _observed(raw: bytes) -> Endpoint | None:
    return unpack_endpoint(raw, "observed")
