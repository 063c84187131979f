"""What the decoder refuses, item by item, and what it must bear."""

from __future__ import annotations

import tracemalloc
from types import MappingProxyType

from cbor2 import dumps
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import MalformedDatagram
from kadtwisted.model.messages import Message, Ping, Reply, Request, UnknownRequest
from kadtwisted.testing import loose_cbor
from kadtwisted.testing.loose_cbor import Raw, bombs
from kadtwisted.testing.strategies import (
    BROKEN_ITEMS,
    hostile_cbor,
    hostile_items,
    identify_by_prefix,
)
from kadtwisted.wire.cbor_decode import decode
from kadtwisted.wire.cbor_encode import encode_reply, encode_request

TID, TOKEN, KEY = b"transact", b"tokentok", b"k" * 20

# One good array of each kind, and behind it, position by position, what may not stand there.
NUMBERS = (-1, 1 << 64, True, None, b"\x01", "1", [1])
BYTES = (8, True, None, "text", [b"x"])
VERSION_WRONG = (*BYTES, b"7 bytes", b"9 bytes..")
TID_WRONG = (*BYTES, b"", b"7 bytes", b"9 bytes..")
REQUEST_WRONG = (TID_WRONG, NUMBERS, BYTES)
ENDPOINT_WRONG = (*BYTES, b"5byte", b"x" * 17)
REPLY_WRONG = (TID_WRONG, TID_WRONG, ENDPOINT_WRONG)
ID_WRONG = (*BYTES, b"", b"x" * 19, b"x" * 21)
CONTACTS_WRONG = (*BYTES, b"x", b"x" * 190 + b"x")
RECORD_WRONG = (*BYTES, b"", b"x" * 1152)
PAIRS_WRONG = (
    *(0, None, b"", "", [None], [b"r", 0], [[]], [[b"r"]], [[0, b"r"]], [[b"r", 0]] * 33),
    *([[b"", 0]], [[b"x" * 1152, 0]], [[b"r", -1]], [[b"r", 1 << 32]]),
)
CURSOR_WRONG = (*BYTES, b"x" * 65)
WANT_WRONG = (*NUMBERS, 4)
BYTE_WRONG = (*NUMBERS, 256)
REMAINING_WRONG = (*NUMBERS, 1 << 32)
NUMBERS_WRONG = (*BYTES, b"x" * 33)
BOOLEAN_WRONG = (0, 1, None, b"", "true", [])
OPTIONAL = MappingProxyType({"FIND_VALUE": 1, "PONG": 3, "ERROR": 2})
"""Last items that a reply may leave out."""

GRAMMAR = MappingProxyType(
    {
        "PING": ([1, TID, 0, b""], REQUEST_WRONG),
        "FIND_NODE": ([2, TID, 0, b"", KEY, 3], (*REQUEST_WRONG, ID_WRONG, WANT_WRONG)),
        "FIND_VALUE": (
            [3, TID, 1, b"\0", KEY, 255, b"8 bytes.", b"c" * 64, 0, True],
            (
                *(*REQUEST_WRONG, ID_WRONG, BYTE_WRONG, VERSION_WRONG, CURSOR_WRONG, WANT_WRONG),
                BOOLEAN_WRONG,
            ),
        ),
        "STORE": (
            [4, TID, 0, b"", b"r" * 1151, (1 << 32) - 1, (1 << 63) - 1],
            (
                *REQUEST_WRONG,
                RECORD_WRONG,
                REMAINING_WRONG,
                (-1, True, False, 1 << 63, b"", "1", [1]),
            ),
        ),
        "HAVE": (
            [5, TID, 0, b"", b"e" * 29 * 32],
            (*REQUEST_WRONG, (*BYTES, b"", b"e" * 28, b"e" * 30, b"e" * 29 * 33)),
        ),
        "unknown": ([255, TID, 0, b""], REQUEST_WRONG),
        "PONG": (
            [
                *(-1, TID, TOKEN, b"", b"\x01", (1 << 64) - 1, (1 << 40) - 1, "a" * 64),
                *(b"\x7c" * 32, b"", b"6bytes"),
            ],
            (
                *(*REPLY_WRONG, BYTES, NUMBERS, (*NUMBERS, 1 << 40)),
                (0, True, b"a", [], "a" * 65),
                *(NUMBERS_WRONG, NUMBERS_WRONG, ENDPOINT_WRONG),
            ),
        ),
        "NODES": (
            [-2, TID, TOKEN, b"6bytes", b"x" * 38 * 20, b"x" * 50 * 2],
            (*REPLY_WRONG, CONTACTS_WRONG, CONTACTS_WRONG),
        ),
        "RECORDS": (
            [-3, TID, TOKEN, b"x" * 18, [[b"r", 0]] * 32, b"", b"x" * 38, b"x" * 50, True],
            (
                *REPLY_WRONG,
                PAIRS_WRONG,
                CURSOR_WRONG,
                CONTACTS_WRONG,
                CONTACTS_WRONG,
                BOOLEAN_WRONG,
            ),
        ),
        "STORED": ([-4, TID, TOKEN, b"", 0], (*REPLY_WRONG, REMAINING_WRONG)),
        "WANTED": ([-5, TID, TOKEN, b"", b"\xff" * 4], (*REPLY_WRONG, (*BYTES, b"12345"))),
        "ERROR": (
            [0, TID, TOKEN, b"", 12, "é" * 64, 0, b"x" * 38, b"x" * 50],
            (
                *(*REPLY_WRONG, BYTE_WRONG, (0, None, b"text", [], "é" * 65), REMAINING_WRONG),
                *(CONTACTS_WRONG, CONTACTS_WRONG),
            ),
        ),
    }
)


