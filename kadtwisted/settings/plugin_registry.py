"""Chooses and lists the plugins: storages and serializers, ours and those of other distributions.

Others are found as ``twisted.plugin`` plugins in ``kadtwisted/plugins`` and as entry points in the
groups ``kadtwisted.storage`` and ``kadtwisted.serializers``.  Built-in ones win when names clash,
and are chosen without looking for others.  A plugin that cannot be loaded is listed with its error
and breaks nothing.

The modules of ``kadtwisted/plugins`` are imported here, not by :func:`twisted.plugin.getPlugins`:
that tells nobody but the log of a module that fails, and writes a cache into directories that need
not be ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from twisted.plugin import IPlugin
from twisted.python.modules import getModule
from zope.interface import Interface
from zope.interface.verify import verifyObject

import kadtwisted.plugins
from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import (
    ISerializer,
    ISerializerFactory,
    IStorage,
    IStorageFactory,
    StorageContext,
)
from kadtwisted.plugins import builtin

T = TypeVar("T")
EntryPoints = Callable[[str], Iterable[EntryPoint]]
"""Finds the entry points of a group."""

FOREIGN = (Exception, SystemExit)
"""What importing another distribution's module may raise: anything."""


class Kind(NamedTuple):
    """A kind of plugin: what people call it, its factories' interface, its entry-point group."""

    name: str
    interface: type[Interface]
    group: str
    builtin: tuple[Any, ...]


STORAGE = Kind(
    "storage",
    IStorageFactory,
    "kadtwisted.storage",
    (builtin.memory, builtin.sqlite, builtin.lmdb),
)
SERIALIZER = Kind("serializer", ISerializerFactory, "kadtwisted.serializers", (builtin.cbor,))
KINDS = (STORAGE, SERIALIZER)


class Plugin(NamedTuple):
    """One plugin found: ``origin`` says where, ``distribution`` in which one if that is known;
    ``factory`` is ``None`` exactly if ``error`` says why it could not be loaded.  The ``kind`` of a
    module that cannot be imported is ``unknown``."""

    name: str
    kind: str
    origin: str
    factory: Any | None
    error: str | None = None
    distribution: str | None = None


UNKNOWN = "unknown"


def _entry_points(group: str) -> Iterable[EntryPoint]:
    return entry_points(group=group)


class PluginRegistry:
    """The plugins of this installation, looked for anew with every question."""

    def __init__(self, find_entry_points: EntryPoints = _entry_points) -> None:
        self._find_entry_points = find_entry_points

    def plugins(self, kind: Kind) -> tuple[Plugin, ...]:
        """Every plugin of one kind, the built-in ones first; of equal names the first is used."""
        own = tuple(Plugin(each.name, kind.name, "built in", each) for each in kind.builtin)
        return own + tuple(_of_modules(kind)) + tuple(self._of_entry_points(kind))

    def broken(self) -> tuple[Plugin, ...]:
        """The modules of ``kadtwisted/plugins`` that cannot be imported: nobody knows what they
        would bring."""
        found = ((name, loaded) for name, loaded in _modules() if isinstance(loaded, BaseException))
        return tuple(
            Plugin(name.rpartition(".")[2], UNKNOWN, f"plugin {name}", None, _typed(error))
            for name, error in found
        )

    def storage(self, option: str, context: StorageContext) -> IStorage:
        """The storage that ``NAME`` or ``NAME:ARGUMENT`` asks for, not yet open.

        To check an option a context whose ``reactor`` is ``None`` will do.
        :class:`ConfigurationError` if there is none of that name or it refuses the argument.
        """
        name, _, argument = option.partition(":")
        factory: IStorageFactory = self._choose(STORAGE, name)
        return _made(IStorage, option, lambda: factory.make(argument, context))

    def serializer(self, name: str) -> ISerializer:
        """The serializer of that name; :class:`ConfigurationError` if there is none."""
        factory: ISerializerFactory = self._choose(SERIALIZER, name)
        return _made(ISerializer, name, factory.make)

    def _choose(self, kind: Kind, name: str) -> Any:
        for factory in kind.builtin:
            if factory.name == name:
                return factory
        found = self.plugins(kind)
        for plugin in found:
            if plugin.name == name:
                if plugin.factory is None:
                    raise ConfigurationError(
                        f"the {kind.name} {name!r} ({plugin.origin}) cannot be loaded: "
                        f"{plugin.error}"
                    )
                return plugin.factory
        known = ", ".join(sorted({plugin.name for plugin in found}))
        failed = "".join(f"; {each.origin} failed: {each.error}" for each in self.broken())
        raise ConfigurationError(
            f"there is no {kind.name} called {name!r}; there is: {known}{failed}"
        )

    def _of_entry_points(self, kind: Kind) -> Iterator[Plugin]:
        for entry in self._find_entry_points(kind.group):
            found = Plugin(entry.name, kind.name, f"entry point {entry.value}", None)
            if entry.dist is not None:
                found = found._replace(distribution=entry.dist.name)
            try:
                factory = _provider(entry.load(), kind.interface)
            except FOREIGN as error:
                yield found._replace(error=_said(error))
            else:
                yield found._replace(factory=factory)


def _of_modules(kind: Kind) -> Iterator[Plugin]:
    for origin, loaded in _modules():
        for name, each in vars(loaded).items() if isinstance(loaded, ModuleType) else ():
            if not (IPlugin.providedBy(each) and kind.interface.providedBy(each)):
                continue
            found = Plugin(getattr(each, "name", name), kind.name, f"plugin {origin}", None)
            try:
                verifyObject(kind.interface, each)
            except FOREIGN as error:
                yield found._replace(error=_said(error))
            else:
                yield found._replace(factory=each)


def _modules() -> Iterator[tuple[str, ModuleType | BaseException]]:
    """The plugin modules of other distributions by name, or why they cannot be imported."""
    for module in getModule(kadtwisted.plugins.__name__).iterModules():
        if module.name == builtin.__name__:
            continue
        try:
            yield module.name, import_module(module.name)
        except FOREIGN as error:
            yield module.name, error


def _provider(loaded: Any, interface: type[Interface]) -> Any:
    factory = loaded() if isinstance(loaded, type) else loaded
    verifyObject(interface, factory)
    return factory


def _made(interface: type[Interface], option: str, make: Callable[[], T]) -> T:
    try:
        product = make()
        verifyObject(interface, product)
    except ConfigurationError:
        raise
    except Exception as error:  # a plugin of another distribution may raise anything
        raise ConfigurationError(f"{option!r} cannot be used: {_said(error)}") from error
    return product


def _said(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _typed(error: BaseException) -> str:
    name = type(error).__name__
    return name if _said(error) == name else f"{name}: {_said(error)}"
