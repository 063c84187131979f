"""Storages and serializers are found by name, whoever brought them."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from twisted.trial import unittest
from zope.interface import implementer
from zope.interface.verify import verifyObject

import kadtwisted.plugins
from kadtwisted.daemon.plugin_registry import KINDS, SERIALIZER, STORAGE, PluginRegistry
from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import ISerializer, ISerializerFactory, IStorage, IStorageFactory
from kadtwisted.plugins import builtin
from kadtwisted.storage.memory import MemoryStorage


@implementer(IStorageFactory)
class Cellar:
    name = "cellar"

    def make(self, argument: str) -> Any:
        if argument == "broken":
            raise RuntimeError("the cellar\nis flooded")
        return MemoryStorage(10, 1000) if argument == "small" else object()


class NotAFactory:
    pass


def points(*named: tuple[str, str]) -> PluginRegistry:
    """A registry with entry points (name, object of this module) for storages."""

    def find(group: str) -> list[EntryPoint]:
        if group != "kadtwisted.storage":
            return []
        return [EntryPoint(name, f"{__name__}:{value}", group) for name, value in named]

    return PluginRegistry(find)


class BuiltInTests(unittest.SynchronousTestCase):
    def test_factories_keep_their_contract(self) -> None:
        verifyObject(IStorageFactory, builtin.memory)
        verifyObject(ISerializerFactory, builtin.cbor)

    def test_are_made_anew_each_time(self) -> None:
        registry = PluginRegistry()
        first, second = registry.storage("memory"), registry.storage("memory")
        verifyObject(IStorage, first)
        self.assertIsNot(first, second)
        verifyObject(ISerializer, registry.serializer("cbor"))

    def test_take_no_argument(self) -> None:
        error = self.assertRaises(ConfigurationError, PluginRegistry().storage, "memory:x")
        self.assertIn("takes no argument", str(error))

    def test_unknown_names_are_told_what_there_is(self) -> None:
        error = self.assertRaises(ConfigurationError, points().storage, "sqlyte:/x")
        self.assertEqual(str(error), "there is no storage called 'sqlyte'; there is: memory")
        self.assertRaises(ConfigurationError, points().serializer, "xml")

    def test_are_listed_once_and_first(self) -> None:
        for kind, name in ((STORAGE, "memory"), (SERIALIZER, "cbor")):
            listed = points().plugins(kind)
            self.assertEqual([each.name for each in listed], [name])
            self.assertEqual(listed[0].origin, "built in")
        self.assertEqual([kind.name for kind in KINDS], ["storage", "serializer"])

    def test_the_installation_is_asked_for_entry_points(self) -> None:
        self.assertEqual(PluginRegistry().plugins(STORAGE)[0].name, "memory")


class EntryPointTests(unittest.SynchronousTestCase):
    def test_argument_reaches_the_factory(self) -> None:
        registry = points(("cellar", "Cellar"))
        self.assertIsInstance(registry.storage("cellar:small"), MemoryStorage)

    def test_built_in_ones_win(self) -> None:
        registry = points(("memory", "Cellar"))
        self.assertIsInstance(registry.storage("memory"), MemoryStorage)
        self.assertEqual(len(registry.plugins(STORAGE)), 2)

    def test_a_broken_one_is_listed_and_breaks_only_itself(self) -> None:
        registry = points(("gone", "Missing"), ("odd", "NotAFactory"), ("cellar", "Cellar"))
        errors = {each.name: each.error for each in registry.plugins(STORAGE)}
        self.assertIsNone(errors["cellar"])
        self.assertIn("Missing", errors["gone"] or "")
        self.assertIn("NotAFactory", errors["odd"] or "")
        error = self.assertRaises(ConfigurationError, registry.storage, "gone")
        self.assertIn("cannot be loaded", str(error))

    def test_a_factory_that_fails_is_told_in_one_sentence(self) -> None:
        registry = points(("cellar", "Cellar"))
        error = self.assertRaises(ConfigurationError, registry.storage, "cellar:broken")
        self.assertIn("the cellar is flooded", str(error))
        error = self.assertRaises(ConfigurationError, registry.storage, "cellar:else")
        self.assertIn("cannot be used", str(error))


OTHER_DISTRIBUTION = Path(__file__).parent / "other_distribution"
"""As if another distribution had installed its ``kadtwisted/plugins`` here."""


class TwistedPluginTests(unittest.SynchronousTestCase):
    def test_of_another_distribution(self) -> None:
        places = [*kadtwisted.plugins.__path__, str(OTHER_DISTRIBUTION)]
        self.patch(kadtwisted.plugins, "__path__", places)
        self.addCleanup(sys.modules.pop, "kadtwisted.plugins.kad_test_attic", None)
        self.addCleanup((OTHER_DISTRIBUTION / "dropin.cache").unlink, missing_ok=True)
        registry = points()
        found = {each.name: each.origin for each in registry.plugins(STORAGE)}
        self.assertEqual(found["attic"], "plugin kadtwisted.plugins.kad_test_attic")
        storage = registry.storage("attic")
        self.assertIsInstance(storage, MemoryStorage)
        self.assertEqual(self.successResultOf(storage.usage()).records, 0)
