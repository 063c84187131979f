"""The commented file with all options says what the daemon does."""

from __future__ import annotations

import tomllib
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.settings.options import OPTIONS
from kadtwisted.settings.sample import describe_options, helps_of_fields, sample
from kadtwisted.settings.sources import Sources

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
        given = Sources({"XDG_STATE_HOME": "/x"}, file=str(path)).load().given
        self.assertEqual(set(given), set(OPTIONS) - {"network_secret_file"})
        for key, (option, value, _) in given.items():
            if option.example is None:
                self.assertEqual(value, option.default, key)

    def test_lines_fit(self) -> None:
        self.assertLess(max(map(len, sample().splitlines())), 100)

    def test_helps_come_from_the_source(self) -> None:
        helps = helps_of_fields()
        self.assertIn("k-bucket", helps["parameters.k"])
        self.assertIn("in the long run", helps["upkeep.rate"])
        self.assertTrue(set(helps) <= set(OPTIONS))

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
                "help": "IP addresses to bind, at most one in each address family.",
                "variable": "KADTWISTED_INTERFACES",
                "argument": "--interface",
                "reloadable": False,
            },
        )
        self.assertIsNone(described["state_dir"]["default"])
        self.assertIsNone(described["network_secret_file"]["default"])
        self.assertIsNone(described["upkeep.rate"]["argument"])
        self.assertIn("in the long run", described["upkeep.rate"]["help"])
