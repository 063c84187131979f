"""Storages and serializers are found by name, whoever brought them."""

from __future__ import annotations

import os
import sys
import time
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.trial import unittest
from zope.interface import implementer
from zope.interface.verify import verifyObject

import kadtwisted.plugins
from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import (
    IChecksArgument,
    ISerializer,
    ISerializerFactory,
    IStorage,
    IStorageFactory,
    StorageContext,
)
from kadtwisted.plugins import builtin
from kadtwisted.settings.plugin_registry import KINDS, SERIALIZER, STORAGE, PluginRegistry
from kadtwisted.storage.memory import MemoryStorage

CHECKING = StorageContext(None, time.monotonic, time.time, None, 3, 1000)
"""What a storage is made with when only its option is checked."""


@implementer(IStorageFactory)
class Cellar:
    name = "cellar"

    def make(self, argument: str, context: StorageContext) -> Any:
        if argument == "broken":
            raise RuntimeError("the cellar\nis flooded")
        return MemoryStorage(10, 1000) if argument == "small" else object()


class NotAFactory:
    pass


class Shed:
    """Tells what a storage is made with."""

    def __init__(self, path: Path, context: StorageContext) -> None:
        self.path = path
        self.context = context


def points(*named: tuple[str, str]) -> PluginRegistry:
    """A registry with entry points (name, object of this module) for storages."""

    def find(group: str) -> list[EntryPoint]:
        if group != "kadtwisted.storage":
            return []
        return [EntryPoint(name, f"{__name__}:{value}", group) for name, value in named]

    return PluginRegistry(find)


class BuiltInTests(unittest.SynchronousTestCase):
    def test_factories_keep_their_contract(self) -> None:
        for factory in STORAGE.builtin:
            verifyObject(IStorageFactory, factory)
        verifyObject(ISerializerFactory, builtin.cbor)

    def test_are_made_anew_each_time(self) -> None:
        registry = PluginRegistry()
        first, second = (registry.storage("memory").make(CHECKING) for _ in range(2))
        verifyObject(IStorage, first)
        self.assertIsNot(first, second)
        verifyObject(ISerializer, registry.serializer("cbor"))

    def test_take_no_argument(self) -> None:
        choice = PluginRegistry().storage("memory:x")
        for trying in (choice.check, choice.make):
            error = self.assertRaises(ConfigurationError, trying, CHECKING)
            self.assertIn("takes no argument", str(error))

    def test_are_checked_without_being_made(self) -> None:
        for factory in STORAGE.builtin:
            verifyObject(IChecksArgument, factory)
            with mock.patch.object(factory, "make") as make:
                PluginRegistry().storage(factory.name).check(CHECKING._replace(directory="/s"))
            make.assert_not_called()

    def test_both_plugins_of_a_node(self) -> None:
        chosen = PluginRegistry().choose("memory", "cbor")
        verifyObject(ISerializer, chosen.serializer)
        verifyObject(IStorage, chosen.storage.make(CHECKING))
        self.assertRaises(ConfigurationError, PluginRegistry().choose, "memory", "xml")

    def test_unknown_names_are_told_what_there_is(self) -> None:
        error = self.assertRaises(ConfigurationError, points().storage, "sqlyte:/x")
        self.assertEqual(
            str(error), "there is no storage called 'sqlyte'; choose one of lmdb, memory, sqlite"
        )
        self.assertRaises(ConfigurationError, points().serializer, "xml")

    def test_are_listed_once_and_first(self) -> None:
        for kind, names in ((STORAGE, ["memory", "sqlite", "lmdb"]), (SERIALIZER, ["cbor"])):
            listed = points().plugins(kind)
            self.assertEqual([each.name for each in listed], names)
            self.assertEqual({each.origin for each in listed}, {"built in"})
        self.assertEqual([kind.name for kind in KINDS], ["storage", "serializer"])

    def test_the_installation_is_asked_for_entry_points(self) -> None:
        self.assertEqual(PluginRegistry().plugins(STORAGE)[0].name, "memory")


