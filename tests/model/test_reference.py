"""References: one text each, and a checksum that notices mistakes."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidReference, InvalidSalt
from kadtwisted.model.ids import id_to_bytes, key_of_bytes, key_of_name
from kadtwisted.model.record import Immutable, Mutable, Value
from kadtwisted.model.reference import (
    Reference,
    checksum,
    is_bech32m,
    is_reference,
    parse_reference,
    reference_of,
)

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
KEY = bytes(range(32))
HASH = id_to_bytes(key_of_bytes(b"12:Hello World!"))
REFERENCES = (
    Reference(1, id_to_bytes(key_of_name("greeting"))),
    Reference(2, HASH),
    Reference(3, KEY),
    Reference(3, KEY, b"s"),
    Reference(3, KEY, b"\0" * 64),
)

# BIP 350, test vectors: valid Bech32m, and an invalid one; two of BIP 173, with its checksum.
VALID = (
    "A1LQFN3A",
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
    "?1v759aa",
)
INVALID = ("M1VUXWEZ", "A12UEL5L", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")


def parts(text: str) -> tuple[str, list[int]]:
    hrp, _, data = text.lower().rpartition("1")
    return hrp, [ALPHABET.index(each) for each in data]


references = st.one_of(
    st.builds(Reference, st.sampled_from((1, 2)), st.binary(min_size=20, max_size=20)),
    st.builds(Reference, st.just(3), st.binary(min_size=32, max_size=32), st.binary(max_size=64)),
)


class TextTests(SynchronousTestCase):
    def test_the_vectors_of_bip_350(self) -> None:
        for text in VALID:
            hrp, letters = parts(text)
            self.assertTrue(is_bech32m(hrp, letters), text)
            self.assertEqual(checksum(hrp, letters[:-6]), letters[-6:], text)
        for text in INVALID:
            self.assertFalse(is_bech32m(*parts(text)), text)

    def test_known_texts(self) -> None:
        texts = [str(each) for each in REFERENCES]
        self.assertEqual(
            texts[:3],
            [
                "kad:p5rm7w70ey36kdjzqxmc8777lffq2s6dare70jp",
                "kad:zuhuk7mecxg8s7vu4nj6d84jkg5s302kmzu5g4y",
                "kad:rqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0s7ltq55",
            ],
        )
        for text, each in zip(texts, REFERENCES, strict=True):
            self.assertEqual(text.replace(":", "1")[:4], "kad1")
            self.assertTrue(is_bech32m(*parts("kad1" + text[4:])))
            self.assertEqual(parse_reference(text), each)
            self.assertEqual(parse_reference(text.upper()), each)
            self.assertEqual(parse_reference(f" {text}\n"), each)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(references)
    def test_there_and_back(self, reference: Reference) -> None:
        self.assertEqual(parse_reference(str(reference)), reference)

    def test_keys(self) -> None:
        self.assertEqual(REFERENCES[0].key, key_of_name("greeting"))
        self.assertEqual(id_to_bytes(REFERENCES[1].key), HASH)
        self.assertEqual(REFERENCES[3].key, key_of_bytes(KEY + b"s"))

    def test_records_name_theirs(self) -> None:
        for record, reference in (
            (Value(key_of_name("greeting"), 1, False, b"0:"), REFERENCES[0]),
            (Immutable(b"12:Hello World!"), REFERENCES[1]),
            (Mutable(KEY, b"s", 1, bytes(64), b"0:"), REFERENCES[3]),
            (b"a record of another kind", None),
        ):
            self.assertEqual(reference_of(record), reference)
            if reference is not None:
                self.assertEqual(record.key, reference.key)


class MistakeTests(SynchronousTestCase):
    def assert_mistyped(self, text: str) -> None:
        error = self.assertRaises(InvalidReference, parse_reference, text)
        self.assertIn("mistyped", str(error))

    def test_every_mistyped_letter(self) -> None:
        for text, others in ((str(REFERENCES[1]), ALPHABET + "b1o:K "), (str(REFERENCES[4]), "q7")):
            for at in range(len(text)):
                for other in others:
                    if other != text[at]:
                        self.assert_mistyped(text[:at] + other + text[at + 1 :])

    def test_letters_that_are_swapped_left_out_or_typed_twice(self) -> None:
        for text in map(str, REFERENCES[:3]):
            for at in range(len(text)):
                self.assert_mistyped(text[:at] + text[at + 1 :])
                self.assert_mistyped(text[:at] + text[at] + text[at:])
                swapped = text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
                if swapped != text:
                    self.assert_mistyped(swapped)

    def test_up_to_three_letters_anywhere(self) -> None:
        source = random.Random(1)
        text = str(REFERENCES[4])
        for count in (2, 3):
            for places in source.sample([*combinations(range(4, 60), count)], 150):
                letters = [*text]
                for at in places:
                    letters[at] = source.choice([e for e in ALPHABET if e != text[at]])
                self.assert_mistyped("".join(letters))

    def test_texts_that_are_none(self) -> None:
        for text in ("", "kad:", "kad:qqqqqq", "kad1" + str(REFERENCES[1])[4:], "name", "x" * 9999):
            self.assert_mistyped(text)
        mixed = str(REFERENCES[1])
        self.assert_mistyped(mixed[:9] + mixed[9:].upper())
        wrong: Any = b"kad:"
        self.assertRaises(InvalidReference, parse_reference, wrong)

    def test_a_good_checksum_over_what_means_nothing(self) -> None:
        def text(letters: list[int]) -> str:
            return "kad:" + "".join(ALPHABET[e] for e in (*letters, *checksum("kad", letters)))

        zeros = [0] * 32
        self.assertEqual(parse_reference(text([1, *zeros])).name, bytes(20))
        self.assertEqual(str(Reference(3, bytes(32))), text([3, *[0] * 52]))
        for letters in (
            [0, *zeros],  # a kind of the future
            [4, *zeros],
            [1, *zeros[1:]],  # 19 bytes, and 3 bits
            [1, *zeros, 0, 0],  # a key with a salt
            [3, *zeros],  # no whole public key
            [3, *[0] * 51, 1],  # bits that fill up are not zeros
            [3, *[0] * 54],  # a group more than is needed
            [3],
            [],
        ):
            error = self.assertRaises(InvalidReference, parse_reference, text(letters))
            self.assertNotIn("\n", str(error))

    def test_parts_that_do_not_fit(self) -> None:
        for kind, name in ((1, KEY), (2, b""), (3, HASH), (4, HASH), (0, HASH), (1, "x" * 20)):
            wrong: Any = name
            self.assertRaises(InvalidReference, Reference, kind, wrong)
        self.assertRaises(InvalidSalt, Reference, 3, KEY, bytes(65))
        self.assertRaises(InvalidSalt, Reference, 2, HASH, b"salt")
        wrong = "salt"
        self.assertRaises(InvalidSalt, Reference, 3, KEY, wrong)

    def test_what_looks_like_one(self) -> None:
        for text in ("kad:", "KAD:x", str(REFERENCES[0])):
            self.assertTrue(is_reference(text))
        for text in ("", "kad", "kad1q", "akad:"):
            self.assertFalse(is_reference(text))
