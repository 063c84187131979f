"""What the tests of the upkeep share: a simulated network, and a node that remembers."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import StorageError
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import Kind
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings, Parameters
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.node_state import RememberedInMemory
from kadtwisted.testing.nodes import PORT, Swarm, simulated_node, wait_for

HOUR = 3600.0


def upkeep_of(swarm: Swarm, *wanted: Node) -> None:
    """From now on only these nodes do what nobody asked for; all others answer, and no more.

    The upkeep of a bystander costs as much as that of the node that is tested.
    """
    for node in swarm.nodes:
        node.switch_upkeep(on=node in wanted)


class UpkeepCase(SynchronousTestCase):
    SIZE = 16
    PARAMETERS = Parameters(k=8)

    def setUp(self) -> None:
        self.swarm = Swarm(self.SIZE, parameters=self.PARAMETERS, sealer="plain")
        self.clock = self.swarm.clock
        self.addCleanup(self.swarm.stop)

    def holders(self, name: str) -> list[Node]:
        """The running nodes that hold a record under a name, nearest first."""
        key = key_of_name(name)
        found = []
        for node in self.swarm.nodes:
            if node.status().running:
                records = self.successResultOf(
                    node._storage.get(Kind.VALUE, key, self.clock.seconds())
                )
                found += [node] if records else []
        return sorted(found, key=lambda node: node.node_id ^ key)

    def nearest(self, name: str, count: int) -> list[Node]:
        """The running nodes nearest to a name."""
        key = key_of_name(name)
        running = [node for node in self.swarm.nodes if node.status().running]
        return sorted(running, key=lambda node: node.node_id ^ key)[:count]

    def counted(self, name: str) -> int:
        return sum(node.status().counters.get(name, 0) for node in self.swarm.nodes)


class CountingState(RememberedInMemory):
    """Counts savings, and fails them while it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.savings: list[int] = []
        self.error: StorageError | None = None
        self.saving: Deferred[None] | None = None

    def save_contacts(self, contacts: Sequence[Contact]) -> Deferred[None]:
        self.savings.append(len(contacts))
        return fail(self.error) if self.error else super().save_contacts(contacts)

    def keep(self, publication: Publication) -> Deferred[None]:
        if self.saving is not None:
            return self.saving
        return fail(self.error) if self.error else super().keep(publication)


class RestartCase(SynchronousTestCase):
    size = 12

    def setUp(self) -> None:
        self.swarm = Swarm(self.size, sealer="plain")
        self.clock = self.swarm.clock
        self.clock.advance(400)  # verified
        upkeep_of(self.swarm)
        self.network: Network = self.swarm.network
        self.state = CountingState()
        self.host = self.network.host("192.0.2.1")
        self.addCleanup(self.swarm.stop)

    def node(self, **parameters: int) -> Node:
        """A run of the node with the state, started."""
        settings = NodeSettings(
            port=PORT,
            interfaces=self.host.addresses,
            parameters=Parameters(**parameters),
            sealer="plain",
        )
        node = simulated_node(self.host, 7, settings, state=self.state)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def joined(self, **parameters: int) -> Node:
        node = self.node(**parameters)
        wait_for(self.clock, node.bootstrap([self.swarm.address_of(self.swarm.nodes[0])]))
        return node

    def contacts(self, node: Node) -> int:
        return node.status().links[0].contacts
