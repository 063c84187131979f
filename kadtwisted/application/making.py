"""Makes the node of a service, once its identity is known."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.interfaces import INode, INodeState, ISerializer, IStorage, StorageContext
from kadtwisted.model.contact import Family
from kadtwisted.node.world import steady_seconds
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.plugin_registry import StorageChoice
from kadtwisted.state.directory import StateDirectory

if TYPE_CHECKING:
    from kadtwisted.node.world import World


def load_program() -> None:
    """Import what is otherwise imported once a node is made: for a process that will not be able
    to read it any more, because it becomes another user before that."""
    for each in ("kadtwisted.node.node", "kadtwisted.state.node_state"):
        import_module(each)


@dataclass(frozen=True)
class NodeMaker:
    """Of what a node is made.

    A storage that was chosen by its name is made for each node.  With a ``state_dir``, whose lock
    its user holds, the node remembers contacts and publications there; a read-only node, which is
    short-lived, remembers nothing.
    """

    reactor: Any
    settings: NodeSettings
    storage: StorageChoice | IStorage
    serializer: ISerializer
    state_dir: Path | None = None
    sockets: Mapping[Family, socket.socket] = field(default_factory=dict)
    world: World | None = None

    def with_storage(self) -> NodeMaker:
        """The same, with the storage made already: a node that starts again uses it again.

        :class:`~kadtwisted.errors.ConfigurationError` if it cannot be made.  Nothing is opened.
        """
        return replace(self, storage=self._storage())

    def __call__(self, key: NodeKey) -> INode:
        """A node with this key, not yet started."""
        from kadtwisted.node.node import Node

        node: INode = Node(
            self.reactor,
            self.settings,
            key,
            storage=self._storage(),
            serializer=self.serializer,
            state=self._state(),
            sockets=self.sockets,
            world=self.world,
        )
        return node

    def _storage(self) -> IStorage:
        if not isinstance(self.storage, StorageChoice):
            return self.storage
        bounds = self.settings.bounds
        context = StorageContext(
            reactor=self.reactor,
            now=self._clocks[0],
            unix_time=self._clocks[1],
            directory=None if self.state_dir is None else str(self.state_dir),
            max_records=bounds.stored_records,
            max_bytes=bounds.stored_bytes,
        )
        return self.storage.make(context)

    def _state(self) -> INodeState | None:
        from kadtwisted.state.node_state import DurableNodeState

        if self.state_dir is None or self.settings.read_only:
            return None
        directory = StateDirectory(self.state_dir)  # another object holds the lock
        return DurableNodeState(self.reactor, directory, node_id_of, self._clocks[1])

    @property
    def _clocks(self) -> tuple[Callable[[], float], Callable[[], float]]:
        """The monotonic clock and the wall's."""
        if self.world is None:
            return steady_seconds, time.time
        return self.world.now, self.world.unix_time
