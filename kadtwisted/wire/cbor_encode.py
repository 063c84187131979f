"""Messages to CBOR, in the layout of ``layout``.

It decides how much padding a request gets, and what a reply leaves out to fit.  It trusts its
caller that the values of a message are within the bounds of ``layout``.  Only texts are cut here,
because people write them.
"""

from __future__ import annotations

from typing import Any

from cbor2 import dumps

from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import KEY_BYTES, Contact
from kadtwisted.model.ids import id_to_bytes
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
)
from kadtwisted.wire.layout import AGENT_BYTES, PADDING, READ_ONLY, TEXT_BYTES, TIME_BYTES
from kadtwisted.wire.packed import pack_contacts, pack_endpoint, pack_entries, split_families

# Plain integers: the CBOR library is slower with members of an enumeration.
_PING, _FIND_NODE, _FIND_VALUE, _STORE, _HAVE = (int(method) for method in list(Method)[:5])
_LISTEN, _CHANGED = int(Method.LISTEN), int(Method.CHANGED)
_PROBE, _PUNCH, _INTRODUCE = int(Method.PROBE), int(Method.PUNCH), int(Method.INTRODUCE)

_SHRINKING_HEADS = 4
"""Bytes by which the heads of two byte strings may shrink when contacts are left out."""


def encode_request(request: Request, length: int = 0) -> bytes:
    """The request's bytes, padded to ``length`` bytes if it is shorter.

    It has one byte more where the exact length is impossible: the padding would have 24 or 257
    bytes with its head, and a head of one byte more takes its place.
    """
    items = request_items(request)
    data = dumps(items)
    clock: bytes = items[PADDING]
    missing = length + len(clock) - len(data)
    if missing > len(clock):
        items[PADDING] = clock.ljust(_padding(missing), b"\0")
        data = dumps(items)
    return data


def _padding(missing: int) -> int:
    """How many zeros make a request at least ``missing`` bytes longer, with their head."""
    if missing < 24:
        return missing
    return max(24, missing - 1) if missing < 257 else max(256, missing - 2)


def request_items(request: Request) -> list[Any]:
    """The items of the request's array; its padding is the clock alone, if it has one."""
    transaction_id, body, read_only, time = request
    method, arguments = _request_body(body)
    clock = b"" if time is None else time.to_bytes(TIME_BYTES, "big")
    return [method, transaction_id, READ_ONLY if read_only else 0, clock, *arguments]


def _request_body(body: RequestBody) -> tuple[int, tuple[object, ...]]:
    if isinstance(body, FindNode):
        return _FIND_NODE, (id_to_bytes(body.target), int(body.want))
    if isinstance(body, Ping):
        return _PING, () if body.recipient is None else body
    if isinstance(body, FindValue):
        key, kind, known_version, cursor, want, alone = body
        asked = id_to_bytes(key), kind, known_version, cursor, int(want)
        return _FIND_VALUE, (*asked, True) if alone else asked
    if isinstance(body, Store):
        return _STORE, body
    if isinstance(body, Have):
        return _HAVE, (pack_entries(body.entries),)
    if isinstance(body, Listen | Changed):
        number = _LISTEN if isinstance(body, Listen) else _CHANGED
        return number, (id_to_bytes(body.key), *body[1:])
    if isinstance(body, Probe):
        return _PROBE, body
    if isinstance(body, Punch):
        return _PUNCH, body
    if isinstance(body, Introduce):
        return _INTRODUCE, (body.key, pack_endpoint(body.endpoint), body.purpose, body.kind)
    return int(body.method), ()


def encode_reply(reply: Reply, limit: int) -> bytes:
    """The reply's bytes, at most ``limit``.

    A reply that is too long loses contacts from the end of the longer family (IPv6 if they are
    equal), so that the closest stay; then an error loses the end of its text, and PONG its agent,
    then its own endpoint.
    Fails with :class:`MalformedDatagram` (``reply-too-long``) if that is not enough.
    """
    data = dumps(reply_items(reply))
    while len(data) > limit:
        reply = reply._replace(body=_shorter(reply.body, len(data) - limit))
        data = dumps(reply_items(reply))
    return data


def reply_items(reply: Reply) -> list[object]:
    """The items of a reply's array, with nothing left out."""
    transaction_id, body, token, observed = reply
    number, items = _reply_body(body)
    return [number, transaction_id, token, pack_endpoint(observed), *items]


def _reply_body(body: ReplyBody) -> tuple[int, tuple[object, ...]]:
    if isinstance(body, Nodes):
        return -_FIND_NODE, pack_contacts(body.contacts)
    if isinstance(body, Pong):
        formats, features, unix_time, agent, methods, kinds, own = body
        name = None if agent is None else clipped(agent, AGENT_BYTES)
        return -_PING, (formats, features, unix_time, name, methods, kinds, pack_endpoint(own))
    if isinstance(body, Records):
        packed4, packed6 = pack_contacts(body.contacts)
        return -_FIND_VALUE, (body.items, body.cursor, packed4, packed6, body.unchanged)
    if isinstance(body, Stored):
        return -_STORE, body
    if isinstance(body, Error):
        told = (int(body.code), clipped(body.text, TEXT_BYTES), body.retry_after)
        return 0, (*told, *pack_contacts(body.contacts)) if body.contacts else told
    if isinstance(body, Listening):
        return -_LISTEN, body
    if isinstance(body, Noted):
        return -_CHANGED, body
    if isinstance(body, Probed):
        return -_PROBE, body
    if isinstance(body, Punched):
        return -_PUNCH, (pack_endpoint(body.endpoint), body.kind)
    if isinstance(body, Introduced):
        return -_INTRODUCE, body
    return -_HAVE, body


def _shorter(body: ReplyBody, excess: int) -> ReplyBody:
    """The body without what is left out first; call it again until the reply fits."""
    if isinstance(body, (Nodes, Records)) or (isinstance(body, Error) and body.contacts):
        return body._replace(contacts=_without_farthest(body.contacts, excess))
    if isinstance(body, Error) and body.text:
        kept = len(clipped(body.text, TEXT_BYTES).encode()) - excess
        return body._replace(text=clipped(body.text, max(0, kept)))
    if isinstance(body, Pong) and body.agent is not None:
        return body._replace(agent=None)
    if isinstance(body, Pong) and body.own is not None:
        return body._replace(own=None)
    raise MalformedDatagram("reply-too-long")


def _without_farthest(contacts: tuple[Contact, ...], excess: int) -> tuple[Contact, ...]:
    """Leave out at least one contact, and no more than ``excess`` bytes need.

    ``reply-too-long`` if there is none.
    """
    four, six = split_families(contacts)
    freed = 0
    while freed == 0 or freed + _SHRINKING_HEADS < excess:
        longer = four if len(four) > len(six) else six
        if not longer and freed:
            break
        if not longer:
            raise MalformedDatagram("reply-too-long")
        freed += KEY_BYTES + len(longer.pop().compact)
    return (*four, *six)


def clipped(text: str, limit: int) -> str:
    """The text in at most ``limit`` bytes of UTF-8, cut between characters."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
