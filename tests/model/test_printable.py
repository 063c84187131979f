"""Text from others is one line that forges nothing."""

from __future__ import annotations

import json
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial import unittest

from kadtwisted.errors import ErrorReply
from kadtwisted.model.printable import LIMIT, json_line, printable, shown

HOSTILE = (
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))),
    *("\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"),
    *("\u200e", "\u200f", "\u061c", "\u2028", "\u2029", "\ud800", "\udfff", "\udc1b"),
    *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u034f"),
    *("\u115f", "\u3164", "\uffa0", "\u2800", "\ufe0f", "\U000e0041", "\U000e0100"),
    *("\xa0", "\u3000", "\ue000", "\uffff", "\U0010ffff", "\ufff9"),
)
"""One of each kind of character that controls something, or that nobody sees."""


class PrintableTests(unittest.SynchronousTestCase):
    def test_escapes(self) -> None:
        self.assertEqual(printable("a\x1b[1m\n\x00é\t\r\x7f\x9b"), r"a\x1b[1m\n\x00é\t\r\x7f\x9b")
        self.assertEqual(printable("\u202e\u2028\ud800\u200b"), r"\u202e\u2028\ud800\u200b")
        self.assertEqual(printable("\U000e0041"), r"\U000e0041")

    def test_each_hostile_character_becomes_visible_ascii(self) -> None:
        for each in HOSTILE:
            escaped = printable(f"a{each}b")
            self.assertTrue(escaped.isascii() and escaped.isprintable(), ascii(each))
            self.assertTrue(escaped.startswith("a\\"), ascii(each))

    def test_nothing_without_width_or_category_is_left(self) -> None:
        """Over all of Unicode: what stays is a letter, mark, number, sign or the space."""
        for code in range(sys.maxunicode + 1):
            character = chr(code)
            if printable(character) == character and character != " ":
                self.assertIn(unicodedata.category(character)[0], "LMNPS", hex(code))

    def test_other_alphabets_stay(self) -> None:
        for text in ("", " ", "Жук", "猫", "ñandú", "😀", "a\\nb", "'\"%{}<>&"):
            self.assertEqual(printable(text), text)

    @given(st.text(st.characters(), max_size=60), st.integers(3, 40))
    def test_one_short_line_and_twice_changes_nothing(self, text: str, limit: int) -> None:
        line = printable(text, limit)
        self.assertLessEqual(len(line), limit)
        self.assertTrue(line.isprintable())
        self.assertEqual(printable(line, limit), line)
        self.assertLessEqual(len(line.splitlines()), 1)

    def test_length(self) -> None:
        self.assertEqual(printable("x" * LIMIT), "x" * LIMIT)
        self.assertEqual(printable("x" * (LIMIT + 1)), "x" * (LIMIT - 3) + "...")
        self.assertEqual(len(printable("\x1b" * 10_000_000)), LIMIT)
        self.assertEqual(printable("\x1b\x1b", 5), r"\x...")


class JSONTests(unittest.SynchronousTestCase):
    def test_all_texts_in_a_value(self) -> None:
        value = {"a\n": ["\x1b", {"b": ("\u202e",)}], "n": 1, "f": 0.5, "t": True, "none": None}
        self.assertEqual(
            shown(value),
            {r"a\n": [r"\x1b", {"b": [r"\u202e"]}], "n": 1, "f": 0.5, "t": True, "none": None},
        )

    def test_a_line_of_json_is_visible_ascii_and_loses_nothing(self) -> None:
        value = {each: each for each in HOSTILE}
        line = json_line(value)
        self.assertTrue(line.isascii() and line.isprintable())
        self.assertEqual(json.loads(line), value)


class ErrorTests(unittest.SynchronousTestCase):
    def test_an_error_of_another_node(self) -> None:
        for each in HOSTILE:
            sentence = str(ErrorReply(1, f"no{each}kad: forged"))
            self.assertTrue(sentence.isprintable(), ascii(each))
        self.assertIn(r"no\nkad", str(ErrorReply(1, "no\nkad")))
        self.assertLess(len(str(ErrorReply(1, "\x1b" * 1151))), 2 * LIMIT)
