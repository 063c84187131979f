"""kad plugins: what there is and what is broken."""

from __future__ import annotations

from typing import Any

from twisted.trial import unittest

from kadtwisted.settings.plugin_registry import SERIALIZER, STORAGE, UNKNOWN, Plugin, PluginKind
from tests.cli.harness import Kad

FOUND = {
    STORAGE: (
        Plugin("memory", "storage", "built in", object()),
        Plugin("attic", "storage", "entry point attic:Attic", None, "No module", "kad-attic"),
    ),
    SERIALIZER: (Plugin("cbor", "serializer", "built in", object()),),
}


class Registry:
    def plugins(self, kind: PluginKind) -> tuple[Plugin, ...]:
        return FOUND[kind]

    def broken(self) -> tuple[Plugin, ...]:
        return (Plugin("cellar", UNKNOWN, "plugin p.cellar", None, "ImportError: no\x1b stairs"),)


class PluginsTests(unittest.SynchronousTestCase):
    def run_kad(self, *argv: str) -> Kad:
        kad = Kad()
        registry: Any = Registry()
        kad.plugins = registry
        self.assertEqual(kad(*argv), 0)
        self.assertEqual(kad.said, "")
        return kad

    def test_for_people(self) -> None:
        self.assertEqual(
            self.run_kad("plugins").printed.decode().splitlines(),
            [
                "NAME    KIND        ORIGIN                                STATE",
                "memory  storage     built in                              ok",
                "attic   storage     entry point attic:Attic of kad-attic  broken",
                "cbor    serializer  built in                              ok",
                "cellar  unknown     plugin p.cellar                       broken",
                "attic: No module",
                "cellar: ImportError: no\\x1b stairs",
            ],
        )

    def test_json(self) -> None:
        listed = self.run_kad("--json", "plugins").json["plugins"]
        self.assertEqual(
            listed[1],
            {
                "name": "attic",
                "kind": "storage",
                "origin": "entry point attic:Attic",
                "distribution": "kad-attic",
                "error": "No module",
            },
        )
        self.assertEqual([each["name"] for each in listed], ["memory", "attic", "cbor", "cellar"])

    def test_those_of_this_installation(self) -> None:
        kad = Kad()
        self.assertEqual(kad("plugins"), 0)
        self.assertIn(b"cbor", kad.printed)
