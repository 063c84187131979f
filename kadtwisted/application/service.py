"""The one public way to run a node inside another Twisted application."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime

from kadtwisted.application.home import FindIdentity, Home, identity_from
from kadtwisted.application.hosted import HostedNode
from kadtwisted.application.making import NodeMaker
from kadtwisted.errors import ConfigurationError, InvalidAddress
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import ISerializer, IStorage
from kadtwisted.model.printable import described
from kadtwisted.node.arguments import (
    check_flag,
    check_key,
    check_provider,
    check_settings,
    check_world,
)
from kadtwisted.node.world import World, real_world
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.checks import check_bootstrap
from kadtwisted.settings.daemon_settings import DEFAULT_STORAGE
from kadtwisted.settings.directories import check_state_dir
from kadtwisted.settings.plugin_registry import PluginRegistry, StorageChoice


class NodeService(HostedNode):
    """A node as a child of a Twisted application.

    It makes the node when it starts, joins the network in the background until it succeeds, and
    stops the node when it stops.

    ``name`` tells the services of one parent apart.  With a ``state_dir`` the node keeps its
    identity there, and over restarts its records, its contacts and what it keeps published; only
    one process at a time may use the directory.  ``control_socket`` lets ``kad --state-dir`` talk
    to the running node.  ``bootstrap`` are addresses ``HOST:PORT`` or ``KEY@HOST:PORT`` to join
    through; without any the node is the first of its network.  ``key`` is the identity of a node
    without state directory, which otherwise has a new one at each start.

    ``storage`` is an :class:`~kadtwisted.interfaces.IStorage`, or what the option ``--storage``
    says, as ``lmdb`` or ``sqlite:FILE``; ``sqlite`` if there is a state directory and ``memory`` if
    there is none.  ``serializer`` is likewise an object or a name.  ``world`` is for simulation.

    Raises :class:`~kadtwisted.errors.InvalidAddress` or
    :class:`~kadtwisted.errors.ConfigurationError` for arguments that cannot work.  Nothing is
    created, opened or bound before the service starts.
    """

    def __init__(  # noqa: PLR0913 - keywords of a public constructor
        self,
        reactor: Any,
        settings: NodeSettings | None = None,
        *,
        name: str = "kademlia",
        state_dir: str | os.PathLike[str] | None = None,
        bootstrap: str | Iterable[str] = (),
        key: NodeKey | None = None,
        storage: str | IStorage | None = None,
        serializer: str | ISerializer = "cbor",
        control_socket: bool = True,
        world: World | None = None,
    ) -> None:
        settings = NodeSettings() if settings is None else settings
        check_flag("control_socket", control_socket)
        check_settings(settings)
        check_provider(IReactorTime, reactor, "reactor")
        directory = None if state_dir is None else _directory(state_dir)
        world = real_world(reactor) if world is None else world
        check_world(world)
        make_node = NodeMaker(
            reactor,
            settings,
            _storage(storage, lasting=directory is not None and not settings.read_only),
            _serializer(serializer),
            directory,
            world=world,
        )
        identity = _identity(key, directory, world)
        home = Home(reactor, make_node.with_storage(), identity, directory, control_socket)
        super().__init__(reactor, home, _addresses(bootstrap), world.random.random)
        self.name = _name(name)

    def __repr__(self) -> str:
        return f"<NodeService {self.name!r} {self._home!r}>"

    def join(self, addresses: str | Iterable[str]) -> None:
        """As :meth:`HostedNode.join`; :class:`~kadtwisted.errors.InvalidAddress` for what is no
        address."""
        super().join(_addresses(addresses))


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(
            f"the name of a service is a str that is not empty, not {name!r:.60}"
        )
    return name


def _directory(state_dir: Any) -> Path:
    try:
        return check_state_dir(os.fsdecode(state_dir))
    except TypeError:
        raise ConfigurationError(
            f"a state directory is a path, not {described(state_dir)}"
        ) from None


def _addresses(bootstrap: Any) -> tuple[str, ...]:
    """Each address once, in its normal form; a single one need not be in a list."""
    given = (bootstrap,) if isinstance(bootstrap, str) else bootstrap
    if not isinstance(given, Iterable):
        raise InvalidAddress(f"bootstrap addresses are a list of str, not {described(bootstrap)}")
    addresses = tuple(given)
    for each in addresses:
        if not isinstance(each, str):
            raise InvalidAddress(f"a bootstrap address is a str, not {described(each)}")
    return check_bootstrap(addresses)


def _storage(storage: Any, lasting: bool) -> StorageChoice | IStorage:
    if storage is None:
        storage = DEFAULT_STORAGE if lasting else "memory"
    if isinstance(storage, str):
        return PluginRegistry().storage(storage)
    check_provider(IStorage, storage, "storage")
    own: IStorage = storage
    return own


def _serializer(serializer: Any) -> ISerializer:
    if isinstance(serializer, str):
        return PluginRegistry().serializer(serializer)
    check_provider(ISerializer, serializer, "serializer")
    own: ISerializer = serializer
    return own


def _identity(key: NodeKey | None, directory: Path | None, world: World) -> FindIdentity:
    if key is None:
        return identity_from(world.secure_random)
    check_key(key)
    if directory is not None:
        raise ConfigurationError("the state directory keeps the identity: leave out the key")
    return lambda _: key
