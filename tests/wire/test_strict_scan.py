"""The scan against an oracle, its every reason by an example, and its cost by counting."""

from __future__ import annotations

from typing import Any

from cbor2 import dumps, loads
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import MalformedDatagram
from kadtwisted.testing.loose_cbor import ARRAY, BYTES, bombs, head
from kadtwisted.testing.strategies import hostile_cbor
from kadtwisted.wire.strict_scan import DEPTH_LIMIT, ITEM_LIMIT, scan

LEAVES = st.one_of(
    st.integers(-(1 << 64), (1 << 64) - 1),
    st.binary(max_size=300),
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.sampled_from([True, False, None]),
)
TREES = st.lists(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=5), max_leaves=30))
COSTLY_BYTES = st.lists(
    st.sampled_from([bytes((each,)) for each in range(256)]), min_size=1, max_size=24
).map(b"".join)

REASONS = {
    "": "truncated",
    "83 01 02": "truncated",
    "81 43 61 62": "truncated",
    "81 63 61 62": "truncated",
    "81 19 01": "truncated",
    "99 01": "truncated",
    "81 1b ff ff ff ff": "truncated",
    "81 5b ff ff ff ff ff ff ff ff": "truncated",
    "80 00": "trailing-bytes",
    "81 01 01": "trailing-bytes",
    "01": "not-an-array",
    "43 61 62 63": "not-an-array",
    "a0": "not-an-array",
    "c1 81 00": "not-an-array",
    "81 a0": "map",
    "81 a1 01 02": "map",
    "81 c1 00": "tag",
    "81 d8 1c 81 d8 1d 00": "tag",
    "81 c2 41 ff": "tag",
    "81 f7": "simple-value",
    "81 f8 ff": "simple-value",
    "81 f9 00 00": "simple-value",
    "81 fb 00 00 00 00 00 00 00 00": "simple-value",
    "81 ff": "simple-value",
    "9f 00 ff": "indefinite-length",
    "81 5f 41 61 ff": "indefinite-length",
    "81 7f 61 61 ff": "indefinite-length",
    "81 9f ff": "indefinite-length",
    "81 1c": "reserved-head",
    "81 5d": "reserved-head",
    "81 18 17": "not-shortest",
    "81 19 00 ff": "not-shortest",
    "81 1a 00 00 ff ff": "not-shortest",
    "81 1b 00 00 00 00 ff ff ff ff": "not-shortest",
    "81 38 17": "not-shortest",
    "81 58 03 61 62 63": "not-shortest",
    "98 01 00": "not-shortest",
    "81 61 ff": "not-utf-8",
    "81 63 ed a0 80": "not-utf-8",
    "81 62 c0 80": "not-utf-8",
    "81 81 81 80": "too-deep",
    "99 01 01": "too-many-items",
    "9b ff ff ff ff ff ff ff ff": "too-many-items",
}


class CountingBytes(bytes):
    """Bytes that count how often a position or slice of them is read."""

    reads = 0

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        return super().__getitem__(index)


def accepts(data: bytes) -> bool:
    try:
        scan(data)
    except MalformedDatagram:
        return False
    return True


def well_formed(item: object, depth: int = 0) -> bool:
    """Built only of what kad/1 allows, and no deeper."""
    if type(item) is list:
        return depth < DEPTH_LIMIT and all(well_formed(each, depth + 1) for each in item)
    if type(item) is int:
        return -(1 << 64) <= item < 1 << 64
    return type(item) in (bytes, str, bool, type(None))


def count_items(item: object) -> int:
    return sum(1 + count_items(each) for each in item) if type(item) is list else 0


def oracle(data: bytes) -> bool:
    """A tolerant library reads an allowed array and its canonical writer gives the same bytes."""
    try:
        item = loads(data)
        return (
            type(item) is list
            and well_formed(item)
            and count_items(item) <= ITEM_LIMIT
            and dumps(item) == data
        )
    except Exception:  # the library fails in many ways; each of them means no
        return False


class StrictScanTests(SynchronousTestCase):
    @settings(max_examples=80, deadline=None, derandomize=True, database=None)
    @given(TREES)
    @example([1] * ITEM_LIMIT)
    @example([1] * (ITEM_LIMIT + 1))
    @example([[1] * (ITEM_LIMIT - 1)])
    @example([[1] * ITEM_LIMIT])
    @example([[[]], 1])
    @example([[[[]]], 1])
    def test_trees(self, tree: list[Any]) -> None:
        data = dumps(tree)
        expected = well_formed(tree) and count_items(tree) <= ITEM_LIMIT
        self.assertEqual(accepts(data), expected)

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(hostile_cbor())
    def test_hostile_bytes(self, data: bytes) -> None:
        self.assertEqual(accepts(data), oracle(data))

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(COSTLY_BYTES.map(lambda data: head(ARRAY, 1 + data[0] % 4) + data))
    def test_any_bytes(self, data: bytes) -> None:
        self.assertEqual(accepts(data), oracle(data))

    def test_every_first_byte_of_an_item(self) -> None:
        for first in range(256):
            for rest in (b"", b"\x00", b"\xff" * 8, b"a" * first, b"a" * (first & 31)):
                data = b"\x81" + bytes((first,)) + rest
                self.assertEqual(accepts(data), oracle(data), data.hex())

    def test_reasons(self) -> None:
        for text, reason in REASONS.items():
            with self.assertRaises(MalformedDatagram) as caught:
                scan(bytes.fromhex(text))
            self.assertEqual(caught.exception.reason, reason, text)

    def test_cutting_anywhere_is_refused(self) -> None:
        data = dumps([1, b"12345678", [["text", 1 << 40], None], b"x" * 300, -500])
        scan(data)
        for length in range(len(data)):
            self.assertFalse(accepts(data[:length]), length)

    def test_steps_are_bounded(self) -> None:
        # An item costs its first byte, once more if that does not tell all, and one slice.
        bound = 5 * (ITEM_LIMIT + 1)
        costliest = head(ARRAY, ITEM_LIMIT) + b"\x18\xff" * ITEM_LIMIT
        for data in (*bombs().values(), *bombs(65507).values(), costliest):
            counted = CountingBytes(data)
            accepts(counted)
            self.assertGreater(counted.reads, 0)
            self.assertLessEqual(counted.reads, bound)

    def test_steps_are_one_for_each_short_item(self) -> None:
        few, many = (CountingBytes(head(ARRAY, n) + b"\x43abc" * n) for n in (10, 20))
        scan(few)
        scan(many)
        self.assertEqual(many.reads - few.reads, 10)

    def test_length_does_not_cost_steps(self) -> None:
        short, long = (CountingBytes(b"\x81" + head(BYTES, n) + bytes(n)) for n in (1 << 8, 60_000))
        scan(short)
        scan(long)
        self.assertEqual(short.reads, long.reads)
