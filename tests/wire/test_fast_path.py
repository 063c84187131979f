"""The fast path against the plain one, which is the oracle of both directions."""

from __future__ import annotations

from itertools import product
from random import Random

from cbor2 import dumps
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Message,
    Nodes,
    Ping,
    Pong,
    Records,
    Reply,
    Request,
    Store,
    StoredItem,
    Want,
)
from kadtwisted.testing.strategies import (
    contact_lists,
    endpoints,
    identify_by_prefix,
    replies,
    requests,
)
from kadtwisted.wire.cbor_decode import decode
from kadtwisted.wire.cbor_encode import encode_request, reply_items
from kadtwisted.wire.fast_path import RECENT_ASKERS, ReplyWriter, read_request, write_request
from kadtwisted.wire.layout import RECORD_BYTES

TID = b"transact"
TOKEN = b"tokentok"


def plain(reply: Reply) -> bytes:
    """The same without a hand and without a memory."""
    return dumps(reply_items(reply))


def by_the_library(data: bytes) -> Message | None:
    try:
        return decode(data, identify_by_prefix)
    except MalformedDatagram:
        return None


class ReadRequestCase(SynchronousTestCase):
    def check(self, data: bytes) -> None:
        """Whatever is read by hand is what the library reads."""
        read = read_request(data)
        if read is not None:
            self.assertEqual(read, by_the_library(data), data.hex())
            self.assertIs(type(read.body), type(by_the_library(data).body))


class ReadRequestTests(ReadRequestCase):
    COMMON = (
        Request(TID, Ping()),
        Request(TID, FindNode(NodeID(1 << 159), Want.BOTH)),
        Request(TID, FindValue(NodeID(5), 23, b"", b"", Want.IPV6)),
        Request(TID, FindValue(NodeID(5), 23, b"", b"", Want.IPV6, True)),
        Request(TID, Store(b"r", 86_400)),
        Request(TID, Store(b"r" * 24, 60, 24), False, 7),
        Request(TID, Ping(), False, 1_700_000_000),
        Request(TID, FindNode(NodeID(1 << 159), Want.BOTH), False, (1 << 64) - 1),
        Request(TID, FindValue(NodeID(5), 23, b"", b"", Want.IPV6), False, 0),
        Request(TID, FindValue(NodeID(5), 23, b"", b"", Want.IPV6, True), False, 7),
    )

    def test_the_commonest_are_read(self) -> None:
        for request in self.COMMON:
            self.assertEqual(read_request(encode_request(request)), request)

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(requests(), st.integers(0, 40))
    def test_every_request(self, request: Request, length: int) -> None:
        self.check(encode_request(request, length))

    def test_every_byte_changed_to_every_other(self) -> None:
        for request in self.COMMON:
            data = encode_request(request)
            for place, value in product(range(len(data)), range(256)):
                self.check(data[:place] + bytes((value,)) + data[place + 1 :])

    def test_cut_and_lengthened_at_every_place(self) -> None:
        for request in self.COMMON:
            data = encode_request(request)
            for place in range(len(data) + 1):
                self.check(data[:place])
                for more in (b"\x00", b"\x40", b"\x54", b"\xff"):
                    self.check(data[:place] + more + data[place:])

    def test_all_wants_and_kinds(self) -> None:
        for want in Want(0), Want.IPV4, Want.IPV6, Want.BOTH:
            for body in (FindNode(NodeID(7), want), FindValue(NodeID(7), 0, want=want)):
                read = read_request(encode_request(Request(TID, body)))
                assert read is not None
                self.assertIs(read.body.want, want)


