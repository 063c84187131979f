"""A dialect that nobody speaks but tests: JSON in the clear, as unlike the native one as can be.

IDs are proven by no keys: nodes are known by their 20-byte IDs alone.  A transaction ID has 4
bytes, a datagram up to 8,192.  There are no tokens: whoever asks is believed to be where it says.
There is no HAVE.  A query that this network does not know is answered with an empty list of nodes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zope.interface import implementer

from kadtwisted.dialects.dialect import Dialect
from kadtwisted.dialects.door import Drop, Event, Exchange, IDoor, Matched, Received
from kadtwisted.errors import InvalidAddress, MalformedDatagram
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint, parse_address
from kadtwisted.model.ids import id_from_bytes, id_from_hex, id_to_bytes, id_to_hex
from kadtwisted.model.messages import (
    Error,
    FindNode,
    FindValue,
    Nodes,
    Ping,
    Pong,
    Records,
    Reply,
    ReplyBody,
    RequestBody,
    Store,
    Stored,
    StoredItem,
    UnknownRequest,
)
from kadtwisted.parameters import NodeSettings
from kadtwisted.records.kinds import NATIVE_KINDS
from kadtwisted.rpc.endpoints import Endpoints, Patience
from kadtwisted.rpc.transactions import Asked, Transactions

ID_BYTES = 4
LIMIT = 8192
"""Bytes of a datagram: hexadecimal JSON needs more room than CBOR."""


@dataclass(frozen=True, slots=True)
class Plaintalk(Dialect):
    """The parts of this network's protocol, for one node."""

    settings: NodeSettings
    random: Callable[[int], bytes]

    def doors(self, count: int, unix_time: Callable[[], float]) -> Sequence[IDoor]:
        return [PlaintalkDoor(self) for _ in range(count)]


def plaintalk(
    key: NodeKey, settings: NodeSettings, secure_random: Callable[[int], bytes]
) -> Plaintalk:
    """The dialect of one node."""
    return Plaintalk(
        name="plaintalk",
        public_key=id_to_bytes(key.node_id),
        identify=id_from_bytes,
        kinds=NATIVE_KINDS,
        parameters=settings.parameters,
        datagram_limit=LIMIT,
        formats=b"",
        messages=frozenset((Ping, FindNode, FindValue, Store)),
        proven_only=frozenset(),
        answer_unknown=lambda _: Nodes(()),
        settings=settings,
        random=secure_random,
    )


@implementer(IDoor)
class PlaintalkDoor:
    """The door of one port: what is sent says in the clear who sends it."""

    def __init__(self, dialect: Plaintalk) -> None:
        self._own = dialect.public_key.hex()
        self._random = dialect.random
        self.read_only = dialect.settings.read_only
        self.transactions: Transactions[Exchange] = Transactions(64)
        self.endpoints = Endpoints(dialect.settings.timeouts, 256)

    def receive(self, datagram: bytes, endpoint: Endpoint, now: float) -> Event:
        try:
            said = json.loads(datagram)
            key, transaction_id = bytes.fromhex(said["from"]), bytes.fromhex(said["id"])
            if "asks" in said:
                body = read_request(said["asks"], said["with"])
                guest = said["guest"]
                return Received(body, endpoint, key, transaction_id, guest, True, not guest)
            reply = read_reply(said["says"], said["with"])
        except (ValueError, KeyError, TypeError, InvalidAddress):
            return Drop("no-plaintalk")
        transaction = self.transactions.match(endpoint, key, transaction_id)
        if transaction is None:
            return Drop("unmatched-reply")
        return Matched(transaction, Reply(transaction_id, reply), key)

    def reply(self, received: Received, body: ReplyBody) -> bytes:
        word, content = written_reply(body)
        said = {"says": word, "with": content}
        return self._said(said, received.transaction_id)

    def request(self, exchange: Exchange, patience: Patience, now: float) -> bytes:
        contact = exchange.contact
        exchange.transaction = self.transactions.begin(
            self._random(ID_BYTES),
            Asked(contact.endpoint, contact.key, exchange.pinned),
            exchange,
            now,
            patience,
        )
        return self._asked(exchange)

    def again(self, exchange: Exchange, now: float) -> bytes:
        assert exchange.transaction is not None
        self.transactions.resent(exchange.transaction, now)
        return self._asked(exchange)

    def renews(self, exchange: Exchange, error: Error) -> bool:
        return False

    def _asked(self, exchange: Exchange) -> bytes:
        assert exchange.transaction is not None
        word, content = written_request(exchange.body)
        said = {"asks": word, "with": content, "guest": self.read_only}
        return self._said(said, exchange.transaction.transaction_id)

    def _said(self, said: dict[str, Any], transaction_id: bytes) -> bytes:
        data = json.dumps({**said, "from": self._own, "id": transaction_id.hex()}).encode()
        if len(data) > LIMIT:
            raise MalformedDatagram("reply-too-long")
        return data


def written_request(body: RequestBody) -> tuple[str, Any]:
    match body:
        case FindNode():
            return "who is near", id_to_hex(body.target)
        case FindValue():
            known = body.known_version.hex()
            return "what is under", [id_to_hex(body.key), body.kind, known]
        case Store():
            return "keep", [body.record.hex(), body.remaining]
        case UnknownRequest():
            return f"method {body.method}", None
    return "are you there", None


def read_request(word: str, content: Any) -> RequestBody:
    match word, content:
        case "are you there", None:
            return Ping()
        case "who is near", target:
            return FindNode(id_from_hex(target))
        case "what is under", [key, kind, known]:
            return FindValue(id_from_hex(key), kind, bytes.fromhex(known))
        case "keep", [record, remaining]:
            return Store(bytes.fromhex(record), remaining)
    return UnknownRequest(0)


def written_reply(body: ReplyBody) -> tuple[str, Any]:
    match body:
        case Pong():
            return "here", body.unix_time
        case Nodes():
            return "near are", [written_contact(each) for each in body.contacts]
        case Records():
            items = [[item.record.hex(), item.remaining] for item in body.items]
            near = [written_contact(each) for each in body.contacts]
            return "under it are", [items, near, body.unchanged]
        case Stored():
            return "kept for", body.remaining
        case Error():
            return "no", [body.code, body.text]
    raise MalformedDatagram("not-plaintalk")


def read_reply(word: str, content: Any) -> ReplyBody:
    match word, content:
        case "here", unix_time:
            return Pong(b"", 0, unix_time)
        case "near are", near:
            return Nodes(tuple(map(read_contact, near)))
        case "under it are", [items, near, unchanged]:
            found = (StoredItem(bytes.fromhex(record), left) for record, left in items)
            return Records(tuple(found), tuple(map(read_contact, near)), b"", unchanged)
        case "kept for", remaining:
            return Stored(remaining)
        case "no", [code, text]:
            return Error(code, text)
    raise ValueError(word)


def written_contact(contact: Contact) -> str:
    return f"{contact.key.hex()} {contact.endpoint}"


def read_contact(text: str) -> Contact:
    key, _, where = text.partition(" ")
    address = parse_address(where)
    node_id = id_from_hex(key)
    return Contact.at(node_id, Endpoint(address.host, address.port), bytes.fromhex(key))
