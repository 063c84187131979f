"""Mistakes in what a node is handed are told where they were made, and give no secret away."""

from __future__ import annotations

from dataclasses import fields, replace
from math import inf, nan
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import IStorage
from kadtwisted.node.arguments import check_key, check_provider, check_settings, check_world
from kadtwisted.node.node import Node
from kadtwisted.parameters import (
    Bounds,
    LimitSettings,
    NodeSettings,
    Parameters,
    Timeouts,
    UpkeepSettings,
)
from kadtwisted.storage.memory import MemoryStorage

KEY = NodeKey.from_seed(bytes(32))
NESTED = {
    "parameters": Parameters,
    "timeouts": Timeouts,
    "limits": LimitSettings,
    "bounds": Bounds,
    "upkeep": UpkeepSettings,
}


class SettingsTests(SynchronousTestCase):
    def refusal(self, **settings: Any) -> str:
        return str(self.assertRaises(ConfigurationError, check_settings, NodeSettings(**settings)))

    def test_good_ones(self) -> None:
        check_settings(NodeSettings())
        check_settings(NodeSettings(agent="me", network_secrets=(b"s",), allow=("10.0.0.0/8",)))
        check_settings(NodeSettings(upkeep=replace(UpkeepSettings(), contacts_every=inf)))
        lists: Any = ["127.0.0.1"]
        check_settings(NodeSettings(interfaces=lists))

    def test_no_settings_at_all(self) -> None:
        error = self.assertRaises(ConfigurationError, check_settings, None)
        self.assertEqual(str(error), "the settings of a node are a NodeSettings, not None")

    def test_each_wrong_type(self) -> None:
        for name, wrong, words in (
            ("port", "8000", "port is a whole number of at least 0, not a str"),
            ("port", 8000.5, "port is a whole number of at least 0, not 8000.5"),
            ("port", True, "port is a whole number of at least 0, not True"),
            ("port", -1, "port is a whole number of at least 0, not -1"),
            ("interfaces", "127.0.0.1", "interfaces is a tuple of str, not a str"),
            ("interfaces", (1,), "interfaces is a tuple of str, not a tuple of int"),
            ("network", b"kad", "network is a str, not a bytes"),
            ("read_only", 1, "read_only is True or False, not 1"),
            ("agent", b"me", "agent is a str or None, not a bytes"),
            ("bounds", None, "bounds is a Bounds, not None"),
        ):
            self.assertEqual(self.refusal(**{name: wrong}), f"the setting {words}")

    def test_secrets_are_not_shown(self) -> None:
        for wrong in (b"secret", "secret", ("secret",)):
            self.assertNotIn("secret'", self.refusal(network_secrets=wrong))
        error = self.assertRaises(ConfigurationError, check_key, b"secret")
        self.assertEqual(str(error), "the key of a node is a NodeKey, not a bytes")

    def test_every_number_is_one(self) -> None:
        for name, kind in NESTED.items():
            for each in fields(kind):
                for wrong in (-1, "5", None, nan):
                    broken = replace(kind(), **{each.name: wrong})
                    self.assertIn(f"{name}.{each.name} is a", self.refusal(**{name: broken}))


class NodeTests(SynchronousTestCase):
    """A node refuses wrong arguments when it is made."""

    def refusal(self, **arguments: Any) -> str:
        good = {"reactor": Clock(), "settings": NodeSettings(), "key": KEY}
        return str(self.assertRaises(ConfigurationError, Node, **{**good, **arguments}))

    def test_each_argument(self) -> None:
        for argument, wrong, words in (
            ("settings", None, "the settings of a node are a NodeSettings, not None"),
            ("key", bytes(32), "the key of a node is a NodeKey, not a bytes"),
            ("storage", "sqlite", "the storage must provide IStorage; a str does not"),
            ("serializer", "cbor", "the serializer must provide ISerializer; a str does not"),
            ("state", object(), "the node state must provide INodeState; an object does not"),
            ("world", 7, "the world of a node is a World, not 7"),
        ):
            self.assertEqual(self.refusal(**{argument: wrong}), words)

    def test_no_operations_at_all(self) -> None:
        settings = NodeSettings(bounds=Bounds(concurrent_operations=0))
        words = "the setting bounds.concurrent_operations is at least 1, not 0"
        self.assertEqual(self.refusal(settings=settings), words)


class OtherTests(SynchronousTestCase):
    def test_keys_worlds_and_providers(self) -> None:
        check_key(NodeKey.from_seed(bytes(32)))
        self.assertRaises(ConfigurationError, check_world, object())
        check_provider(IStorage, MemoryStorage(1, 1), "storage")
        error = self.assertRaises(ConfigurationError, check_provider, IStorage, "sqlite", "storage")
        self.assertEqual(str(error), "the storage must provide IStorage; a str does not")