def read(data: bytes) -> Message:
    return decode(data, identify_by_prefix)


def reason(items: object) -> str | None:
    """Why these items are refused; ``None`` if they are not."""
    try:
        read(loose_cbor.encode(items))
    except MalformedDatagram as refused:
        return refused.reason
    return None


class GrammarTests(SynchronousTestCase):
    def test_the_examples_are_good(self) -> None:
        for name, (items, wrong) in GRAMMAR.items():
            self.assertIsNone(reason(items), name)
            self.assertEqual(len(items), len(wrong) + 1, name)

    def test_wrong_items(self) -> None:
        for name, (items, wrong) in GRAMMAR.items():
            for position, candidates in enumerate(wrong, 1):
                for candidate in candidates:
                    spoilt = [*items[:position], candidate, *items[position + 1 :]]
                    self.assertIsNotNone(reason(spoilt), (name, position, candidate))

    def test_items_that_are_broken_anywhere(self) -> None:
        broken = [Raw(data) for data in BROKEN_ITEMS]
        for name, (items, _) in GRAMMAR.items():
            for position in range(len(items) + 1):
                for candidate in (*broken, 1.5, {}, {1: 2}, 1 << 64, -(1 << 64) - 1):
                    spoilt = [*items[:position], candidate, *items[position + 1 :]]
                    self.assertIsNotNone(reason(spoilt), (name, position, candidate))

    def test_missing_items(self) -> None:
        for name, (items, _) in GRAMMAR.items():
            least = len(items) - OPTIONAL.get(name, 0)
            for length in range(len(items)):
                expected = "missing-items" if length < least else None
                self.assertEqual(reason(items[:length]), expected, (name, length))

    def test_items_that_may_be_missing_are_empty_then(self) -> None:
        pong, error, find = (GRAMMAR[name][0] for name in ("PONG", "ERROR", "FIND_VALUE"))
        self.assertEqual([read(dumps(find[:n])).body.alone for n in (9, 10)], [False, True])
        for length in (8, 9, 10, 11):
            body = read(dumps(pong[:length])).body
            self.assertEqual(body.own is None, length < 11)
            self.assertEqual((body.methods, body.kinds), (b"\x7c" * 32 if length > 8 else b"", b""))
        for length in (7, 8, 9):
            hosts = [each.family for each in read(dumps(error[:length])).body.contacts]
            self.assertEqual(hosts, [4, 6][: length - 7])

    def test_trailing_items_are_ignored(self) -> None:
        for name, (items, _) in GRAMMAR.items():
            expected = read(dumps(items))
            for more in ([0], [None, b"x", "text", [1, [2]]], [0] * 100):
                self.assertEqual(read(dumps([*items, *more])), expected, name)

    def test_trailing_items_of_a_record_are_ignored(self) -> None:
        items = [-3, TID, TOKEN, b"", [[b"r", 9, "new"]], b"", b"", b"", False]
        self.assertEqual(read(dumps(items)).body.items, ((b"r", 9),))

    def test_unknown_flags_are_ignored(self) -> None:
        for flags in (0, 1, 2, 3, 254, 255, (1 << 64) - 1):
            message = read(dumps([1, TID, flags, b""]))
            self.assertIs(message.read_only, flags % 2 == 1)

    def test_padding_may_be_anything_behind_the_clock(self) -> None:
        for padding, time in ((b"", None), (b"7 bytes", None), (b"no zeros", 0x6E6F207A65726F73)):
            self.assertEqual(read(dumps([1, TID, 0, padding])), Request(TID, Ping(), False, time))
        clock = (1_700_000_000).to_bytes(8, "big")
        for more in (b"", bytes(100), b"no zeros", b"\xff" * 1000):
            self.assertEqual(read(dumps([1, TID, 0, clock + more])).time, 1_700_000_000)

    def test_the_recipient_of_a_ping(self) -> None:
        for good in (b"", b"k" * 32):
            self.assertEqual(read(dumps([1, TID, 0, b"", good])).body, Ping(good))
        for other in (None, True, 7, "text", b"x", b"k" * 31, b"k" * 33, []):
            self.assertEqual(read(dumps([1, TID, 0, b"", other])).body, Ping())


