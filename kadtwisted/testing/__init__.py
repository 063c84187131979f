"""What tests of this package need, and tests of programs built on it: ships with the package.

This is the public face of the room.  ``docs/embedding.md`` lists the names by what they are for.
Each name is imported when it is first asked for: ``strategies`` needs hypothesis, the rest needs
nothing but Twisted.
"""

from typing import TYPE_CHECKING

from kadtwisted.lazy import homes, lazy

if TYPE_CHECKING:
    from kadtwisted.testing import strategies
    from kadtwisted.testing.contracts.durable_storage import Clocks, DurableStorageContract
    from kadtwisted.testing.contracts.node_state import NodeStateContract
    from kadtwisted.testing.contracts.storage import BoundedStorageContract, StorageContract
    from kadtwisted.testing.network.clock import HeapClock
    from kadtwisted.testing.network.host import Host
    from kadtwisted.testing.network.network import Conditions, Datagram, Middlebox, Network
    from kadtwisted.testing.node_state import RememberedInMemory
    from kadtwisted.testing.nodes import Swarm, simulated_node, simulated_world, wait_for

_HOMES = homes(
    {
        "kadtwisted.testing.contracts.durable_storage": "Clocks DurableStorageContract",
        "kadtwisted.testing.contracts.node_state": "NodeStateContract",
        "kadtwisted.testing.contracts.storage": "BoundedStorageContract StorageContract",
        "kadtwisted.testing.network.clock": "HeapClock",
        "kadtwisted.testing.network.host": "Host",
        "kadtwisted.testing.network.network": "Conditions Datagram Middlebox Network",
        "kadtwisted.testing.node_state": "RememberedInMemory",
        "kadtwisted.testing.nodes": "Swarm simulated_node simulated_world wait_for",
        "kadtwisted.testing.strategies": "strategies",
    }
)
"""Each name's module.  Type checkers and editors read the imports above instead."""

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy(__name__, _HOMES)

__all__ = [
    "BoundedStorageContract",
    "Clocks",
    "Conditions",
    "Datagram",
    "DurableStorageContract",
    "HeapClock",
    "Host",
    "Middlebox",
    "Network",
    "NodeStateContract",
    "RememberedInMemory",
    "StorageContract",
    "Swarm",
    "simulated_node",
    "simulated_world",
    "strategies",
    "wait_for",
]