class WriteRequestTests(SynchronousTestCase):
    def check(self, request: Request) -> bool:
        """Whatever is written by hand is what the library writes; whether it is."""
        written = write_request(request)
        self.assertIn(written, (None, encode_request(request)), request)
        return written is not None

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(requests())
    def test_every_request(self, request: Request) -> None:
        self.check(request)

    def test_the_commonest_are_written(self) -> None:
        key = NodeID((1 << 160) - 1)
        bodies = [FindNode(key, Want.BOTH), FindValue(key, 23, want=Want.IPV6)]
        bodies += [FindValue(NodeID(0), 0, alone=True), Store(b"r" * 1030, (1 << 32) - 1)]
        bodies += [Store(b"r" * 24, 24, cas) for cas in (0, 24, (1 << 63) - 1)]
        for body, read_only, clock in product(bodies, (False, True), (None, 0, (1 << 64) - 1)):
            self.assertTrue(self.check(Request(TID, body, read_only, clock)), body)

    def test_others_are_left_to_the_library(self) -> None:
        key = NodeID(7)
        for body in (Ping(), FindValue(key, 24), FindValue(key, 1, bytes(8))):
            self.assertFalse(self.check(Request(TID, body)))
        self.assertFalse(self.check(Request(TID, FindValue(key, 1, cursor=b"c"))))


class ReadStoreTests(ReadRequestCase):
    def test_records_numbers_and_padding_of_each_length(self) -> None:
        """Also those that no STORE may have: the library refuses them."""
        whole = [4, TID, 0, b"", b"record", 60, None]
        changes: list[tuple[int, object]] = [
            (place, number)
            for place in (5, 6)
            for bits in (0, 5, 8, 16, 32, 63, 64)
            for number in ((1 << bits) - 1, 1 << bits)
        ]
        changes += [(6, cas) for cas in (-1, b"", True, None)]
        changes += [(4, bytes(n)) for n in (0, 1, 23, 24, 255, 256, RECORD_BYTES, RECORD_BYTES + 1)]
        changes += [(3, bytes(n)) for n in (1, 7, 8, 9, 300)] + [(2, 1), (2, 2), (0, 5)]
        for place, value in changes:
            items = [*whole]
            items[place] = value
            try:
                data = dumps(items)
            except OverflowError:
                continue
            self.check(data)
            self.check(data + b"\x00")
            self.check(dumps([*items, "new"]))


class ReplyWriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.writer = ReplyWriter()

    def check(self, reply: Reply) -> None:
        self.assertEqual(self.writer.write(reply), plain(reply))

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(replies())
    def test_every_reply(self, reply: Reply) -> None:
        self.check(reply)

    @settings(max_examples=20, deadline=None, derandomize=True, database=None)
    @given(contact_lists(most=60), st.integers(0, 32))
    def test_lists_that_no_datagram_holds(self, listed: tuple[Contact, ...], records: int) -> None:
        items = tuple(StoredItem(b"r" * n * n, 1 << n) for n in range(1, records))
        for body in (Nodes(listed), Records(items, listed, b"c" * 64, True)):
            self.check(Reply(TID, body, TOKEN))

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
    def test_what_is_remembered_changes_no_pong(self, turns: list[tuple[int, int]]) -> None:
        """PONGs of one node or of several, in any order."""
        for second, program in turns:
            agent = (None, "a", "b", "a" * 99)[program]
            pong = Pong(bytes(program), 1 << program, second, agent)
            self.check(Reply(TID, pong, TOKEN))
            self.check(Reply(TID, pong._replace(own=Endpoint("192.0.2.9", second)), TOKEN))

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(st.lists(endpoints() | st.none(), min_size=1, max_size=8), st.randoms())
    def test_what_is_remembered_changes_no_endpoint(
        self, askers: list[Endpoint | None], random: Random
    ) -> None:
        for _ in range(20):
            self.check(Reply(TID, Nodes(()), TOKEN, random.choice(askers)))

    def test_what_is_remembered_is_bounded(self) -> None:
        for number in range(3 * RECENT_ASKERS):
            self.check(Reply(TID, Pong(b"\x01", 0, number), TOKEN, Endpoint("192.0.2.1", number)))
        (_, pong), *_ = self.writer._writers.values()
        self.assertEqual(self.writer._observed.cache_info().currsize, RECENT_ASKERS)
        self.assertEqual(pong.cache_info().currsize, 1)  # type: ignore[attr-defined]
