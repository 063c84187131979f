"""The table of options: complete, without clashes, and with the defaults of the settings."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from twisted.trial import unittest

from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.daemon_settings import DEFAULTS, DaemonSettings, HttpSettings, LogSettings
from kadtwisted.settings.options import OPTIONS, TABLES, _of

SET_OTHERWISE = frozenset({"read_only"})
"""Settings of a node that are no options of a daemon."""
TABLES_OF_THE_DAEMON = frozenset({"node", "log", "http", "config_file"})
RENAMED = {"network_secrets": "network_secret_file"}


class TableTests(unittest.SynchronousTestCase):
    def test_every_setting_has_its_option(self) -> None:
        own = {RENAMED.get(each.name, each.name) for each in fields(NodeSettings)}
        wanted = own - SET_OTHERWISE - set(TABLES)
        wanted |= {each.name for each in fields(DaemonSettings)} - {
            *TABLES_OF_THE_DAEMON,
            "config_file",
        }
        wanted |= {f"log.{each.name}" for each in fields(LogSettings)}
        wanted |= {f"http.{each.name}" for each in fields(HttpSettings)}
        for table, settings in TABLES.items():
            wanted |= {f"{table}.{each.name}" for each in fields(settings)}
        self.assertEqual(set(OPTIONS), wanted)

    def test_names_do_not_clash(self) -> None:
        self.assertTrue(all(key == option.key for key, option in OPTIONS.items()))
        for names in (
            [each.variable for each in OPTIONS.values()],
            [each.argument for each in OPTIONS.values() if each.argument],
            [each.letter for each in OPTIONS.values() if each.letter],
        ):
            self.assertEqual(len(names), len(set(names)))
        self.assertEqual(OPTIONS["port"].variable, "KADTWISTED_PORT")
        self.assertEqual(OPTIONS["upkeep.rate"].variable, "KADTWISTED_UPKEEP_RATE")
        self.assertNotIn("KADTWISTED_CONFIG", [each.variable for each in OPTIONS.values()])

    def test_every_default_is_allowed_and_can_be_written(self) -> None:
        for option in OPTIONS.values():
            value: Any = option.default if option.example is None else option.example
            written = tomllib.loads(f"it = {option.kind.to_toml(value)}")["it"]
            read = option.kind.of_toml(written, Path("/"))
            expected = value if option.example is None else type(read)(value)
            self.assertEqual(read, expected, option.key)

    def test_defaults_are_those_of_the_settings(self) -> None:
        of_daemons = {"port": 8000, "storage": "sqlite", "portmap": "needed"}
        for option in OPTIONS.values():
            if option.key not in of_daemons:
                self.assertEqual(option.default, option.of(DaemonSettings()), option.key)
        self.assertEqual({each: OPTIONS[each].default for each in of_daemons}, of_daemons)
        self.assertEqual(DaemonSettings().storage, "memory")

    def test_no_number_may_be_zero_where_nothing_would_move(self) -> None:
        for key, option in OPTIONS.items():
            if key.partition(".")[0] in TABLES:
                self.assertRaises(ValueError, option.kind.of_toml, 0, Path("/"))

    def test_putting_a_value_changes_that_alone(self) -> None:
        for option in OPTIONS.values():
            changed = option.put(DEFAULTS, "other")
            self.assertEqual(option.of(changed), "other")
            self.assertEqual(option.put(changed, option.default), DEFAULTS)

    def test_what_can_be_reloaded(self) -> None:
        self.assertEqual(
            [each.key for each in OPTIONS.values() if each.reloadable], ["bootstrap", "log.level"]
        )

    def test_a_place_for_http_that_is_given_twice_is_one(self) -> None:
        given = ["tcp:1", "unix:/x", "tcp:1"]
        self.assertEqual(
            OPTIONS["http.listen"].kind.of_toml(given, Path("/")), ("tcp:1", "unix:/x")
        )

    def test_what_is_shown_is_the_default_or_an_example(self) -> None:
        self.assertEqual(OPTIONS["network"].shown, '"kad"')
        self.assertEqual(OPTIONS["state_dir"].shown, '"/var/lib/kademlia"')

    def test_a_field_that_does_not_say_what_it_is_is_no_option(self) -> None:
        self.assertRaises(LookupError, _of, NodeSettings, "read_only")
        self.assertRaises(LookupError, _of, NodeSettings, "nonsense")
