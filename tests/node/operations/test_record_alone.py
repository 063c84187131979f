"""A search that ends with the first record asks for it alone, and goes on if it does not count."""

from __future__ import annotations

from typing import Any

from cbor2 import dumps, loads

from kadtwisted.model import bencode
from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Nodes,
    Records,
    Request,
    Store,
    Stored,
    StoredItem,
)
from kadtwisted.model.record import Kind, Value
from kadtwisted.records.value import encode
from kadtwisted.records.version import version_of
from kadtwisted.testing.nodes import EPOCH
from tests.node.port.test_protocol import DoorCase
from tests.node.port.test_replies import PONG
from tests.node.stranger import Stranger

KEY = key_of_name("name")
RECORD = encode(Value(KEY, int(EPOCH * 1e6), False, bencode.encode(b"value")))
ELSEWHERE = encode(Value(key_of_name("other"), int(EPOCH * 1e6), False, bencode.encode(b"lie")))


class AloneCase(DoorCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = Stranger(self.network.host("192.0.2.10"), 10)
        self.outcome: list[Any] = []
        self.node.ping(self.stranger.contact)
        self.clock.advance(0.02)
        self.answer(self.stranger, PONG)

    def get(self, mode: str) -> None:
        self.node.get("name", mode=mode).addBoth(self.outcome.append)
        self.clock.advance(0.02)

    def answer(self, holder: Stranger, body: Any) -> Any:
        """Answer the one request that has come to a holder; what it asked."""
        ((request, key, addr),) = holder.requests
        holder.requests.clear()
        holder.answer(request, key, addr, body)
        self.clock.advance(0.02)
        return request.body

    def found(self) -> bytes:
        (outcome,) = self.outcome
        return outcome.value


class AskingTests(AloneCase):
    def test_the_first_record_is_asked_for_alone_and_is_the_end(self) -> None:
        self.get("first")
        asked = self.answer(self.stranger, Records((StoredItem(RECORD, 60),), ()))
        self.assertEqual(asked, FindValue(KEY, Kind.VALUE, alone=True))
        self.assertEqual(self.found(), b"value")
        self.assertEqual((self.stranger.requests, self.other.requests), ([], []))

    def test_an_older_node_sends_contacts_with_it(self) -> None:
        self.get("first")
        contacts = (self.other.contact,)
        self.answer(self.stranger, Records((StoredItem(RECORD, 60),), contacts))
        self.assertEqual(self.found(), b"value")
        self.assertEqual(self.other.requests, [])

    def test_after_a_record_that_does_not_count_contacts_are_asked_for(self) -> None:
        self.get("first")
        self.answer(self.stranger, Records((StoredItem(ELSEWHERE, 60),), ()))
        self.assertEqual(self.outcome, [])
        asked = self.answer(self.stranger, Nodes((self.other.contact,)))
        self.assertEqual(asked, FindNode(KEY))
        asked = self.answer(self.other, Records((StoredItem(RECORD, 60),), ()))
        self.assertEqual(asked, FindValue(KEY, Kind.VALUE, alone=True))
        self.assertEqual(self.found(), b"value")

    def test_the_latest_record_is_wanted_with_contacts(self) -> None:
        self.get("latest")
        asked = self.answer(
            self.stranger, Records((StoredItem(RECORD, 60),), (self.other.contact,))
        )
        self.assertFalse(asked.alone)
        asked = self.answer(self.other, Records((), (), b"", True))
        self.assertFalse(asked.alone)
        self.assertEqual(self.found(), b"value")


class BytesTests(AloneCase):
    """With bytes made by hand: what an older node asks, and what it reads of ours."""

    OLDER = (3, bytes(8), 0, b"", id_to_bytes(KEY), 1, b"", b"", 0)
    """A FIND_VALUE as nodes sent it before there was item 9."""

    def setUp(self) -> None:
        super().setUp()
        self.token = self.stranger.token_of(self.node)
        self.stranger.ask(self.node, Store(RECORD, 60), token=self.token)
        self.clock.advance(0.02)
        self.assertEqual(self.stranger.replies.pop().body, Stored(60))

    def asked(self, *items: object) -> Records:
        self.stranger.send(self.stranger.seal_bytes(self.node, dumps(items), self.token), self.node)
        self.clock.advance(0.02)
        return self.stranger.replies.pop().body

    def test_who_does_not_ask_so_gets_contacts_too(self) -> None:
        known = (self.stranger.contact,)
        for items in (self.OLDER, (*self.OLDER, False), (*self.OLDER, False, "new")):
            self.assertEqual(self.asked(*items), Records((StoredItem(RECORD, 59),), known))

    def test_who_asks_so_gets_none(self) -> None:
        for items in ((*self.OLDER, True), (*self.OLDER, True, "new")):
            self.assertEqual(self.asked(*items), Records((StoredItem(RECORD, 59),), ()))

    def test_where_no_record_is_sent_contacts_are(self) -> None:
        known = (self.stranger.contact,)
        missing = [*self.OLDER, True]
        missing[4] = bytes(20)
        self.assertEqual(self.asked(*missing), Records((), known))
        unchanged = [*self.OLDER, True]
        unchanged[6] = version_of(RECORD)
        self.assertEqual(self.asked(*unchanged), Records((), known, b"", True))

    def test_an_older_node_finds_all_that_it_reads(self) -> None:
        request = Request(bytes(8), FindValue(KEY, Kind.VALUE, alone=True))
        items = loads(self.stranger.dialect.serializer.encode_request(request))
        self.assertEqual(items, [*self.OLDER, True])
