"""How each kind of option reads TOML and text, and what it says of what it cannot use."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial import unittest

from kadtwisted.errors import ConfigurationError, ConfigurationProblems
from kadtwisted.model.settings.value_kinds import (
    Choice,
    Duration,
    Number,
    Text,
    TextList,
    ValueKind,
    WholeNumber,
    YesOrNo,
)
from kadtwisted.settings.checks import check_address, check_network, each_once
from kadtwisted.settings.interfaces import check_interface, one_in_each_family

BASE = Path("/base")
PORT = WholeNumber(0, 65535)
RATE = Number(0.5, 1000)
TIME = Duration(0.1, 365 * 86400)
ADDRESSES = TextList("an array of addresses", check_address, each_once)

quick = settings(max_examples=100, deadline=None, derandomize=True, database=None)


class KindTestCase(unittest.SynchronousTestCase):
    def assert_refused(self, kind: ValueKind, *values: object, said: str = "expected") -> None:
        for value in values:
            error = self.assertRaises(ConfigurationError, kind.of_toml, value, BASE)
            self.assertIn(said, str(error))
            self.assertNotIn("\n", str(error))
            if isinstance(value, str):
                self.assertRaises(ConfigurationError, kind.of_text, value, BASE)

    def assert_round_trip(self, kind: ValueKind, value: Any) -> None:
        written = tomllib.loads(f"it = {kind.to_toml(value)}")["it"]
        self.assertEqual(kind.of_toml(written, BASE), value)


class NumberTests(KindTestCase):
    def test_whole_numbers(self) -> None:
        self.assertEqual([PORT.of_text(each, BASE) for each in ("0", " 8000", "65_535")],
                         [0, 8000, 65535])  # fmt: skip
        self.assert_refused(
            PORT, "", "-1", "65536", "8e3", "9" * 5000, "port", "\u0661", -1, 65536, 1.0, True,
            None, [], said="expected a whole number from 0 to 65535, not ",
        )  # fmt: skip
        self.assertRaises(ConfigurationError, PORT.of_toml, "8000", BASE)

    def test_units_are_told(self) -> None:
        self.assert_refused(
            WholeNumber(1, 9, "bytes"), 0, said="expected a whole number of bytes from 1 to 9, not "
        )
        self.assert_refused(Number(1, 9, "datagrams a second"), 0.5, said="of datagrams a second")

    def test_only_one_number(self) -> None:
        self.assert_refused(WholeNumber(160, 160), 8, said="expected the number 160, not 8")

    def test_long_values_are_cut(self) -> None:
        error = self.assertRaises(ConfigurationError, PORT.of_toml, "x" * 500, BASE)
        self.assertLess(len(str(error)), 120)

    def test_numbers(self) -> None:
        self.assertEqual(RATE.of_toml(20, BASE), 20.0)
        self.assertEqual(RATE.of_text("2.5e1", BASE), 25.0)
        self.assert_refused(
            RATE, 0.4, 1001, math.inf, math.nan, "nan", "inf", "many", True, None,
            said="expected a number from 0.5 to 1000, not ",
        )  # fmt: skip
        self.assertRaises(ConfigurationError, RATE.of_toml, "20", BASE)

    @given(st.integers(0, 65535), st.floats(0.5, 1000))
    @quick
    def test_round_trips(self, whole: int, number: float) -> None:
        self.assert_round_trip(PORT, whole)
        self.assert_round_trip(RATE, number)


class DurationTests(KindTestCase):
    def test_seconds_and_units(self) -> None:
        for given_, seconds in (
            ("90m", 5400), ("1.5h", 5400), ("2 d", 172800), ("250ms", 0.25), ("90", 90),
            ("30s", 30), (".5", 0.5),
        ):  # fmt: skip
            self.assertEqual(TIME.of_text(given_, BASE), seconds)
            self.assertEqual(TIME.of_toml(given_, BASE), seconds)
        self.assertEqual(TIME.of_toml(90, BASE), 90.0)

    def test_refusals(self) -> None:
        self.assert_refused(
            TIME, "", "h", "1w", "-5m", "1h30", "inf", "nan", "9999d", "1e3", 0, -1, math.nan, True,
            None, said='expected a time from 0.1s to 365d (seconds, or as "90m"), not ',
        )  # fmt: skip

    def test_are_written_in_the_largest_unit(self) -> None:
        for seconds, text in (
            (172800.0, '"2d"'), (5400.0, '"90m"'), (7200.0, '"2h"'), (90.0, "90"), (0.05, "0.05"),
        ):  # fmt: skip
            self.assertEqual(TIME.to_toml(seconds), text)

    @given(st.one_of(st.integers(1, 365 * 1440).map(lambda each: 60.0 * each),
                     st.floats(0.1, 365 * 86400)))  # fmt: skip
    @quick
    def test_round_trips(self, seconds: float) -> None:
        self.assert_round_trip(TIME, seconds)


class TextTests(KindTestCase):
    def test_texts(self) -> None:
        name = Text("a network's name", check_network)
        self.assertEqual(name.of_toml("fleet", BASE), "fleet")
        self.assertEqual(name.of_text("fleet", BASE), "fleet")
        self.assert_refused(name, 7, None, [], said="expected a network's name, not ")
        self.assert_refused(name, "mainline", said="reserved")

    def test_choices(self) -> None:
        sealer = Choice(("box", "plain"))
        self.assertEqual(sealer.of_toml("box", BASE), "box")
        self.assertEqual(sealer.of_text("plain", BASE), "plain")
        self.assert_refused(sealer, "wax", "", 7, [], said="expected one of box, plain, not ")

    def test_lists(self) -> None:
        self.assertEqual(ADDRESSES.of_toml(["a:1", "b:2"], BASE), ("a:1", "b:2"))
        self.assertEqual(ADDRESSES.of_text("a:1, b:2  c:3", BASE), ("a:1", "b:2", "c:3"))
        self.assertEqual(ADDRESSES.of_toml([], BASE), ())
        for value in ("a:1", ["a:1", 2], None):
            error = self.assertRaises(ConfigurationError, ADDRESSES.of_toml, value, BASE)
            self.assertIn("expected an array of addresses, not ", str(error))

    def test_each_wrong_item_is_told(self) -> None:
        wrong = self.assertRaises(
            ConfigurationProblems, ADDRESSES.of_toml, ["nowhere", "a:1", "b:x"], BASE
        )
        self.assertEqual(len(wrong.problems), 2)
        self.assertIn("'nowhere'", wrong.problems[0])
        self.assertIn("'b:x'", wrong.problems[1])

    def test_what_is_wrong_together(self) -> None:
        interfaces = TextList("an array of IP addresses", check_interface, one_in_each_family)
        self.assertIn(
            "at most one",
            str(self.assertRaises(ConfigurationError, interfaces.of_text, "::1,::2", BASE)),
        )

    def test_each_is_checked_once(self) -> None:
        seen: list[str] = []

        def check(text: str) -> str:
            seen.append(text)
            return text.upper()

        kind = TextList("texts", check, lambda texts: texts[::-1])
        self.assertEqual(kind.of_text("a b", BASE), ("B", "A"))
        self.assertEqual(seen, ["a", "b"])

    def test_yes_or_no(self) -> None:
        kind = YesOrNo()
        self.assertEqual([kind.of_text(each, BASE) for each in ("true", "false")], [True, False])
        self.assertEqual([kind.of_toml(each, BASE) for each in (True, "false")], [True, False])
        self.assert_refused(kind, "1", "", 1, None, said="expected true or false, not ")
        self.assertEqual([kind.to_toml(True), kind.to_toml(False)], ["true", "false"])

    @given(st.text(st.characters(exclude_categories=("Cs",))))
    @quick
    def test_round_trips(self, text: str) -> None:
        self.assert_round_trip(Text("a text"), text)
        self.assert_round_trip(TextList("texts"), (text, text))
