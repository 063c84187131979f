"""The commented file with all options says what the daemon does."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.model.settings.fields import help_of
from kadtwisted.settings.loading import Configuration
from kadtwisted.settings.options import OPTIONS, TABLES
from kadtwisted.settings.sample import describe_options, sample

ROOT = Path(__file__).resolve().parents[2]


class SampleTests(unittest.SynchronousTestCase):
    def test_etc_has_what_is_printed(self) -> None:
        """If this fails: ``kad config show > etc/node.toml``."""
        self.assertEqual((ROOT / "etc" / "node.toml").read_text("utf-8"), sample())

    def test_as_it_is_it_sets_nothing(self) -> None:
        tables = tomllib.loads(sample())
        self.assertTrue(tables)
        self.assertTrue(all(table == {} for table in tables.values()))

    def test_with_every_line_in_force_it_sets_the_defaults(self) -> None:
        path = Path(self.mktemp())
        lines = sample().splitlines()
        path.write_text(
            "\n".join(
                line[1:] if line[:1] == "#" and line[1:2] not in ("", " ") else line
                for line in lines
                if not line.startswith("#network_secret_file")
            )
        )
        given = Configuration({"XDG_STATE_HOME": "/x"}, file=str(path)).load().given
        self.assertEqual(set(given), set(OPTIONS) - {"network_secret_file"})
        for key, each in given.items():
            if OPTIONS[key].example is None:
                self.assertEqual(each.value, OPTIONS[key].default, key)

    def test_lines_fit(self) -> None:
        self.assertLess(max(map(len, sample().splitlines())), 100)

    def test_helps_are_those_of_the_fields(self) -> None:
        for table, made in TABLES.items():
            for each in fields(made):
                self.assertEqual(OPTIONS[f"{table}.{each.name}"].help, help_of(each))
        self.assertIn("k-bucket", OPTIONS["parameters.k"].help)

    def test_every_option_has_its_help(self) -> None:
        self.assertEqual([each["key"] for each in describe_options() if not each["help"]], [])

    def test_descriptions_are_plain_values(self) -> None:
        described = {each["key"]: each for each in describe_options()}
        self.assertEqual(list(described), list(OPTIONS))
        self.assertEqual(
            described["interfaces"],
            {
                "key": "interfaces",
                "default": ["0.0.0.0"],
                "expected": "an array of IP addresses",
                "help": OPTIONS["interfaces"].help,
                "variable": "KADTWISTED_INTERFACES",
                "argument": "--interface",
                "reloadable": False,
            },
        )
        self.assertIsNone(described["state_dir"]["default"])
        self.assertIsNone(described["network_secret_file"]["default"])
        self.assertIsNone(described["upkeep.rate"]["argument"])
        self.assertIn("on average", described["upkeep.rate"]["help"])
