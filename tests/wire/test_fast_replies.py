"""The fast path of replies against the plain one, which is the oracle."""

from __future__ import annotations

from itertools import product

from cbor2 import dumps
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Nodes, Pong, Records, Reply, Stored, StoredItem
from kadtwisted.testing.strategies import identify_by_prefix, replies
from kadtwisted.wire.cbor_decode import decode
from kadtwisted.wire.cbor_encode import reply_items
from kadtwisted.wire.fast_replies import RECENT_ENDPOINTS, ReplyReader
from kadtwisted.wire.layout import CURSOR_BYTES, RECORD_BYTES
from kadtwisted.wire.packed import unpack_contact

TID, TOKEN = b"transact", b"tokentok"
HERE = Endpoint("198.51.100.7", 50000)
SIX = Endpoint("2001:db8::7", 1)
KEY = bytes(range(32))
CONTACTS = tuple(
    Contact.at(identify_by_prefix(KEY), each, KEY) for each in (Endpoint("192.0.2.1", 4001), SIX)
)


def encoded(body: object, observed: Endpoint | None = HERE) -> bytes:
    return dumps(reply_items(Reply(TID, body, TOKEN, observed)))  # type: ignore[arg-type]


def by_the_library(data: bytes) -> object:
    try:
        return decode(data, identify_by_prefix)
    except MalformedDatagram:
        return None


class ReplyReaderTests(SynchronousTestCase):
    COMMON = (
        Nodes(()),
        Nodes(CONTACTS),
        Nodes(10 * CONTACTS),
        Records((), CONTACTS, b"", True),
        Records((StoredItem(b"r" * 130, 80_000),), (), b"cursor"),
        Records((StoredItem(b"r", 5),), CONTACTS[:1]),
        Stored(0),
        Stored(86_400),
        Stored((1 << 32) - 1),
    )

    def setUp(self) -> None:
        self.reader = ReplyReader(lambda packed: unpack_contact(packed, identify_by_prefix))

    def check(self, data: bytes) -> bool:
        """Whatever is read by hand is what the library reads; whether it is."""
        read = self.reader.read(data)
        if read is None:
            return False
        expected = by_the_library(data)
        self.assertEqual(read, expected, data.hex())
        self.assertIs(type(read.body), type(expected.body))  # type: ignore[attr-defined]
        return True

    def test_the_commonest_are_read(self) -> None:
        for body, observed in product(self.COMMON, (HERE, SIX, None)):
            self.assertTrue(self.check(encoded(body, observed)), body)

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(replies())
    def test_every_reply(self, reply: Reply) -> None:
        self.check(dumps(reply_items(reply)))

    def test_others_are_left_to_the_library(self) -> None:
        pong = Pong(b"\x01", 0, 0)
        for body in (pong, Records(2 * (StoredItem(b"r", 5),), ())):
            self.assertFalse(self.check(encoded(body)))

    def test_numbers_and_lengths_at_each_change_of_their_heads(self) -> None:
        for bits in (0, 5, 8, 16, 32):
            for number in (23, 24, (1 << bits) - 1, 1 << bits):
                self.assertEqual(self.check(encoded(Stored(number))), number < 1 << 32)
        for length in (1, 23, 24, 255, 256, RECORD_BYTES, RECORD_BYTES + 1):
            body = Records((StoredItem(bytes(length), 1),), ())
            self.assertEqual(self.check(encoded(body)), length <= RECORD_BYTES)
        for length in (0, CURSOR_BYTES, CURSOR_BYTES + 1):
            body = Records((), (), bytes(length))
            self.assertEqual(self.check(encoded(body)), length <= CURSOR_BYTES)

    def test_heads_that_are_not_the_shortest_are_refused(self) -> None:
        start = encoded(Stored(5))[:-1]
        for last in ("1805", "190005", "1900ff", "1a00000005", "1a0000ffff", "1b0000000000000005"):
            self.assertIsNone(self.reader.read(start + bytes.fromhex(last)))
        start = encoded(Nodes(()))[:-2]
        for last in ("4058005840", "405817" + 23 * "00", "405900ff" + 255 * "00", "405b"):
            self.assertIsNone(self.reader.read(start + bytes.fromhex(last)))

    def test_every_byte_changed_to_some_others(self) -> None:
        """To its neighbours, to every single other bit, and to each head."""
        heads = (0, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x40, 0x57, 0x58, 0x59, 0x80, 0x82, 0xF4, 0xF6)
        for body in self.COMMON:
            data = encoded(body)
            for place in range(min(len(data), 120)):
                old = data[place]
                others = {old ^ 1 << bit for bit in range(8)} | {(old + 1) % 256, *heads}
                for value in sorted(others):
                    self.check(data[:place] + bytes((value,)) + data[place + 1 :])

    def test_cut_and_lengthened_at_every_place(self) -> None:
        for body in self.COMMON:
            data = encoded(body)
            for place in range(len(data) + 1):
                self.check(data[:place])
                for more in (b"\x00", b"\x40", b"\xf5"):
                    self.check(data[:place] + more + data[place:])

    def test_what_is_remembered_is_bounded_and_changes_nothing(self) -> None:
        for number in range(3 * RECENT_ENDPOINTS):
            self.check(encoded(Stored(1), Endpoint("192.0.2.1", number)))
        self.assertEqual(self.reader._endpoint.cache_info().currsize, RECENT_ENDPOINTS)


class IdentityTests(SynchronousTestCase):
    def test_contacts_are_those_of_the_cache(self) -> None:
        made = Contact(NodeID(1), HERE, KEY, b"")
        read = ReplyReader(lambda _: made).read(encoded(Nodes(CONTACTS)))
        assert read is not None
        self.assertEqual(read.body, Nodes((made, made)))
