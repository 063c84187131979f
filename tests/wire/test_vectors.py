"""The published vectors of kad/1's messages, ``tests/vectors/messages.json``, in both directions.

Here a node ID is the first 20 bytes of its key, so that a reader can follow.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import id_from_hex
from kadtwisted.model.messages import (
    Changed,
    Error,
    FindNode,
    FindValue,
    Have,
    HaveEntry,
    Introduce,
    Introduced,
    Listen,
    Listening,
    Message,
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
    Request,
    Store,
    Stored,
    StoredItem,
    UnknownRequest,
    Want,
    Wanted,
)
from kadtwisted.testing.strategies import identify_by_prefix
from kadtwisted.wire.cbor import CBORSerializer

VECTORS = Path(__file__).parent.parent / "vectors" / "messages.json"
CODEC = CBORSerializer(identify_by_prefix)
Inputs = dict[str, Any]


def contact(inputs: Inputs) -> Contact:
    key = bytes.fromhex(inputs["key"])
    return Contact.at(identify_by_prefix(key), Endpoint(*inputs["endpoint"]), key)


def contacts(inputs: Inputs) -> tuple[Contact, ...]:
    return tuple(contact(each) for each in inputs["contacts"])


def entry(inputs: Inputs) -> HaveEntry:
    return HaveEntry(inputs["kind"], id_from_hex(inputs["key"]), bytes.fromhex(inputs["version"]))


def item(inputs: Inputs) -> StoredItem:
    return StoredItem(bytes.fromhex(inputs["record"]), inputs["remaining"])


BODIES: MappingProxyType[str, Callable[[Inputs], Any]] = MappingProxyType(
    {
        "Ping": lambda i: Ping(None if i["recipient"] is None else bytes.fromhex(i["recipient"])),
        "FindNode": lambda i: FindNode(id_from_hex(i["target"]), Want(i["want"])),
        "FindValue": lambda i: FindValue(
            id_from_hex(i["key"]),
            i["kind"],
            bytes.fromhex(i["known_version"]),
            bytes.fromhex(i["cursor"]),
            Want(i["want"]),
            i["alone"],
        ),
        "Store": lambda i: Store(bytes.fromhex(i["record"]), i["remaining"], i["cas"]),
        "Have": lambda i: Have(tuple(entry(each) for each in i["entries"])),
        "Listen": lambda i: Listen(
            id_from_hex(i["key"]), i["kind"], bytes.fromhex(i["known_version"]), i["seconds"]
        ),
        "Changed": lambda i: Changed(
            id_from_hex(i["key"]),
            i["kind"],
            bytes.fromhex(i["version"]),
            bytes.fromhex(i["record"]),
            i["remaining"],
        ),
        "Listening": lambda i: Listening(i["seconds"], bytes.fromhex(i["version"])),
        "Noted": lambda i: Noted(i["listening"]),
        "Probe": lambda i: Probe(i["after"]),
        "Probed": lambda i: Probed(bytes.fromhex(i["key"])),
        "Punch": lambda i: Punch(bytes.fromhex(i["key"]), i["kind"]),
        "Punched": lambda i: Punched(Endpoint(*i["endpoint"]), i["kind"]),
        "Introduce": lambda i: Introduce(
            bytes.fromhex(i["key"]), Endpoint(*i["endpoint"]), i["purpose"], i["kind"]
        ),
        "Introduced": lambda i: Introduced(i["kind"]),
        "UnknownRequest": lambda i: UnknownRequest(i["method"]),
        "Pong": lambda i: Pong(
            bytes.fromhex(i["formats"]),
            i["features"],
            i["unix_time"],
            i["agent"],
            bytes.fromhex(i["methods"]),
            bytes.fromhex(i["kinds"]),
            i["own"] and Endpoint(*i["own"]),
        ),
        "Nodes": lambda i: Nodes(contacts(i)),
        "Records": lambda i: Records(
            tuple(item(each) for each in i["items"]),
            contacts(i),
            bytes.fromhex(i["cursor"]),
            i["unchanged"],
        ),
        "Stored": lambda i: Stored(i["remaining"]),
        "Wanted": lambda i: Wanted(bytes.fromhex(i["bitmap"])),
        "Error": lambda i: Error(i["code"], i["text"], i["retry_after"], contacts(i)),
    }
)


def message(inputs: Inputs) -> Message:
    """The message that a vector's inputs describe."""
    body = BODIES[inputs["body"]](inputs)
    transaction_id = bytes.fromhex(inputs["transaction_id"])
    if "token" not in inputs:
        return Request(transaction_id, body, inputs["read_only"], inputs["time"])
    observed = inputs["observed"] and Endpoint(*inputs["observed"])
    return Reply(transaction_id, body, bytes.fromhex(inputs["token"]), observed)


def encoded(vector: Inputs) -> bytes:
    told = message(vector["inputs"])
    if isinstance(told, Request):
        return CODEC.encode_request(told, vector["inputs"]["length"])
    return CODEC.encode_reply(told, vector["inputs"]["limit"])


class VectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.vectors = json.loads(VECTORS.read_text("utf-8"))

    def test_messages_decode(self) -> None:
        for vector in self.vectors["messages"] + self.vectors["from_newer_programs"]:
            decoded = CODEC.decode(bytes.fromhex(vector["encoded"]))
            self.assertEqual(decoded, message(vector["inputs"]), vector["name"])

    def test_messages_encode(self) -> None:
        for vector in self.vectors["messages"]:
            self.assertEqual(encoded(vector).hex(), vector["encoded"], vector["name"])

    def test_malformed_ones_are_refused_for_their_reason(self) -> None:
        for vector in self.vectors["malformed"]:
            with self.assertRaises(MalformedDatagram) as caught:
                CODEC.decode(bytes.fromhex(vector["encoded"]))
            self.assertEqual(caught.exception.reason, vector["reason"], vector["name"])

    def test_every_kind_of_message_has_a_vector(self) -> None:
        told = {vector["inputs"]["body"] for vector in self.vectors["messages"]}
        self.assertEqual(told, set(BODIES))

    def test_names_are_unique_and_described(self) -> None:
        every = [each for vectors in self.vectors.values() if vectors for each in vectors]
        every = [each for each in every if isinstance(each, dict)]
        self.assertEqual(len({each["name"] for each in every}), len(every))
        self.assertTrue(all(each["description"] for each in every))
