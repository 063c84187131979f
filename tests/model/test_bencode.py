"""Bencode: one form for each value, nothing else accepted, no input too deep or too long."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidRecord
from kadtwisted.model.bencode import MAX_DEPTH, BValue, decode, encode

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True, database=None)

VALUES: st.SearchStrategy[BValue] = st.recursive(
    st.binary(max_size=20) | st.integers(-(2**63), 2**64 - 1),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


class ExampleTests(SynchronousTestCase):
    """BEP 3's own examples and their neighbours."""

    def test_both_ways(self) -> None:
        for value, data in (
            (b"", b"0:"),
            (b"spam", b"4:spam"),
            (b"1:e", b"3:1:e"),
            (b"0123456789", b"10:0123456789"),
            (0, b"i0e"),
            (3, b"i3e"),
            (-3, b"i-3e"),
            (2**63 - 1, b"i9223372036854775807e"),
            (-(2**63), b"i-9223372036854775808e"),
            ([], b"le"),
            ([b"spam", b"eggs"], b"l4:spam4:eggse"),
            ([1, [2, []]], b"li1eli2eleee"),
            ({}, b"de"),
            ({b"spam": b"eggs", b"cow": b"moo"}, b"d3:cow3:moo4:spam4:eggse"),
            ({b"": {b"a": [b"b"]}}, b"d0:d1:al1:beee"),
            ({b"\xff": 1, b"\x00": 2, b"\x00\x00": 3}, b"d1:\x00i2e2:\x00\x00i3e1:\xffi1ee"),
        ):
            self.assertEqual(encode(value), data)  # type: ignore[arg-type]
            self.assertEqual(decode(data), value)

    def test_a_value_of_another_type_has_no_bencoding(self) -> None:
        for value in (None, True, False, 1.0, "text", bytearray(b"a"), (1,), {1}):
            self.assertRaises(TypeError, encode, value)
            self.assertRaises(TypeError, encode, [value])
            self.assertRaises(TypeError, encode, {b"k": value})

    def test_a_key_of_another_type_has_no_bencoding(self) -> None:
        for key in ("text", 1, True, None):
            self.assertRaises(TypeError, encode, {key: b"v"})


class RefusalTests(SynchronousTestCase):
    def refused(self, data: bytes, reason: str) -> None:
        error = self.assertRaises(InvalidRecord, decode, data)
        self.assertEqual((data, error.reason), (data, reason))

    def test_integers(self) -> None:
        for digits in (
            *(b"", b"-", b"-0", b"00", b"01", b"-01", b"+1", b" 1", b"1 ", b"1.0", b"0x1", b"1_0"),
            *(b"--1", b"1-", b"\xb2", b"9" * 21, b"9" * 5000),
        ):
            self.refused(b"i" + digits + b"e", "bad-integer")
        for data in (b"i", b"i1", b"i12", b"i-", b"i" + b"9" * 5000):
            self.refused(data, "bad-integer")

    def test_byte_strings(self) -> None:
        for data in (b"1", b"1a", b"01:a", b"00:", b"1-:a", b"1" * 5000, b"9" * 21 + b":"):
            self.refused(data, "bad-integer")
        for data in (b"1:", b"5:spam", b"99999999999999999999:a"):
            self.refused(data, "truncated")

    def test_what_starts_nothing(self) -> None:
        for data in (b"", b"e", b"x", b":", b"-1:a", b" i1e", b"I1e", b"\xb2:ab", b"l", b"li1e"):
            self.refused(data, "not-bencode")
        for data in (b"d1:a", b"lx", b"d1:ae", b"d1:ax"):
            self.refused(data, "not-bencode")

    def test_what_stands_behind(self) -> None:
        for data in (b"i1ei1e", b"0:x", b"le ", b"dee", b"4:spamm"):
            self.refused(data, "trailing-bytes")

    def test_keys(self) -> None:
        for data in (b"d", b"di1ei2ee", b"dlei1ee", b"d1:ai1e", b"d-1:ai1ee", b"d1:ai1ex"):
            self.refused(data, "bad-key")
        for data in (
            *(b"d1:bi1e1:ai2ee", b"d1:ai1e1:ai2ee", b"d2:aai1e1:ai2ee", b"d1:ai1e0:i2ee"),
            b"d1:ai1e1:bi2e1:ai3ee",
        ):
            self.refused(data, "unsorted-keys")

    def test_depth(self) -> None:
        deepest = b"l" * MAX_DEPTH + b"le" + b"e" * MAX_DEPTH
        self.assertEqual(encode(decode(deepest)), deepest)
        self.refused(b"l" + deepest + b"e", "too-deep")
        self.refused(b"l" * 100_000, "too-deep")
        self.refused(b"d0:" * 100_000, "too-deep")


class PropertyTests(SynchronousTestCase):
    @PROPERTY
    @given(VALUES)
    def test_what_was_encoded_is_decoded(self, value: BValue) -> None:
        self.assertEqual(decode(encode(value)), value)

    @PROPERTY
    @given(st.binary(max_size=40) | st.text("0123456789-:ilde", max_size=20).map(str.encode))
    @example(b"d1:ai1e1:bli2e0:ee")
    def test_what_is_accepted_is_canonical(self, data: bytes) -> None:
        try:
            value = decode(data)
        except InvalidRecord:
            return
        self.assertEqual(encode(value), data)

    @PROPERTY
    @given(VALUES, st.data())
    def test_a_changed_byte_is_another_value_or_none(
        self, value: BValue, draw: st.DataObject
    ) -> None:
        data = bytearray(encode(value))
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at] ^= draw.draw(st.integers(1, 255))
        try:
            other = decode(bytes(data))
        except InvalidRecord:
            return
        self.assertNotEqual(other, value)
        self.assertEqual(encode(other), bytes(data))

    @PROPERTY
    @given(VALUES, VALUES)
    def test_no_encoding_is_the_beginning_of_another(self, a: BValue, b: BValue) -> None:
        if a != b:
            self.assertFalse(encode(a).startswith(encode(b)))
