"""Parts of a query: read, or refused with a sentence."""

from __future__ import annotations

from typing import Any

from twisted.trial import unittest

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.web import parameters
from kadtwisted.web.parameters import MOST_WAIT, read_query

COUNT = parameters.whole("count", "How many.", 1, 9)
SECONDS = parameters.number("seconds", "How long.")
KEEP = parameters.truth("keep", "Whether.")
WAIT = parameters.span("wait", "How long.")
MODE = parameters.choice("mode", "Which.", "first", "latest")
AFTER = parameters.text("after", "Where.", "[a-c]{2}", "two letters")
ALL = (COUNT, SECONDS, KEEP, WAIT, MODE, AFTER)


class ReadingTests(unittest.SynchronousTestCase):
    def read(self, name: str, text: str) -> Any:
        return read_query([(name, text)], ALL)[name]

    def test_good_values(self) -> None:
        for name, text, value in (
            ("count", "1", 1),
            ("count", "9", 9),
            ("seconds", "0.5", 0.5),
            ("seconds", "3600", 3600.0),
            ("keep", "true", True),
            ("keep", "false", False),
            ("wait", "30s", 30.0),
            ("wait", "2m", 120.0),
            ("wait", "500ms", 0.5),
            ("wait", "1.5", 1.5),
            ("wait", "99h", MOST_WAIT),
            ("mode", "first", "first"),
            ("after", "ab", "ab"),
        ):
            self.assertEqual(self.read(name, text), value)

    def test_others(self) -> None:
        for name, words, texts in (
            ("count", "from 1 to 9", ("0", "10", "", "x", "1.0", "-1", "9" * 5000, "٣", "1\n")),
            ("seconds", "above 0", ("0", "nan", "inf", "1e5", "-1", "", " 1", "9" * 400)),
            ("keep", "true or false", ("1", "yes", "TRUE", "")),
            ("wait", "30s", ("-1", "s", "1d", "1 s", "", "1s\n")),
            ("mode", "first or latest", ("", "First")),
            ("after", "two letters", ("abc", "", "a\n")),
        ):
            for text in texts:
                with self.assertRaises(InvalidRequest) as caught:
                    self.read(name, text)
                self.assertIn(words, str(caught.exception), (name, text))

    def test_what_is_not_known_comes_twice_or_is_missed(self) -> None:
        for given, words in (
            ([("cuont", "1")], "it may have count"),
            ([("count", "1"), ("count", "1")], "twice"),
            ([], "lacks count"),
        ):
            with self.assertRaises(InvalidRequest) as caught:
                read_query(given, [COUNT._replace(required=True)])
            self.assertIn(words, str(caught.exception))
        with self.assertRaises(InvalidRequest) as caught:
            read_query([("x", "1")], [])
        self.assertIn("it may have nothing", str(caught.exception))
