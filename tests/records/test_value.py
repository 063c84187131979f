"""Records of kind 1: vectors, round trips, refusals, and the order that decides who wins."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ClockSkew, InvalidRecord, RecordTooLarge
from kadtwisted.model import bencode
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.record import StorageKey, Value
from kadtwisted.records.value import (
    check,
    decode,
    encode,
    identify,
    publication_time,
    publish,
    tombstone_of,
    value_of,
    wins,
)
from kadtwisted.records.version import version_of as version

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "records.json").read_text()
)

KEY = key_of_name("greeting")
PUBLISHED = 1_700_000_000_000_000
HELLO = encode(value_of(KEY, b"hello", PUBLISHED))

bvalues = st.recursive(
    st.binary(max_size=20) | st.integers(-(2**63), 2**63),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
records = st.builds(
    Value,
    key=st.integers(0, 2**160 - 1).map(NodeID),
    published=st.integers(0, 2**63 - 1),
    deleted=st.just(False),
    v=bvalues.map(bencode.encode),
) | st.builds(tombstone_of, st.integers(0, 2**160 - 1).map(NodeID), st.integers(0, 2**63 - 1))
contenders = st.builds(
    value_of, st.just(KEY), st.binary(max_size=2), st.integers(PUBLISHED, PUBLISHED + 2)
).map(encode)


class TestVectors(SynchronousTestCase):
    def test_records(self) -> None:
        for line in VECTORS["records"]:
            data = bytes.fromhex(line["record"])
            record = Value(
                NodeID(int(line["key"], 16)),
                line["published"],
                line["deleted"],
                bytes.fromhex(line["v"]),
            )
            self.assertEqual(encode(record), data, line["about"])
            self.assertEqual(decode(data), record, line["about"])
            self.assertEqual(version(data).hex(), line["version"], line["about"])

    def test_invalid(self) -> None:
        for line in VECTORS["invalid"]:
            error = self.assertRaises(InvalidRecord, decode, bytes.fromhex(line["record"]))
            self.assertEqual(error.reason, line["reason"], line["about"])

    def test_orders(self) -> None:
        for line in VECTORS["orders"]:
            ascending = [bytes.fromhex(each) for each in line["ascending"]]
            for (i, a), (j, b) in product(enumerate(ascending), repeat=2):
                self.assertEqual(wins(a, b), i > j, f"{line['about']}: {i} over {j}")

    def test_all_sections_have_vectors(self) -> None:
        lengths = [len(VECTORS[name]) for name in ("records", "invalid", "orders")]
        self.assertEqual(lengths, [8, 20, 2])


class TestEncoding(SynchronousTestCase):
    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(records)
    def test_round_trip(self, record: Value) -> None:
        decoded = decode(encode(record))
        self.assertEqual(decoded, record)
        self.assertIs(type(decoded.deleted), bool)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(st.binary(max_size=60), st.integers(0, 40), st.integers(1, 255))
    def test_damaged_bytes_are_refused_or_another_record(
        self, noise: bytes, at: int, flip: int
    ) -> None:
        damaged = bytearray(HELLO + noise[:4] * (at % 2))
        damaged[at % len(damaged)] ^= flip
        for data in (noise, bytes(damaged)):
            try:
                record = decode(data)
            except InvalidRecord:
                continue
            self.assertEqual(encode(record), data)
            self.assertNotEqual(version(data), version(HELLO))

    def test_too_large_to_put(self) -> None:
        self.assertEqual(len(encode(value_of(KEY, bytes(996), 0))), 30 + 1000)
        error = self.assertRaises(RecordTooLarge, encode, value_of(KEY, bytes(997), 0))
        self.assertIn("1001", str(error))

    def test_nothing_invalid_is_encoded(self) -> None:
        for published in (-1, 2**63):
            error = self.assertRaises(InvalidRecord, encode, value_of(KEY, b"", published))
            self.assertEqual(error.reason, "bad-time")
        error = self.assertRaises(InvalidRecord, encode, Value(KEY, 0, True, b"1:x"))
        self.assertEqual(error.reason, "bad-tombstone")
        self.assertRaises(InvalidRecord, encode, Value(KEY, 0, False, b"plain bytes"))

    def test_identify(self) -> None:
        self.assertEqual(identify(HELLO), StorageKey(1, KEY, b""))
        self.assertRaises(InvalidRecord, identify, HELLO[:-1])

    def test_versions_differ_between_value_and_tombstone(self) -> None:
        empty, gone = encode(value_of(KEY, b"", 7)), encode(tombstone_of(KEY, 7))
        self.assertNotEqual(empty, gone)
        self.assertNotEqual(version(empty), version(gone))
        self.assertEqual(len(version(empty)), 8)


class TestWinning(SynchronousTestCase):
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(contenders, contenders, contenders)
    def test_total_order(self, a: bytes, b: bytes, c: bytes) -> None:
        self.assertFalse(wins(a, a))
        self.assertEqual(wins(a, b), a != b and not wins(b, a))
        if wins(a, b) and wins(b, c):
            self.assertTrue(wins(a, c))

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(
        st.lists(contenders, min_size=1, max_size=8).flatmap(
            lambda some: st.tuples(st.permutations(some), st.permutations(some))
        )
    )
    def test_holders_agree_whatever_came_first(
        self, arrivals: tuple[list[bytes], list[bytes]]
    ) -> None:
        kept = []
        for arrived in arrivals:
            holder = arrived[0]
            for record in arrived[1:]:
                holder = record if wins(record, holder) else holder
            kept.append(holder)
        self.assertEqual(kept[0], kept[1])

    def test_time_is_compared_as_a_number(self) -> None:
        later, earlier = (encode(value_of(KEY, b"x", n)) for n in (256, 255))
        self.assertTrue(wins(later, earlier))
        self.assertFalse(wins(earlier, later))


class TestClocks(SynchronousTestCase):
    def test_five_minutes_ahead_is_the_limit(self) -> None:
        now = PUBLISHED / 1e6
        self.assertIsNone(check(HELLO, now))
        self.assertIsNone(check(HELLO, now - 300))
        error = self.assertRaises(ClockSkew, check, HELLO, now - 301)
        self.assertIn("301 s", str(error))

    def test_any_age_is_accepted(self) -> None:
        self.assertIsNone(check(encode(value_of(KEY, b"", 0)), 4e9))

    def test_publication_time(self) -> None:
        self.assertEqual(publication_time(1_700_000_000.25), 1_700_000_000_250_000)
        self.assertEqual(publication_time(10.0, seen=5), 10_000_000)

    def test_a_second_write_wins_though_the_clock_stood_still(self) -> None:
        first = publication_time(10.0)
        for unix_now in (10.0, 3.0):
            second = publication_time(unix_now, seen=first)
            self.assertEqual(second, first + 1)

    def test_publish_puts_in_the_time(self) -> None:
        wanted = Value(KEY, 0, False, b"5:hello")
        alone = publish(wanted, [], PUBLISHED / 1e6)
        self.assertEqual(alone, HELLO)
        for seen in ([HELLO], [encode(value_of(KEY, b"older", 5)), HELLO]):
            again = publish(wanted, seen, 10.0)
            self.assertEqual(decode(again), wanted._replace(published=PUBLISHED + 1))
        gone = publish(tombstone_of(KEY, 0), [HELLO], 10.0)
        self.assertTrue(wins(gone, HELLO))
        self.assertRaises(RecordTooLarge, publish, wanted._replace(v=bytes(1001)), [], 10.0)
