"""Padding, and what a reply leaves out to fit."""

from __future__ import annotations

from cbor2 import loads
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    Error,
    FindNode,
    Nodes,
    Ping,
    Pong,
    Records,
    Reply,
    Request,
    Stored,
    StoredItem,
    Want,
)
from kadtwisted.testing.strategies import (
    contact_lists,
    contacts,
    endpoints_v4,
    endpoints_v6,
    identify_by_prefix,
    replies,
    requests,
)
from kadtwisted.wire.cbor_decode import decode
from kadtwisted.wire.cbor_encode import encode_reply, encode_request

TID = b"transact"
TOKEN = b"tokentok"
NO_LIMIT = 1 << 16
UNPADDED_PING = 13


def families(listed: tuple[Contact, ...]) -> tuple[list[Contact], list[Contact]]:
    four = [each for each in listed if ":" not in each.endpoint.host]
    return four, [each for each in listed if ":" in each.endpoint.host]


def cut_one_by_one(reply: Reply, limit: int) -> tuple[Contact, ...]:
    """The slow and obvious way to make a reply fit: the oracle."""
    four, six = families(reply.body.contacts)
    while True:
        kept = (*four, *six)
        shorter = reply._replace(body=reply.body._replace(contacts=kept))
        if len(encode_reply(shorter, NO_LIMIT)) <= limit:
            return kept
        longer = four if len(four) > len(six) else six
        longer.pop()


class PaddingTests(SynchronousTestCase):
    def test_every_length_of_a_ping(self) -> None:
        request = Request(TID, Ping())
        self.assertEqual(len(encode_request(request)), UNPADDED_PING)
        for length in range(DATAGRAM_LIMIT):
            padded = encode_request(request, length)
            impossible = length - UNPADDED_PING in (24, 257)
            expected = max(UNPADDED_PING, length) + impossible
            self.assertEqual(len(padded), expected, length)
            self.assertEqual(decode(padded, identify_by_prefix)._replace(time=None), request)

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(requests(), st.integers(0, DATAGRAM_LIMIT))
    def test_padding_changes_nothing_but_a_missing_clock(
        self, request: Request, length: int
    ) -> None:
        plain, padded = encode_request(request), encode_request(request, length)
        read = decode(padded, identify_by_prefix)
        if request.time is None and read.time is not None:
            self.assertGreaterEqual(len(padded), len(plain) + 8)
            read = read._replace(time=None)
        self.assertEqual(read, request)
        self.assertGreaterEqual(len(padded), length)
        self.assertLessEqual(len(padded), max(len(plain), length + 1))

    def test_every_length_of_a_ping_with_a_clock(self) -> None:
        request = Request(TID, Ping(b""), False, 1_700_000_000)
        unpadded = len(encode_request(request))
        self.assertEqual(unpadded, UNPADDED_PING + 8 + 1)
        for length in range(DATAGRAM_LIMIT):
            padded = encode_request(request, length)
            impossible = length - UNPADDED_PING - 1 in (24, 257)
            self.assertEqual(len(padded), max(unpadded, length) + impossible, length)
            self.assertEqual(decode(padded, identify_by_prefix), request)

    def test_padding_begins_with_the_clock(self) -> None:
        request = Request(TID, Ping(), time=1_700_000_000)
        clock = (1_700_000_000).to_bytes(8, "big")
        self.assertEqual(loads(encode_request(request))[3], clock)
        self.assertEqual(loads(encode_request(request, 60))[3], clock + bytes(38))
        self.assertEqual(loads(encode_request(request._replace(time=0)))[3], bytes(8))

    def test_padding_is_zeros_in_its_place(self) -> None:
        request = Request(TID, FindNode(NodeID(5), Want.IPV6), read_only=True)
        items = loads(encode_request(request, 200))
        self.assertEqual(
            [items[0], items[1], items[2], *items[4:]],
            [2, TID, 1, (5).to_bytes(20, "big"), 2],
        )
        self.assertEqual(set(items[3]), {0})


class CutTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(contact_lists(most=20), st.integers(0, 1500), st.booleans())
    def test_contacts_like_the_oracle(
        self, listed: tuple[Contact, ...], limit: int, with_records: bool
    ) -> None:
        body = (
            Records((StoredItem(b"r" * 90, 60),), listed, b"next")
            if with_records
            else Nodes(listed)
        )
        reply = Reply(TID, body, TOKEN)
        assume(limit >= len(encode_reply(reply._replace(body=body._replace(contacts=())), 1500)))
        data = encode_reply(reply, limit)
        self.assertLessEqual(len(data), limit)
        kept = cut_one_by_one(reply, limit)
        self.assertEqual(
            decode(data, identify_by_prefix), reply._replace(body=body._replace(contacts=kept))
        )

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(replies(), st.integers(0, 400))
    def test_never_longer_than_the_limit(self, reply: Reply, limit: int) -> None:
        try:
            data = encode_reply(reply, limit)
        except MalformedDatagram as caught:
            self.assertEqual(caught.reason, "reply-too-long")
            self.assertGreater(len(encode_reply(reply, NO_LIMIT)), limit)
        else:
            self.assertLessEqual(len(data), limit)
            decode(data, identify_by_prefix)

    @settings(max_examples=20, deadline=None, derandomize=True, database=None)
    @given(
        st.lists(contacts(where=endpoints_v4()), min_size=20, max_size=20),
        st.lists(contacts(where=endpoints_v6()), min_size=20, max_size=20),
    )
    def test_twelve_and_twelve_fit_into_a_sealed_reply(
        self, four: list[Contact], six: list[Contact]
    ) -> None:
        limit = DATAGRAM_LIMIT - 41
        for listed in (tuple(four), tuple(six), (*four[:12], *six[:12])):
            reply = Reply(TID, Nodes(listed), TOKEN, six[0].endpoint)
            self.assertEqual(decode(encode_reply(reply, limit), identify_by_prefix), reply)

    def test_an_error_loses_its_contacts_before_its_text(self) -> None:
        listed = tuple(Contact.at(identify_by_prefix(bytes([n]) * 32), Endpoint("192.0.2.1", n),
                                  bytes([n]) * 32) for n in range(1, 4))  # fmt: skip
        reply = Reply(TID, Error(13, "text", 0, listed), TOKEN)
        bare = len(encode_reply(reply._replace(body=Error(13, "text")), NO_LIMIT))
        for limit in range(bare - 4, bare + 3 * 38 + 10):
            body = decode(encode_reply(reply, limit), identify_by_prefix).body
            self.assertEqual(body.contacts, listed[: len(body.contacts)])
            self.assertEqual(body.text == "text", limit >= bare)
            self.assertTrue(not body.contacts or limit >= bare)
        self.assertRaises(MalformedDatagram, encode_reply, reply, bare - 5)

    def test_records_are_never_left_out(self) -> None:
        reply = Reply(TID, Records((StoredItem(b"r" * 300, 1),), ()), TOKEN)
        with self.assertRaises(MalformedDatagram) as caught:
            encode_reply(reply, 300)
        self.assertEqual(caught.exception.reason, "reply-too-long")

    def test_a_fixed_body_fits_or_not(self) -> None:
        reply = Reply(TID, Stored(60), TOKEN)
        length = len(encode_reply(reply, NO_LIMIT))
        self.assertEqual(len(encode_reply(reply, length)), length)
        self.assertRaises(MalformedDatagram, encode_reply, reply, length - 1)

    def test_pong_loses_its_agent(self) -> None:
        reply = Reply(TID, Pong(b"\x01", 0, 0, "agent"), TOKEN)
        anonymous = reply._replace(body=Pong(b"\x01", 0, 0, None))
        length = len(encode_reply(reply, NO_LIMIT))
        self.assertEqual(decode(encode_reply(reply, length), identify_by_prefix), reply)
        short = encode_reply(reply, length - 1)
        self.assertEqual(decode(short, identify_by_prefix), anonymous)
        self.assertRaises(MalformedDatagram, encode_reply, reply, len(short) - 1)


class TextTests(SynchronousTestCase):
    def error_text(self, text: str, limit: int = NO_LIMIT) -> str:
        data = encode_reply(Reply(TID, Error(8, text, 100), TOKEN), limit)
        self.assertLessEqual(len(data), limit)
        return decode(data, identify_by_prefix).body.text

    def test_an_error_loses_the_end_of_its_text(self) -> None:
        text = "too many requests, ask again later"
        bare = len(encode_reply(Reply(TID, Error(8, "", 100), TOKEN), NO_LIMIT))
        for room in range(len(text)):
            kept = self.error_text(text, bare + room)
            self.assertTrue(text.startswith(kept))
            self.assertGreaterEqual(len(kept), room - 1)
        self.assertRaises(MalformedDatagram, self.error_text, text, bare - 1)

    def test_long_texts_are_cut_between_characters(self) -> None:
        self.assertEqual(self.error_text("é" * 100), "é" * 64)
        self.assertEqual(self.error_text("a" + "é" * 100), "a" + "é" * 63)
        self.assertEqual(self.error_text("a" * 128), "a" * 128)
        self.assertEqual(self.error_text("a" * 129), "a" * 128)

    def test_text_that_has_no_utf_8(self) -> None:
        self.assertEqual(self.error_text("bad \ud800 text"), "bad ? text")

    def test_a_long_agent_is_cut(self) -> None:
        data = encode_reply(Reply(TID, Pong(b"", 0, 0, "a" * 65), TOKEN), NO_LIMIT)
        self.assertEqual(decode(data, identify_by_prefix).body.agent, "a" * 64)