class DurableStorageTests(unittest.SynchronousTestCase):
    """Where the file lies; whether it can be opened is the storage's own affair."""

    def path_of(self, option: str, directory: str | None = None) -> str:
        context = CHECKING._replace(directory=directory)
        name, _, argument = option.partition(":")
        factory = {each.name: each for each in STORAGE.builtin}[name]
        self.patch(factory, "_maker", f"{__name__}:Shed")
        shed: Any = factory.make(argument, context)
        self.assertIs(shed.context, context)
        return str(shed.path)

    def test_are_made_but_not_opened(self) -> None:
        context = CHECKING._replace(directory=self.mktemp())
        for name in ("sqlite", "lmdb"):
            verifyObject(IStorage, PluginRegistry().storage(name).make(context))
        self.assertFalse(os.path.exists(str(context.directory)))

    def test_the_default_file_lies_in_the_state_directory(self) -> None:
        directory = self.mktemp()
        for name in ("sqlite", "lmdb"):
            expected = os.path.abspath(os.path.join(directory, f"records.{name}"))
            self.assertEqual(self.path_of(name, directory), expected)

    def test_a_path_is_taken_from_the_working_directory_or_home(self) -> None:
        self.patch(os, "environ", {**os.environ, "HOME": "/home/someone"})
        self.assertEqual(self.path_of("sqlite:/a/b.db", "/state"), "/a/b.db")
        self.assertEqual(self.path_of("sqlite:b.db"), os.path.abspath("b.db"))
        self.assertEqual(self.path_of("lmdb:~/b"), "/home/someone/b")

    def test_without_any_place(self) -> None:
        error = self.assertRaises(ConfigurationError, self.path_of, "sqlite")
        self.assertIn("sqlite:PATH", str(error))

    def test_a_missing_library_is_told_with_what_installs_it(self) -> None:
        with mock.patch.dict(sys.modules, {"lmdb": None}):
            for name in [each for each in sys.modules if each.startswith("kadtwisted.storage.lm")]:
                del sys.modules[name]
            choice = PluginRegistry().storage("lmdb:/a")
            errors = [
                self.assertRaises(ConfigurationError, trying, CHECKING)
                for trying in (choice.check, choice.make)
            ]
        self.assertEqual(
            {str(error) for error in errors},
            {"the storage 'lmdb' needs a library: pip install lmdb"},
        )

    def test_another_missing_module_is_told_as_it_is(self) -> None:
        factory = builtin.DurableStorage("gone", "kadtwisted.storage.gone:Gone", "file", "lmdb")
        self.assertRaises(ModuleNotFoundError, factory.make, "/a", CHECKING)


class EntryPointTests(unittest.SynchronousTestCase):
    def test_argument_reaches_the_factory(self) -> None:
        registry = points(("cellar", "Cellar"))
        self.assertIsInstance(registry.storage("cellar:small").make(CHECKING), MemoryStorage)

    def test_built_in_ones_win(self) -> None:
        registry = points(("memory", "Cellar"))
        self.assertIsInstance(registry.storage("memory").make(CHECKING), MemoryStorage)
        self.assertEqual(len(registry.plugins(STORAGE)), 4)

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
        for option, words in (
            ("cellar:broken", "the cellar is flooded"),
            ("cellar:else", "cannot be used"),
        ):
            choice = registry.storage(option)
            for trying in (choice.check, choice.make):
                error = self.assertRaises(ConfigurationError, trying, CHECKING)
                self.assertIn(words, str(error))

    def test_the_distribution_is_named_where_it_is_known(self) -> None:
        def find(group: str) -> Any:
            return entry_points(group="console_scripts", name="twistd")

        known = [each for each in PluginRegistry(find).plugins(STORAGE) if each.distribution]
        self.assertEqual([each.distribution.lower() for each in known], ["twisted"])
        self.assertEqual({each.distribution for each in points().plugins(STORAGE)}, {None})


