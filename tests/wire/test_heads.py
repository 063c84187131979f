"""Heads written by hand against the CBOR library, which is their oracle."""

from __future__ import annotations

from cbor2 import dumps
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.wire.heads import (
    ARRAY,
    FALSE,
    NEGATIVE,
    NULL,
    TRUE,
    UNSIGNED,
    byte_string,
    head,
)

EDGES = (0, 23, 24, 255, 256, 65535, 65536, (1 << 32) - 1, 1 << 32, (1 << 64) - 1)


class HeadTests(SynchronousTestCase):
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 64).flatmap(lambda bits: st.integers(0, (1 << bits) - 1 if bits else 0)))
    def test_integers(self, number: int) -> None:
        self.assertEqual(head(UNSIGNED, number), dumps(number))
        self.assertEqual(head(NEGATIVE, number), dumps(-1 - number))

    def test_the_edges_of_each_width(self) -> None:
        for number in EDGES:
            self.assertEqual(head(UNSIGNED, number), dumps(number))
            self.assertEqual(head(NEGATIVE, number), dumps(-1 - number))

    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2000))
    @example(1232)
    @example(1233)
    @example(65535)
    @example(65536)
    def test_byte_strings(self, length: int) -> None:
        self.assertEqual(byte_string(b"x" * length), dumps(b"x" * length))

    def test_arrays(self) -> None:
        for length in (0, 1, 23, 24, 256):
            self.assertEqual(head(ARRAY, length) + b"\x07" * length, dumps([7] * length))

    def test_the_three_that_are_whole_items(self) -> None:
        self.assertEqual((FALSE, TRUE, NULL), (dumps(False), dumps(True), dumps(None)))
