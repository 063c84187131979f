"""The storages and serializers that come with this package.

Their makers are named as strings and imported when they are asked for: listing the plugins imports
nothing else, and a missing optional library breaks only what needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from twisted.plugin import IPlugin
from zope.interface import implementer

from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import ISerializer, ISerializerFactory, IStorage, IStorageFactory
from kadtwisted.parameters import Bounds


def _find(maker: str) -> Any:
    module, _, name = maker.partition(":")
    return getattr(import_module(module), name)


@implementer(IPlugin, IStorageFactory)
class VolatileStorage:
    """A storage that is told only its bounds, those of one node by default; ``maker`` is
    ``MODULE:CALLABLE``."""

    def __init__(self, name: str, maker: str) -> None:
        self.name = name
        self._maker = maker

    def make(self, argument: str) -> IStorage:
        """A new storage; :class:`ConfigurationError` if an argument is given."""
        if argument:
            raise ConfigurationError(f"the storage {self.name!r} takes no argument: {argument!r}")
        bounds = Bounds()
        storage: IStorage = _find(self._maker)(bounds.stored_records, bounds.stored_bytes)
        return storage


@implementer(IPlugin, ISerializerFactory)
class SerializerOfIdentities:
    """A serializer whose contacts carry public keys: it is told how an ID follows from a key."""

    def __init__(self, name: str, maker: str, identify: str) -> None:
        self.name = name
        self._maker = maker
        self._identify = identify

    def make(self) -> ISerializer:
        """A new serializer."""
        serializer: ISerializer = _find(self._maker)(_find(self._identify))
        return serializer


memory = VolatileStorage("memory", "kadtwisted.storage.memory:MemoryStorage")
cbor = SerializerOfIdentities(
    "cbor", "kadtwisted.wire.cbor:CBORSerializer", "kadtwisted.identity.keys:node_id_of"
)
