"""CBOR to messages, in the layout of ``layout``.

After the strict scan every item is an integer, a byte string, text, a boolean, ``null`` or an
array.  Here the type and range of each are checked.  It raises :class:`MalformedDatagram` and
nothing else; the reason is the name of the item at fault.  It never judges content: a record is any
bytes, a contact any address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cbor2 import loads

from kadtwisted.constants import TOKEN_BYTES, TRANSACTION_ID_BYTES
from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import KEY_BYTES, Contact, Endpoint
from kadtwisted.model.ids import ID_BYTES, NodeID
from kadtwisted.model.messages import (
    Changed,
    Error,
    FindNode,
    FindValue,
    Have,
    Introduce,
    Introduced,
    Listen,
    Listening,
    Message,
    Method,
    Nodes,
    Noted,
    Ping,
    Pong,
    Probe,
    Probed,
    Punch,
    Punched,
    Records,
    Reply,
    ReplyBody,
    Request,
    RequestBody,
    Store,
    Stored,
    StoredItem,
    UnknownRequest,
    Want,
    Wanted,
)
from kadtwisted.wire.layout import (
    AGENT_BYTES,
    BITMAP_BYTES,
    CAS_BOUND,
    CURSOR_BYTES,
    FEATURES_BOUND,
    HEADER_ITEMS,
    METHOD_BOUND,
    NUMBERS_BYTES,
    READ_ONLY,
    RECORD_BYTES,
    RECORDS_LIMIT,
    REMAINING_BOUND,
    RETRY_AFTER_BOUND,
    TEXT_BYTES,
    TIME_BYTES,
    UNIX_TIME_BOUND,
    VERSION_BYTES,
)
from kadtwisted.wire.packed import (
    unpack_contact,
    unpack_contacts,
    unpack_endpoint,
    unpack_entries,
)
from kadtwisted.wire.strict_scan import scan

Items = list[Any]
Unpack = Callable[[bytes], Contact]

WANTS = tuple(Want(number) for number in range(4))
PING = Ping()

id_of: Callable[[bytes], NodeID] = int.from_bytes  # type: ignore[assignment]
"""The ID in 20 bytes, without the call of ``NodeID``, which does nothing."""

new_tuple = tuple.__new__
"""Makes a named tuple as its constructor does, but without the call of a Python function."""


def decode(data: bytes, identify: Callable[[bytes], NodeID]) -> Message:
    """The one message in ``data``; ``identify`` turns a contact's public key into its node ID."""
    return decode_with(data, lambda packed: unpack_contact(packed, identify))


def decode_with(data: bytes, unpack: Unpack) -> Message:
    """The same; ``unpack`` makes a contact of its 38 or 50 bytes."""
    scan(data)
    items: Items = loads(data)
    if len(items) < HEADER_ITEMS:
        raise MalformedDatagram("missing-items")
    number, transaction_id = items[0], items[1]
    if type(transaction_id) is not bytes or len(transaction_id) != TRANSACTION_ID_BYTES:
        raise MalformedDatagram("transaction-id")
    if type(number) is not int:
        raise MalformedDatagram("method")
    return _request(items) if number > 0 else _reply(items, unpack)


# --- Requests --------------------------------------------------------------------------------


def _request(items: Items) -> Request:
    method, transaction_id, flags, padding = items[:HEADER_ITEMS]
    time = None
    if type(flags) is not int or flags < 0:
        raise MalformedDatagram("flags")
    if type(padding) is not bytes:
        raise MalformedDatagram("padding")
    if len(padding) >= TIME_BYTES:
        time = int.from_bytes(padding[:TIME_BYTES], "big")
    body: RequestBody
    known = _REQUESTS.get(method)
    if known is None:
        body = UnknownRequest(_uint(method, METHOD_BOUND, "method"))
    else:
        length, read = known
        if len(items) < length:
            raise MalformedDatagram("missing-items")
        body = read(items)
    return new_tuple(Request, (transaction_id, body, flags & READ_ONLY == READ_ONLY, time))


def _ping(items: Items) -> Ping:
    """The recipient, if one is named; only a HELLO has to name it, so nothing is malformed."""
    recipient = items[4] if len(items) > 4 else None
    if type(recipient) is bytes and len(recipient) in (0, KEY_BYTES):
        return Ping(recipient)
    return PING


def _find_node(items: Items) -> FindNode:
    return new_tuple(FindNode, (_id(items[4], "target"), _want(items[5])))


