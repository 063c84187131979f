"""Hostile texts, and what it means that a sink of text is safe from them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial import unittest

from kadtwisted.model.printable import LINE_LIMIT, printable
from tests.model.test_printable import HOSTILE

VIA = ("--bootstrap", "192.0.2.7:8000")
EACH = "".join(HOSTILE)
HOSTILE_TEXTS = (
    f"x{EACH}y",
    "no\nkad: joined the network\r\n<0>kernel: forged\x85\u2028end",
    "\x1b]0;title\x07\x1b[2J" * 1000,
)
Sink = Callable[[str], str]
"""Gives a text to something that writes, and returns all that it wrote."""


class HarmlessTestCase(unittest.SynchronousTestCase):
    """Each sink is given a harmless text and a hostile one, and must make as many lines of both."""

    def assert_harmless(self, sink: Sink) -> None:
        lines = len(sink("harmless").split("\n"))
        for text in HOSTILE_TEXTS:
            written = sink(text)
            self.assertEqual(len(written.split("\n")), lines, ascii(written[:500]))
            for line in written.split("\n"):
                longest = len(line) if line.startswith("{") else LINE_LIMIT + 100
                self.assertTrue(printable(line, longest) == line, ascii(line[:500]))