class MethodTests(SynchronousTestCase):
    def test_unknown_methods_are_told_apart_from_malformed_ones(self) -> None:
        for method in (9, *range(12, 256)):
            message = read(dumps([method, TID, 0, b"", ["whatever"], None]))
            self.assertEqual(message, Request(TID, UnknownRequest(method)))
        for method in (256, (1 << 64) - 1):
            self.assertEqual(reason([method, TID, 0, b""]), "method")

    def test_the_first_item_is_a_number(self) -> None:
        for wrong in (True, False, None, b"\x01", "ping", []):
            self.assertEqual(reason([wrong, TID, 0, b""]), "method")

    def test_unknown_replies(self) -> None:
        for number in (-9, -255, -(1 << 64)):
            self.assertEqual(reason([number, TID, TOKEN, b"", 0, 0, 0, 0, 0]), "unknown-reply")

    def test_reasons_name_the_item(self) -> None:
        items = [3, TID, 0, b"", KEY, 1, b"", b"", 0]
        names = ("transaction-id", "flags", "padding", "key", "kind", "known-version", "cursor")
        for position, name in enumerate((*names, "want"), 1):
            self.assertEqual(reason([*items[:position], None, *items[position + 1 :]]), name)


class HostileTests(SynchronousTestCase):
    def check(self, data: bytes) -> None:
        """Refused with a short reason, or read as a message that can be written and read again."""
        try:
            message = read(data)
        except MalformedDatagram as refused:
            self.assertRegex(refused.reason, r"\A[a-z][a-z0-9-]{1,20}\Z")
            return
        if isinstance(message, Request):
            again = encode_request(message)
        else:
            self.assertIsInstance(message, Reply)
            again = encode_reply(message, 1 << 16)
        self.assertEqual(read(again), message)

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(hostile_cbor())
    def test_hostile_cbor(self, data: bytes) -> None:
        self.check(data)

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=1300))
    def test_raw_bytes(self, data: bytes) -> None:
        self.check(data)

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(sorted(GRAMMAR)), st.integers(0, 8), hostile_items())
    def test_one_hostile_item(self, name: str, position: int, item: object) -> None:
        good = GRAMMAR[name][0]
        self.check(loose_cbor.encode([*good[:position], item, *good[position + 1 :]]))

    def test_bombs_are_refused(self) -> None:
        for name, data in bombs().items():
            self.assertEqual(len(data), 1232, name)
            self.assertRaises(MalformedDatagram, read, data)

    def test_memory(self) -> None:
        largest = [items for items, _ in GRAMMAR.values()]
        for name, data in {**bombs(), **{str(n): dumps(x) for n, x in enumerate(largest)}}.items():
            tracemalloc.start()
            try:
                self.check(data)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            self.assertGreater(peak, 0, name)
            self.assertLessEqual(peak, 1 << 20, name)

    def test_the_loose_writer_writes_good_items_well(self) -> None:
        for items, _ in GRAMMAR.values():
            self.assertEqual(loose_cbor.encode(items), dumps(items))
