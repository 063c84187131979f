"""Kinds of values that need the machine, or other kinds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from kadtwisted.constants import DAY
from kadtwisted.errors import ConfigurationError
from kadtwisted.model.settings.value_kinds import Duration, ValueKind, WholeNumber
from kadtwisted.settings.kinds import FilePath, Several

BASE = Path("/base")

quick = settings(max_examples=100, deadline=None, derandomize=True, database=None)


class KindTestCase(unittest.SynchronousTestCase):
    def assert_refused(self, kind: ValueKind, *values: object, said: str) -> None:
        for value in values:
            error = self.assertRaises(ConfigurationError, kind.of_toml, value, BASE)
            self.assertIn(said, str(error))

    def assert_round_trip(self, kind: ValueKind, value: Any) -> None:
        written = tomllib.loads(f"it = {kind.to_toml(value)}")["it"]
        self.assertEqual(kind.of_toml(written, BASE), value)


class PathTests(KindTestCase):
    def test_paths(self) -> None:
        path = FilePath("the path of a file")
        self.assertEqual(path.of_toml("here/file", BASE), Path("/base/here/file"))
        self.assertEqual(path.of_text("/there", BASE), Path("/there"))
        self.assertEqual(path.of_text("~/file", BASE), Path("~/file").expanduser())
        self.assert_refused(path, "", "a\0b", 7, said="expected the path of a file, not ")

    @given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
    @quick
    def test_round_trips(self, text: str) -> None:
        if "\0" not in text and not text.startswith("~"):
            self.assert_round_trip(FilePath("a path"), BASE / text)


class SeveralTests(KindTestCase):
    SIZES = Several(WholeNumber(2, 9))
    TIMES = Several(Duration(1.0, DAY))

    def test_sizes(self) -> None:
        self.assertEqual(self.SIZES.of_toml(3, BASE), (3,))
        self.assertEqual(self.SIZES.of_toml([3, 4], BASE), (3, 4))
        self.assertEqual(self.SIZES.of_text("3, 4", BASE), (3, 4))
        self.assertEqual([self.SIZES.to_toml((3,)), self.SIZES.to_toml((3, 4))], ["3", "[3, 4]"])

    def test_times(self) -> None:
        self.assertEqual(self.TIMES.of_toml("90m", BASE), (5400.0,))
        self.assertEqual(self.TIMES.of_toml([30, "1h"], BASE), (30.0, 3600.0))
        self.assertEqual(self.TIMES.of_text("24h, 5m", BASE), (DAY, 300.0))
        self.assertEqual(self.TIMES.to_toml((300.0, 3600.0)), '["5m", "1h"]')

    def test_others_are_refused_with_what_is_expected(self) -> None:
        self.assert_refused(self.SIZES, [], said="one or more values, each a whole number from 2")
        self.assert_refused(self.SIZES, [1], 10, "3", [True], said="a whole number from 2 to 9")
        self.assert_refused(self.TIMES, [], 0.5, "soon", [60, "2d"], said="a time from 1s to 1d")

    @given(st.lists(st.integers(2, 9), min_size=1))
    @quick
    def test_round_trips(self, numbers: list[int]) -> None:
        self.assert_round_trip(self.SIZES, tuple(numbers))
