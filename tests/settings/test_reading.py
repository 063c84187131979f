"""Values are collected from their sources, then read by their kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial import unittest

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.model.settings.value_kinds import Duration, TextList, WholeNumber
from kadtwisted.settings.problems import Problems
from kadtwisted.settings.reading import (
    Argument,
    Given,
    Raw,
    Vocabulary,
    of_arguments,
    of_document,
    read,
)

HERE = Path("/here")
KNOWN = Vocabulary(
    "thing",
    {"count": WholeNumber(1, 9), "names": TextList("names"), "pace.every": Duration(1, 60)},
    ("pace",),
)


class ReadingTestCase(unittest.SynchronousTestCase):
    def setUp(self) -> None:
        self.problems = Problems()

    def told(self) -> list[str]:
        error = self.assertRaises(ConfigurationProblems, self.problems.tell)
        return list(error.problems)


class CollectingTests(ReadingTestCase):
    def of_document(self, document: dict[str, Any], file: str = "") -> list[Raw]:
        return list(of_document(document, file, HERE, KNOWN, self.problems))

    def test_documents(self) -> None:
        raws = self.of_document({"count": 3, "pace": {"every": "5s"}}, "f.toml")
        self.assertEqual(
            raws,
            [
                Raw("count", "f.toml: count", 3, HERE, of_toml=True),
                Raw("pace.every", "f.toml: pace.every", "5s", HERE, of_toml=True),
            ],
        )
        self.assertEqual([each.place for each in self.of_document({"count": 3})], ["count"])
        self.problems.tell()

    def test_unknown_names_in_documents(self) -> None:
        self.assertEqual(
            self.of_document({"cuont": 3, "pace": 7, "pcae": {}, "other": {"every": 1}}), []
        )
        self.assertEqual(
            self.told(),
            [
                "cuont: there is no such thing; did you mean count?",
                "pace: expected a table, not 7",
                "pcae: there is no such table; did you mean pace?",
                "other: there is no such table",
            ],
        )

    def test_command_lines(self) -> None:
        given = [
            Argument("--count", "count", "1"),
            Argument("--name", "names", "a"),
            Argument("--count", "count", "2"),
            Argument("--name", "names", "b"),
            Argument("--set every", "every", "1"),
        ]
        self.assertEqual(
            list(of_arguments(given, HERE, KNOWN, self.problems)),
            [Raw("count", "--count", "2", HERE), Raw("names", "--name", "a,b", HERE)],
        )
        self.assertEqual(
            self.told(), ["--set every: there is no such thing; did you mean pace.every?"]
        )


class ReadTests(ReadingTestCase):
    def test_each_value_by_its_kind(self) -> None:
        raws = [
            Raw("count", "--count", "3", HERE),
            Raw("pace.every", "f.toml: pace.every", 5, HERE, of_toml=True),
            Raw("names", "NAMES", "a b", HERE),
        ]
        given = read(raws, KNOWN, self.problems)
        self.assertEqual(given["count"], Given("count", 3, "--count"))
        self.assertEqual(given["pace.every"].value, 5.0)
        self.assertEqual(given["pace.every"].source, "f.toml")
        self.assertEqual((given["names"].value, given["names"].source), (("a", "b"), "NAMES"))

    def test_what_a_kind_refuses_is_left_out(self) -> None:
        raws = [Raw("count", "--count", "x", HERE), Raw("names", "NAMES", "a", HERE)]
        self.assertEqual(set(read(raws, KNOWN, self.problems)), {"names"})
        self.assertEqual(self.told(), ["--count: expected a whole number from 1 to 9, not 'x'"])

    def test_toml_has_types_and_texts_have_none(self) -> None:
        read([Raw("count", "f: count", "3", HERE, of_toml=True)], KNOWN, self.problems)
        self.assertEqual(self.told(), ["f: count: expected a whole number from 1 to 9, not '3'"])
