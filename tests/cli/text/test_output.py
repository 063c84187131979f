"""Texts for people."""

from __future__ import annotations

import io

from twisted.trial import unittest

from kadtwisted.api import describe
from kadtwisted.cli.text import output
from kadtwisted.model.results import NodesResult
from tests.daemon.fakes import NAME_KEY, TRACE


class NumberTests(unittest.SynchronousTestCase):
    def test_durations(self) -> None:
        for seconds, text in ((0, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"),
                              (3600, "1 h"), (3601, "1 h"), (7980, "2 h 13 min"),
                              (90061, "1 d 1 h")):  # fmt: skip
            self.assertEqual(output.duration(seconds), text)

    def test_milliseconds(self) -> None:
        self.assertEqual(
            [output.milliseconds(each) for each in (0.00042, 0.0173, 1.204)],
            ["0.42 ms", "17.3 ms", "1,204 ms"],
        )

    def test_sizes(self) -> None:
        self.assertEqual(
            [output.size(each) for each in (0, 1023, 1024, 5 << 20, 3 << 40)],
            ["0 bytes", "1,023 bytes", "1.0 KiB", "5.0 MiB", "3,072.0 GiB"],
        )

    def test_what_a_text_is_made_of_is_printable_before(self) -> None:
        stderr = io.StringIO()
        told: list[object] = []
        writing = output.Output(io.BytesIO(), stderr, as_json=False)
        writing.tell({"a": "a\x1b[1m\n\x00é"}, lambda shown: told.append(shown) or "one\n\x1btwo")
        self.assertEqual(told, [{"a": r"a\x1b[1m\n\x00é"}])
        self.assertEqual(stderr.getvalue(), "one\n\\x1btwo\n")


class PictureTests(unittest.SynchronousTestCase):
    def test_no_nodes(self) -> None:
        nothing = describe.of_nodes(NodesResult(NAME_KEY, (), TRACE))
        self.assertEqual(output.nodes_text(nothing), "no nodes")
