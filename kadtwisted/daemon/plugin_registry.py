"""Chooses and lists the plugins: storages and serializers, ours and those of other distributions.

Others are found as ``twisted.plugin`` plugins in ``kadtwisted/plugins`` and as entry points in the
groups ``kadtwisted.storage`` and ``kadtwisted.serializers``.  Built-in ones win when names clash,
and are chosen without looking for others.  A plugin that cannot be loaded is listed with its error
and breaks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple, TypeVar

from twisted.plugin import getPlugins
from zope.interface import Interface
from zope.interface.verify import verifyObject

import kadtwisted.plugins
from kadtwisted.errors import ConfigurationError
from kadtwisted.interfaces import ISerializer, ISerializerFactory, IStorage, IStorageFactory
from kadtwisted.plugins import builtin

T = TypeVar("T")
EntryPoints = Callable[[str], Iterable[EntryPoint]]
"""Finds the entry points of a group."""


class Kind(NamedTuple):
    """A kind of plugin: what people call it, its factories' interface, its entry-point group."""

    name: str
    interface: type[Interface]
    group: str
    builtin: tuple[Any, ...]


STORAGE = Kind("storage", IStorageFactory, "kadtwisted.storage", (builtin.memory,))
SERIALIZER = Kind("serializer", ISerializerFactory, "kadtwisted.serializers", (builtin.cbor,))
KINDS = (STORAGE, SERIALIZER)


class Plugin(NamedTuple):
    """One plugin found: ``origin`` says where; ``factory`` is ``None`` exactly if ``error`` says
    why it could not be loaded."""

    name: str
    kind: str
    origin: str
    factory: Any | None
    error: str | None = None


def _entry_points(group: str) -> Iterable[EntryPoint]:
    return entry_points(group=group)


class PluginRegistry:
    """The plugins of this installation, looked for anew with every question."""

    def __init__(self, find_entry_points: EntryPoints = _entry_points) -> None:
        self._find_entry_points = find_entry_points

    def plugins(self, kind: Kind) -> tuple[Plugin, ...]:
        """Every plugin of one kind, the built-in ones first; of equal names the first is used."""
        own = tuple(Plugin(each.name, kind.name, "built in", each) for each in kind.builtin)
        return own + tuple(self._of_twisted(kind)) + tuple(self._of_entry_points(kind))

    def storage(self, option: str) -> IStorage:
        """The storage that ``NAME`` or ``NAME:ARGUMENT`` asks for, not yet open.

        :class:`ConfigurationError` if there is none of that name or it refuses the argument.
        """
        name, _, argument = option.partition(":")
        factory: IStorageFactory = self._choose(STORAGE, name)
        return _made(IStorage, option, lambda: factory.make(argument))

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
        raise ConfigurationError(f"there is no {kind.name} called {name!r}; there is: {known}")

    def _of_twisted(self, kind: Kind) -> Iterator[Plugin]:
        found: Iterable[Any] = getPlugins(kind.interface, kadtwisted.plugins)
        for factory in found:
            if not any(factory is each for each in kind.builtin):
                origin = f"plugin {type(factory).__module__}"
                yield Plugin(factory.name, kind.name, origin, factory)

    def _of_entry_points(self, kind: Kind) -> Iterator[Plugin]:
        for entry in self._find_entry_points(kind.group):
            origin = f"entry point {entry.value}"
            try:
                factory = _provider(entry.load(), kind.interface)
            except Exception as error:  # another distribution's import may raise anything
                yield Plugin(entry.name, kind.name, origin, None, _said(error))
            else:
                yield Plugin(entry.name, kind.name, origin, factory)


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


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
