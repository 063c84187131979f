"""The lines of --from: which are good, and how bad ones are told."""

from __future__ import annotations

import io
import json

from twisted.trial import unittest

from kadtwisted.cli.verbs.records.lines import (
    MAX_LINE,
    TOLD,
    BadLines,
    check_all,
    read_all,
    to_get,
    to_put,
)
from kadtwisted.model.ids import id_from_hex, key_of_name

HEX = "ab" * 20


class LineTests(unittest.SynchronousTestCase):
    def test_values_to_put(self) -> None:
        for text, key, name in (
            ('{"key": "a", "value": "é"}', key_of_name("a"), "a"),
            ('{"key_hex": "%s", "value_base64": "/w=="}' % HEX, id_from_hex(HEX), HEX),
            ('{"key": "a", "value": "", "lifetime": 60}', key_of_name("a"), "a"),
        ):
            line = to_put(7, text.encode())
            self.assertEqual((line.number, line.key, line.name), (7, key, name))
            self.assertEqual(line.request, json.loads(text))

    def test_values_to_get(self) -> None:
        for text, request in (
            ("a name\n", {"key": "a name"}),
            (f'{{"key_hex": "{HEX}"}}', {"key_hex": HEX}),
            ('{"key": "{"}\r\n', {"key": "{"}),
        ):
            self.assertEqual(to_get(1, text.encode()).request, request)

    def test_the_digest_is_of_what_a_line_says(self) -> None:
        same = [b'{"key": "a", "value": "v"}', b'{"value_base64":"dg==","key":"a"}\n']
        others = [b'{"key": "b", "value": "v"}', b'{"key": "a", "value": "v", "lifetime": 9}']
        self.assertEqual(len({to_put(1, each).digest for each in same}), 1)
        self.assertEqual(len({to_put(1, each).digest for each in (same[0], *others)}), 3)
        self.assertNotEqual(to_get(1, b"a").digest, to_get(1, b"b").digest)

    def test_bad_values(self) -> None:
        for text, words in (
            (b"name", "it is no object like"),
            (b"[1]", "it is no object like"),
            (b'{"key": "a"}', "it is no object like"),
            (b'{"key": "a", "value": "v", "value_base64": "dg=="}', "it is no object like"),
            (b'{"key": "a", "value": 7}', "it is no object like"),
            (b'{"key": "a", "value": "v", "lifetime": NaN}', "it is no object like"),
            (b'{"key": "a", "value": "v", "life": 7}', "it is no object like"),
            (b'{"key": "a", "value": "v", "value": "w"}', "it has 'value' twice"),
            (b'{"key": "a", "value": "\\ud800"}', "no text in UTF-8"),
            (b'{"key": "", "value": "v"}', "a key cannot be empty"),
            (b'{"key": "\xff", "value": "v"}', "no text in UTF-8"),
            (
                b'{"key": "a", "value": "%s"}' % (b"v" * 1000),
                "takes 1,005 bytes",
            ),
            (b'{"key": "a", "value": "v", "lifetime": 0}', "more than 0 seconds"),
            (b"[" * 20000, "it is no object like"),
        ):
            error = self.assertRaises(BadLines, to_put, 1, text)
            self.assertIn(words, str(error))

    def test_bad_names(self) -> None:
        for text, words in (
            (b"\xff", "no text in UTF-8"),
            (b"{", "it is no name, and no object"),
            (b'{"name": "a"}', "it is no name, and no object"),
            (b"kad:nonsense", "reference"),
        ):
            error = self.assertRaises(BadLines, to_get, 1, text)
            self.assertIn(words, str(error))

    def test_all_are_checked_before_any_is_read(self) -> None:
        stream = io.BytesIO(b"a\n\n  \nb\nlast")
        self.assertEqual(check_all(stream, to_get, self.fail), (3, 5))
        found = [(each.number, each.name) for each in read_all(stream, to_get)]
        self.assertEqual(found, [(1, "a"), (4, "b"), (5, "last")])

    def test_the_first_bad_lines_are_told(self) -> None:
        told: list[str] = []
        stream = io.BytesIO(b"a\n" + b"{\n" * (TOLD + 5) + b"b\n" + b"x" * (3 * MAX_LINE) + b"\n")
        error = self.assertRaises(BadLines, check_all, stream, to_get, told.append)
        self.assertEqual(str(error), "16 lines are bad, of 18: nothing was sent")
        self.assertEqual(len(told), TOLD)
        self.assertIn("line 2: it is no name", told[0])

    def test_a_long_line(self) -> None:
        told: list[str] = []
        stream = io.BytesIO(b"x" * (3 * MAX_LINE) + b"\nb\n")
        error = self.assertRaises(BadLines, check_all, stream, to_get, told.append)
        self.assertEqual(str(error), "1 line is bad, of 2: nothing was sent")
        self.assertEqual(told, [f"line 1: it has more than {MAX_LINE:,} bytes"])
        error = self.assertRaises(BadLines, list, read_all(stream, to_get))
        self.assertIn("line 1: it has more than", str(error))

    def test_what_a_request_could_not_carry(self) -> None:
        """Requests are ASCII, and there a name of other letters is up to three times as long."""
        name = json.dumps({"key": "é" * 8000, "value": "v"}, ensure_ascii=False).encode()
        for text, read in ((name, to_put), ("é".encode() * 8000, to_get), (b"\x01" * 8000, to_get)):
            told: list[str] = []
            self.assertRaises(BadLines, check_all, io.BytesIO(text), read, told.append)
            self.assertIn(f"line 1: it has more than {MAX_LINE:,} bytes where", told[0])
        self.assertEqual(check_all(io.BytesIO("é".encode() * 5000), to_get, self.fail), (1, 1))

    def test_a_byte_order_mark_is_no_part_of_a_name(self) -> None:
        stream = io.BytesIO("\ufeffa\n\ufeffb\n".encode())
        self.assertEqual([each.name for each in read_all(stream, to_get)], ["a", "\ufeffb"])
