"""What every part of one node works with: one value, made once, handed to all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger

from kadtwisted.dialects.dialect import Dialect
from kadtwisted.model.ids import NodeID
from kadtwisted.node.counters import Counters, FaultLog
from kadtwisted.node.network_clock import NetworkClock
from kadtwisted.node.observing import NodeObservers
from kadtwisted.node.world import World
from kadtwisted.parameters import NodeSettings, Parameters


@dataclass(frozen=True, slots=True)
class NodeContext:
    """The fixed surroundings of one node.

    ``reactor`` gives timers and ports, ``world`` clocks, randomness and names.  ``node_id`` is the
    ID of ``public_key`` by the rule of the ``dialect``.  ``counters`` and ``faults`` are where all
    parts of the node count and report.  ``clock`` is what others say of the time.  ``observers``
    are told of requests and lookups that have ended.
    """

    reactor: Any
    settings: NodeSettings
    world: World
    dialect: Dialect
    public_key: bytes
    node_id: NodeID
    counters: Counters
    faults: FaultLog
    clock: NetworkClock
    observers: NodeObservers

    @classmethod
    def made(
        cls, reactor: Any, settings: NodeSettings, world: World, dialect: Dialect
    ) -> NodeContext:
        """The context of a node, with nothing counted or reported yet."""
        return cls(
            reactor,
            settings,
            world,
            dialect,
            dialect.public_key,
            dialect.identify(dialect.public_key),
            Counters(),
            FaultLog(Logger(namespace="kadtwisted.node"), world.now),
            NetworkClock(world),
            NodeObservers(),
        )

    @property
    def parameters(self) -> Parameters:
        """What all nodes of the network agree on."""
        return self.dialect.parameters

    @property
    def open_network(self) -> bool:
        """Whether anyone may join, because the network has no secret."""
        return not self.settings.network_secrets

    @property
    def read_only(self) -> bool:
        """Whether this node never enters a table and stores nothing."""
        return self.settings.read_only
