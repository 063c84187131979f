"""The storages and serializers that come with this package.

Their makers are named as strings and imported when they are asked for: listing the plugins imports
nothing else, and a missing optional library breaks only what needs it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.plugin import IPlugin
from zope.interface import implementer

from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import (
    ISerializer,
    ISerializerFactory,
    IStorage,
    IStorageFactory,
    StorageContext,
)


def _find(maker: str) -> Any:
    module, _, name = maker.partition(":")
    return getattr(import_module(module), name)


@implementer(IPlugin, IStorageFactory)
class VolatileStorage:
    """A storage that is told only the bounds; ``maker`` is ``MODULE:CALLABLE``."""

    def __init__(self, name: str, maker: str) -> None:
        self.name = name
        self._maker = maker

    def make(self, argument: str, context: StorageContext) -> IStorage:
        """A new storage; :class:`ConfigurationError` if an argument is given."""
        if argument:
            raise ConfigurationError(f"the storage {self.name!r} takes no argument: {argument!r}")
        storage: IStorage = _find(self._maker)(context.max_records, context.max_bytes)
        return storage


@implementer(IPlugin, IStorageFactory)
class DurableStorage:
    """A storage in a file: the one named in the argument, or ``file`` in the state directory.

    ``maker`` is ``MODULE:CALLABLE``; ``library`` is the optional one that it needs, which the extra
    of the same name installs.
    """

    def __init__(self, name: str, maker: str, file: str, library: str | None = None) -> None:
        self.name = name
        self.file = file
        self._maker = maker
        self._library = library

    def make(self, argument: str, context: StorageContext) -> IStorage:
        """A new storage; :class:`ConfigurationError` without a place, or without the library."""
        path = self._path(argument, context.directory)
        try:
            maker = _find(self._maker)
        except ModuleNotFoundError as error:
            if self._library is None or error.name != self._library:
                raise
            raise ConfigurationError(
                f"the storage {self.name!r} needs the extra: "
                f"pip install 'kadtwisted[{self._library}]'"
            ) from None
        storage: IStorage = maker(path, context)
        return storage

    def _path(self, argument: str, directory: str | None) -> Path:
        # Absolute: a daemon may leave its working directory before it opens the file.
        if argument:
            return Path(argument).expanduser().absolute()
        if directory is None:
            raise ConfigurationError(
                f"without a state directory the storage {self.name!r} must be told its file: "
                f"{self.name}:PATH"
            )
        return Path(directory).absolute() / self.file


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
sqlite = DurableStorage(
    "sqlite", "kadtwisted.storage.sqlite.backend:SQLiteStorage", "records.sqlite"
)
lmdb = DurableStorage("lmdb", "kadtwisted.storage.lmdb.backend:LMDBStorage", "records.lmdb", "lmdb")
DURABLE = (sqlite, lmdb)
"""Those that keep their records in a file of the state directory."""
cbor = SerializerOfIdentities(
    "cbor", "kadtwisted.wire.cbor:CBORSerializer", "kadtwisted.identity.keys:node_id_of"
)