def _find_value(items: Items) -> FindValue:
    key, kind, known_version, cursor, want = items[4:9]
    if type(known_version) is not bytes or len(known_version) not in (0, VERSION_BYTES):
        raise MalformedDatagram("known-version")
    found = (
        _id(key, "key"),
        _uint(kind, METHOD_BOUND, "kind"),
        known_version,
        _bytes(cursor, 0, CURSOR_BYTES, "cursor"),
        _want(want),
        _flag(items[9], "alone") if len(items) > 9 else False,
    )
    return new_tuple(FindValue, found)


def _store(items: Items) -> Store:
    record, remaining, cas = items[4:7]
    return Store(
        _bytes(record, 1, RECORD_BYTES, "record"),
        _uint(remaining, REMAINING_BOUND, "remaining"),
        None if cas is None else _uint(cas, CAS_BOUND, "cas"),
    )


def _have(items: Items) -> Have:
    return Have(unpack_entries(items[4]))


def _listen(items: Items) -> Listen:
    key, kind, known_version, seconds = items[4:8]
    return Listen(
        _id(key, "key"),
        _uint(kind, METHOD_BOUND, "kind"),
        _version(known_version, "known-version"),
        _uint(seconds, REMAINING_BOUND, "seconds"),
    )


def _changed(items: Items) -> Changed:
    key, kind, version, record, remaining = items[4:9]
    return Changed(
        _id(key, "key"),
        _uint(kind, METHOD_BOUND, "kind"),
        _version(version, "version"),
        _bytes(record, 0, RECORD_BYTES, "record"),
        _uint(remaining, REMAINING_BOUND, "remaining"),
    )


def _probe(items: Items) -> Probe:
    return Probe(_uint(items[4], REMAINING_BOUND, "after"))


def _punch(items: Items) -> Punch:
    return Punch(_key(items[4]), _uint(items[5], METHOD_BOUND, "nat"))


def _introduce(items: Items) -> Introduce:
    key, endpoint, purpose, kind = items[4:8]
    return Introduce(
        _key(key),
        _endpoint(endpoint),
        _uint(purpose, METHOD_BOUND, "purpose"),
        _uint(kind, METHOD_BOUND, "nat"),
    )


_REQUESTS: Mapping[int, tuple[int, Callable[[Items], RequestBody]]] = MappingProxyType(
    {
        int(Method.PING): (4, _ping),
        int(Method.FIND_NODE): (6, _find_node),
        int(Method.FIND_VALUE): (9, _find_value),
        int(Method.STORE): (7, _store),
        int(Method.HAVE): (5, _have),
        int(Method.LISTEN): (8, _listen),
        int(Method.CHANGED): (9, _changed),
        int(Method.PROBE): (5, _probe),
        int(Method.PUNCH): (6, _punch),
        int(Method.INTRODUCE): (8, _introduce),
    }
)
"""For each method: the number of known items in its array, and its reader."""


# --- Replies ---------------------------------------------------------------------------------


def _reply(items: Items, unpack: Unpack) -> Reply:
    number, transaction_id, token, observed = items[:HEADER_ITEMS]
    if type(token) is not bytes or len(token) != TOKEN_BYTES:
        raise MalformedDatagram("token")
    known = _REPLIES.get(-number)
    if known is None:
        raise MalformedDatagram("unknown-reply")
    length, read = known
    if len(items) < length:
        raise MalformedDatagram("missing-items")
    return Reply(transaction_id, read(items, unpack), token, unpack_endpoint(observed, "observed"))


def _pong(items: Items, unpack: Unpack) -> Pong:
    formats, features, unix_time, agent = items[4:8]
    if type(formats) is not bytes:
        raise MalformedDatagram("formats")
    return Pong(
        formats,
        _uint(features, FEATURES_BOUND, "features"),
        _uint(unix_time, UNIX_TIME_BOUND, "unix-time"),
        None if agent is None else _text(agent, AGENT_BYTES, "agent"),
        _bytes(items[8], 0, NUMBERS_BYTES, "methods") if len(items) > 8 else b"",
        _bytes(items[9], 0, NUMBERS_BYTES, "kinds") if len(items) > 9 else b"",
        unpack_endpoint(items[10], "own") if len(items) > 10 else None,
    )


def _nodes(items: Items, unpack: Unpack) -> Nodes:
    return Nodes(unpack_contacts(items[4], items[5], unpack))