OTHER_DISTRIBUTION = Path(__file__).parent / "other_distribution"
"""As if another distribution had installed its ``kadtwisted/plugins`` here."""


class TwistedPluginTests(unittest.SynchronousTestCase):
    def test_of_another_distribution(self) -> None:
        places = [*kadtwisted.plugins.__path__, str(OTHER_DISTRIBUTION)]
        self.patch(kadtwisted.plugins, "__path__", places)
        self.addCleanup(sys.modules.pop, "kadtwisted.plugins.kad_test_attic", None)
        registry = points()
        found = {each.name: each.origin for each in registry.plugins(STORAGE)}
        self.assertEqual(found["attic"], "plugin kadtwisted.plugins.kad_test_attic")
        storage = registry.storage("attic").make(CHECKING)
        self.assertIsInstance(storage, MemoryStorage)
        self.assertEqual(self.successResultOf(storage.usage()).records, 0)
        self.assertFalse((OTHER_DISTRIBUTION / "dropin.cache").exists(), "others' places stay")


class BrokenPluginTests(unittest.SynchronousTestCase):
    """Plugin modules of other distributions in which something is wrong."""

    def installed(self, **modules: str) -> PluginRegistry:
        directory = Path(self.mktemp())
        directory.mkdir()
        for name, source in modules.items():
            (directory / f"{name}.py").write_text(source, "utf-8")
            self.addCleanup(sys.modules.pop, f"kadtwisted.plugins.{name}", None)
        self.patch(kadtwisted.plugins, "__path__", [*kadtwisted.plugins.__path__, str(directory)])
        self.patch(sys, "dont_write_bytecode", True)
        return points()

    def test_a_module_that_cannot_be_imported_is_told(self) -> None:
        registry = self.installed(
            kad_test_gone="import kad_test_that_is_not_there",
            kad_test_syntax="def",
            kad_test_exit="raise SystemExit",
            kad_test_fine="",
        )
        broken = {each.name: each for each in registry.broken()}
        self.assertEqual(set(broken), {"kad_test_gone", "kad_test_syntax", "kad_test_exit"})
        gone = broken["kad_test_gone"]
        self.assertEqual((gone.kind, gone.factory), ("unknown", None))
        self.assertEqual(gone.origin, "plugin kadtwisted.plugins.kad_test_gone")
        self.assertEqual(
            gone.error, "ModuleNotFoundError: No module named 'kad_test_that_is_not_there'"
        )
        self.assertIn("SyntaxError", broken["kad_test_syntax"].error or "")
        self.assertEqual(broken["kad_test_exit"].error, "SystemExit")

    def test_whoever_misses_a_plugin_is_told_of_the_broken_ones(self) -> None:
        registry = self.installed(kad_test_gone="import kad_test_that_is_not_there")
        error = self.assertRaises(ConfigurationError, registry.storage, "gone")
        self.assertIn("; plugin kadtwisted.plugins.kad_test_gone failed: Mod", str(error))

    def test_a_factory_that_is_none_is_listed_with_what_it_lacks(self) -> None:
        source = (
            "from twisted.plugin import IPlugin\n"
            "from zope.interface import implementer\n"
            "from kadtwisted.interfaces import IStorageFactory\n"
            "@implementer(IPlugin, IStorageFactory)\n"
            "class Hollow:\n    name = 'hollow'\n"
            "hollow = Hollow()\n"
        )
        registry = self.installed(kad_test_hollow=source)
        listed = {each.name: each for each in registry.plugins(STORAGE)}
        self.assertIn("make", listed["hollow"].error or "")
        self.assertRaises(ConfigurationError, registry.storage, "hollow")
        self.assertEqual(registry.broken(), ())
