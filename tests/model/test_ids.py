"""Node IDs: the XOR metric, the forms people and the wire use, and IDs drawn at random."""

from __future__ import annotations

import hashlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidKey
from kadtwisted.model.ids import (
    NodeID,
    common_prefix,
    distance,
    id_from_bytes,
    id_from_hex,
    id_to_bytes,
    id_to_hex,
    key_of_name,
    random_id,
    random_id_with_prefix,
)
from kadtwisted.testing.strategies import ids

BYTE = ids(8)
PROPERTY = settings(max_examples=100, deadline=None, derandomize=True, database=None)


class MetricTests(SynchronousTestCase):
    """The four properties of section 2.1 that a lookup relies on."""

    @PROPERTY
    @given(BYTE, BYTE)
    def test_is_zero_only_between_equal_ids(self, a: NodeID, b: NodeID) -> None:
        self.assertEqual(distance(a, b) == 0, a == b)
        self.assertGreaterEqual(distance(a, b), 0)

    @PROPERTY
    @given(ids(), ids())
    def test_is_symmetric(self, a: NodeID, b: NodeID) -> None:
        self.assertEqual(distance(a, b), distance(b, a))

    @PROPERTY
    @given(BYTE, BYTE, BYTE)
    def test_obeys_the_triangle_inequality(self, a: NodeID, b: NodeID, c: NodeID) -> None:
        self.assertLessEqual(distance(a, c), distance(a, b) + distance(b, c))

    def test_is_unidirectional(self) -> None:
        for target in (0b0000_0000, 0b1010_0101, 0b1111_1111):
            met = {distance(NodeID(target), NodeID(other)) for other in range(256)}
            self.assertEqual(len(met), 256)

    def test_is_the_exclusive_or(self) -> None:
        self.assertEqual(distance(NodeID(0b1100_0011), NodeID(0b1010_0011)), 0b0110_0000)


class PrefixTests(SynchronousTestCase):
    @PROPERTY
    @given(BYTE, BYTE)
    def test_agrees_with_counting_digits(self, a: NodeID, b: NodeID) -> None:
        pairs = zip(f"{a:08b}", f"{b:08b}", strict=True)
        shared = 0
        for one, other in pairs:
            if one != other:
                break
            shared += 1
        self.assertEqual(common_prefix(a, b, 8), shared)

    @PROPERTY
    @given(BYTE, BYTE, BYTE)
    def test_a_longer_prefix_is_nearer(self, a: NodeID, b: NodeID, c: NodeID) -> None:
        if common_prefix(a, b, 8) > common_prefix(a, c, 8):
            self.assertLess(distance(a, b), distance(a, c))

    def test_the_live_network_has_160_bits(self) -> None:
        self.assertEqual(common_prefix(NodeID(5), NodeID(5)), 160)
        self.assertEqual(common_prefix(NodeID(0), NodeID(1)), 159)
        self.assertEqual(common_prefix(NodeID(0), NodeID(1 << 159)), 0)


class FormTests(SynchronousTestCase):
    @PROPERTY
    @given(ids())
    def test_bytes_and_digits_lead_back(self, node_id: NodeID) -> None:
        self.assertEqual(id_from_bytes(id_to_bytes(node_id)), node_id)
        self.assertEqual(id_from_hex(id_to_hex(node_id)), node_id)
        self.assertEqual(id_from_hex(id_to_hex(node_id).upper()), node_id)

    @PROPERTY
    @given(st.binary(min_size=20, max_size=20))
    def test_both_forms_are_the_same_bytes(self, raw: bytes) -> None:
        self.assertEqual(id_to_bytes(id_from_bytes(raw)), raw)
        self.assertEqual(id_to_hex(id_from_bytes(raw)), raw.hex())

    @PROPERTY
    @given(ids(), ids())
    def test_order_is_the_order_of_the_bytes(self, a: NodeID, b: NodeID) -> None:
        self.assertEqual(a < b, id_to_bytes(a) < id_to_bytes(b))

    def test_other_lengths_are_no_id(self) -> None:
        for length in (0, 1, 19, 21, 32):
            error = self.assertRaises(InvalidKey, id_from_bytes, bytes(length))
            self.assertIn(str(length), str(error))

    def test_other_texts_are_no_id(self) -> None:
        digits = "0123456789" * 4
        for text in (
            "",
            digits[1:],
            digits + "0",
            "g" + digits[1:],
            "0x" + digits[2:],
            " " + digits[1:],
            digits[:-1] + "\n",
            "+" + digits[1:],
            "1_" + digits[2:],
            "\N{FULLWIDTH DIGIT ONE}" + digits[1:],
        ):
            self.assertRaises(InvalidKey, id_from_hex, text)


class NameTests(SynchronousTestCase):
    def test_is_sha1_of_the_text(self) -> None:
        for name in ("a", "mykey", "Schlüssel", "x" * 10_000, " ", "\0"):
            digest = hashlib.sha1(name.encode()).hexdigest()
            self.assertEqual(id_to_hex(key_of_name(name)), digest)

    def test_a_published_digest(self) -> None:
        """FIPS 180-4's first example."""
        self.assertEqual(id_to_hex(key_of_name("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d")

    def test_names_are_neither_cut_nor_padded_nor_folded(self) -> None:
        names = ("a", "a ", "A", "a\0", "á", "a\u0301", "a" * 20, "a" * 21, "a" * 40)
        self.assertEqual(len({key_of_name(name) for name in names}), len(names))

    def test_an_empty_name_is_no_key(self) -> None:
        self.assertIn("empty", str(self.assertRaises(InvalidKey, key_of_name, "")))

    def test_half_a_character_is_no_key(self) -> None:
        self.assertRaises(InvalidKey, key_of_name, "\ud800")


class RandomTests(SynchronousTestCase):
    def test_reaches_every_id_about_as_often(self) -> None:
        source = random.Random(1)
        drawn = [random_id(source, 3) for _ in range(8_000)]
        for each in range(8):
            self.assertApproximates(drawn.count(NodeID(each)), 1_000, 150)

    def test_has_160_bits(self) -> None:
        source = random.Random(2)
        drawn = [random_id(source) for _ in range(64)]
        self.assertEqual(len(set(drawn)), 64)
        self.assertEqual(max(drawn).bit_length(), 160)

    @PROPERTY
    @given(BYTE, st.integers(0, 8), st.integers(0, 1000))
    def test_keeps_the_prefix(self, prefix: NodeID, length: int, seed: int) -> None:
        drawn = random_id_with_prefix(random.Random(seed), prefix, length, 8)
        self.assertIn(drawn, range(256))
        self.assertGreaterEqual(common_prefix(prefix, drawn, 8), length)

    def test_every_id_of_a_prefix_is_drawn_and_no_other(self) -> None:
        source = random.Random(3)
        prefix = NodeID(0b1011_0110)
        drawn = {random_id_with_prefix(source, prefix, 5, 8) for _ in range(300)}
        self.assertEqual(drawn, set(range(0b1011_0000, 0b1011_1000)))

    def test_a_whole_prefix_leaves_one(self) -> None:
        whole = NodeID((1 << 160) - 3)
        self.assertEqual(random_id_with_prefix(random.Random(4), whole, 160), whole)