def _records(items: Items, unpack: Unpack) -> Records:
    pairs, cursor, packed4, packed6, unchanged = items[4:9]
    if type(pairs) is not list or len(pairs) > RECORDS_LIMIT:
        raise MalformedDatagram("records")
    return Records(
        tuple([_stored_item(pair) for pair in pairs]),
        unpack_contacts(packed4, packed6, unpack),
        _bytes(cursor, 0, CURSOR_BYTES, "cursor"),
        _flag(unchanged, "unchanged"),
    )


def _stored_item(pair: object) -> StoredItem:
    if type(pair) is not list or len(pair) < 2:
        raise MalformedDatagram("records")
    return StoredItem(
        _bytes(pair[0], 1, RECORD_BYTES, "record"),
        _uint(pair[1], REMAINING_BOUND, "remaining"),
    )


def _stored(items: Items, unpack: Unpack) -> Stored:
    return Stored(_uint(items[4], REMAINING_BOUND, "remaining"))


def _wanted(items: Items, unpack: Unpack) -> Wanted:
    return Wanted(_bytes(items[4], 0, BITMAP_BYTES, "bitmap"))


def _listening(items: Items, unpack: Unpack) -> Listening:
    return Listening(_uint(items[4], REMAINING_BOUND, "seconds"), _version(items[5], "version"))


def _noted(items: Items, unpack: Unpack) -> Noted:
    return Noted(_flag(items[4], "listening"))


def _probed(items: Items, unpack: Unpack) -> Probed:
    return Probed(_key(items[4]))


def _punched(items: Items, unpack: Unpack) -> Punched:
    return Punched(_endpoint(items[4]), _uint(items[5], METHOD_BOUND, "nat"))


def _introduced(items: Items, unpack: Unpack) -> Introduced:
    return Introduced(_uint(items[4], METHOD_BOUND, "nat"))


def _error(items: Items, unpack: Unpack) -> Error:
    return Error(
        _uint(items[4], METHOD_BOUND, "code"),
        _text(items[5], TEXT_BYTES, "text"),
        _uint(items[6], RETRY_AFTER_BOUND, "retry-after"),
        unpack_contacts(
            items[7] if len(items) > 7 else b"", items[8] if len(items) > 8 else b"", unpack
        ),
    )


_REPLIES: Mapping[int, tuple[int, Callable[[Items, Unpack], ReplyBody]]] = MappingProxyType(
    {
        0: (7, _error),
        int(Method.PING): (8, _pong),
        int(Method.FIND_NODE): (6, _nodes),
        int(Method.FIND_VALUE): (9, _records),
        int(Method.STORE): (5, _stored),
        int(Method.HAVE): (5, _wanted),
        int(Method.LISTEN): (6, _listening),
        int(Method.CHANGED): (5, _noted),
        int(Method.PROBE): (5, _probed),
        int(Method.PUNCH): (6, _punched),
        int(Method.INTRODUCE): (5, _introduced),
    }
)


# --- Items: each raises MalformedDatagram(reason) --------------------------------------------
# ``type(...) is``, not ``isinstance``: to Python a boolean is an integer, on the wire it is not.


def _uint(item: object, bound: int, reason: str) -> int:
    if type(item) is not int or not 0 <= item < bound:
        raise MalformedDatagram(reason)
    return item


def _flag(item: object, reason: str) -> bool:
    if type(item) is not bool:
        raise MalformedDatagram(reason)
    return item


def _bytes(item: object, least: int, most: int, reason: str) -> bytes:
    if type(item) is not bytes or not least <= len(item) <= most:
        raise MalformedDatagram(reason)
    return item


def _text(item: object, most: int, reason: str) -> str:
    if type(item) is not str or len(item.encode()) > most:
        raise MalformedDatagram(reason)
    return item


def _version(item: object, reason: str) -> bytes:
    if type(item) is not bytes or len(item) not in (0, VERSION_BYTES):
        raise MalformedDatagram(reason)
    return item


def _key(item: object) -> bytes:
    return _bytes(item, KEY_BYTES, KEY_BYTES, "public-key")


def _endpoint(item: object) -> Endpoint:
    endpoint = unpack_endpoint(item, "endpoint")
    if endpoint is None:
        raise MalformedDatagram("endpoint")
    return endpoint


def _id(item: object, reason: str) -> NodeID:
    if type(item) is not bytes or len(item) != ID_BYTES:
        raise MalformedDatagram(reason)
    return id_of(item)


def _want(item: object) -> Want:
    if type(item) is not int or not 0 <= item < len(WANTS):
        raise MalformedDatagram("want")
    return WANTS[item]
