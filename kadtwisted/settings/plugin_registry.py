"""Chooses and lists the plugins: storages and serializers, ours and those of other distributions.

Those of other distributions are ``twisted.plugin`` plugins in ``kadtwisted/plugins``, or entry
points in the groups ``kadtwisted.storage`` and ``kadtwisted.serializers``.  Built-in ones win when
names clash, and choosing one does not look for others.  A plugin that cannot be loaded is listed
with its error and breaks nothing.

The modules of ``kadtwisted/plugins`` are imported here, not by :func:`twisted.plugin.getPlugins`:
that one tells only the log if a module fails, and writes a cache into directories that may belong
to others.
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
    IChecksArgument,
    ISerializer,
    ISerializerFactory,
    IStorage,
    IStorageFactory,
    StorageContext,
)
from kadtwisted.model.printable import printable
from kadtwisted.plugins import builtin

T = TypeVar("T")
EntryPoints = Callable[[str], Iterable[EntryPoint]]
"""Finds the entry points of a group."""

FOREIGN = (Exception, SystemExit)
"""What importing another distribution's module may raise: anything."""


class PluginKind(NamedTuple):
    """A kind of plugin: what people call it, its factories' interface, its entry-point group."""

    name: str
    interface: type[Interface]
    group: str
    builtin: tuple[Any, ...]


STORAGE = PluginKind(
    "storage",
    IStorageFactory,
    "kadtwisted.storage",
    (builtin.memory, builtin.sqlite, builtin.lmdb),
)
SERIALIZER = PluginKind("serializer", ISerializerFactory, "kadtwisted.serializers", (builtin.cbor,))
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


class StorageChoice(NamedTuple):
    """A storage that was asked for as ``NAME`` or ``NAME:ARGUMENT``: its factory and its argument.

    :meth:`check` and :meth:`make` fail with :class:`ConfigurationError` if the factory refuses the
    argument.
    """

    option: str
    factory: IStorageFactory
    argument: str

    def check(self, context: StorageContext) -> None:
        """Check the argument; no reactor is needed for that.

        A factory that cannot do so itself makes a storage, which is thrown away.
        """
        if IChecksArgument.providedBy(self.factory):
            checking: IChecksArgument = self.factory
            _told(self.option, lambda: checking.check(self.argument, context.directory))
        else:
            self.make(context)

    def make(self, context: StorageContext) -> IStorage:
        """A storage, not yet open."""
        return _made(IStorage, self.option, lambda: self.factory.make(self.argument, context))


class ChosenPlugins(NamedTuple):
    """The plugins of one node."""

    storage: StorageChoice
    serializer: ISerializer


def _entry_points(group: str) -> Iterable[EntryPoint]:
    return entry_points(group=group)


class PluginRegistry:
    """The plugins of this installation, looked for anew with every question."""

    def __init__(self, find_entry_points: EntryPoints = _entry_points) -> None:
        self._find_entry_points = find_entry_points

    def plugins(self, kind: PluginKind) -> tuple[Plugin, ...]:
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

    def choose(self, storage: str, serializer: str) -> ChosenPlugins:
        """Both plugins of a node; fails as :meth:`storage` and :meth:`serializer` do."""
        return ChosenPlugins(self.storage(storage), self.serializer(serializer))

    def storage(self, option: str) -> StorageChoice:
        """The storage that ``NAME`` or ``NAME:ARGUMENT`` asks for.

        :class:`ConfigurationError` if there is none of that name.
        """
        name, _, argument = option.partition(":")
        return StorageChoice(option, self._choose(STORAGE, name), argument)

    def serializer(self, name: str) -> ISerializer:
        """The serializer of that name; :class:`ConfigurationError` if there is none."""
        factory: ISerializerFactory = self._choose(SERIALIZER, name)
        return _made(ISerializer, name, factory.make)

    def _choose(self, kind: PluginKind, name: str) -> Any:
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
            f"there is no {kind.name} called {name!r}; choose one of {known}{failed}"
        )

    def _of_entry_points(self, kind: PluginKind) -> Iterator[Plugin]:
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


def _of_modules(kind: PluginKind) -> Iterator[Plugin]:
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
    def made() -> T:
        product = make()
        verifyObject(interface, product)
        return product

    return _told(option, made)


def _told(option: str, work: Callable[[], T]) -> T:
    """What ``work`` returns; an error of the plugin becomes a sentence about the option."""
    try:
        return work()
    except ConfigurationError:
        raise
    except Exception as error:  # a plugin of another distribution may raise anything
        raise ConfigurationError(f"{option!r} cannot be used: {_said(error)}") from error


def _said(error: BaseException) -> str:
    return printable(" ".join(str(error).split())) or type(error).__name__


def _typed(error: BaseException) -> str:
    name = type(error).__name__
    return name if _said(error) == name else f"{name}: {_said(error)}"
