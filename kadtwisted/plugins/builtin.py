"""The storages and serializers that come with this package.

Their makers are named as strings and imported only when they are needed: listing the plugins
imports nothing else, and a missing optional library breaks only the storage that needs it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.plugin import IPlugin
from zope.interface import implementer

from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import (
    IChecksArgument,
    ISerializer,
    ISerializerFactory,
    IStorage,
    IStorageFactory,
    StorageContext,
)


def _find(maker: str) -> Any:
    module, _, name = maker.partition(":")
    return getattr(import_module(module), name)


@implementer(IPlugin, IStorageFactory, IChecksArgument)
class VolatileStorage:
    """A storage that is told its bounds and nothing else; ``maker`` is ``MODULE:CALLABLE``."""

    def __init__(self, name: str, maker: str) -> None:
        self.name = name
        self._maker = maker

    def check(self, argument: str, directory: str | None) -> None:
        """:class:`ConfigurationError` if an argument is given."""
        if argument:
            raise ConfigurationError(f"the storage {self.name!r} takes no argument: {argument!r}")

    def make(self, argument: str, context: StorageContext) -> IStorage:
        """A new storage; fails as :meth:`check` does."""
        self.check(argument, context.directory)
        storage: IStorage = _find(self._maker)(context.max_records, context.max_bytes)
        return storage


@implementer(IPlugin, IStorageFactory, IChecksArgument)
class DurableStorage:
    """A storage in a file: the file that the argument names, or ``file`` in the state directory.

    ``maker`` is ``MODULE:CALLABLE``.  ``library`` is an optional library that it needs; the extra
    of the same name installs it.
    """

    def __init__(self, name: str, maker: str, file: str, library: str | None = None) -> None:
        self.name = name
        self.file = file
        self._maker = maker
        self._library = library

    def check(self, argument: str, directory: str | None) -> None:
        """:class:`ConfigurationError` without a place for the file, or without the library."""
        self._path(argument, directory)
        self._found()

    def make(self, argument: str, context: StorageContext) -> IStorage:
        """A new storage; fails as :meth:`check` does."""
        path = self._path(argument, context.directory)
        storage: IStorage = self._found()(path, context)
        return storage

    def _found(self) -> Any:
        try:
            return _find(self._maker)
        except ModuleNotFoundError as error:
            if self._library is None or error.name != self._library:
                raise
            raise ConfigurationError(
                f"the storage {self.name!r} needs a library: pip install {self._library}"
            ) from None

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
    """A serializer whose contacts carry public keys; ``identify`` names the function that gives the
    ID of a key."""

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
"""The storages that keep their records in a file."""
cbor = SerializerOfIdentities(
    "cbor", "kadtwisted.wire.cbor:CBORSerializer", "kadtwisted.identity.keys:node_id_of"
)
