"""What observers of a link are told, and when."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import RequestTimedOut
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Ping
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.observer import LinkObserver
from kadtwisted.parameters import NodeSettings
from kadtwisted.routing.table import RoutingTable
from kadtwisted.testing.inspect import context_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import PORT, Swarm, simulated_world, wait_for

HERE = Endpoint("198.51.100.1", PORT)


class Told(LinkObserver):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def bound(self, endpoint: Endpoint) -> None:
        self.told.append(("bound", endpoint))

    def observed(self, endpoint: Endpoint) -> None:
        self.told.append(("observed", endpoint))

    def added(self, contact: Contact) -> None:
        self.told.append(("added", contact))

    def removed(self, contact: Contact, known_for: float) -> None:
        self.told.append(("removed", contact, known_for))


class ObserverTests(SynchronousTestCase):
    """A link by itself, and a network of nodes that it may ask."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.swarm = Swarm(4, network=self.network)
        self.addCleanup(self.swarm.stop)
        self.host = self.network.host(HERE.host)
        self.observers = [Told(), Told()]
        self.link = self.make_link()
        for each in self.observers:
            self.link.watch(each)
        self.addCleanup(lambda: wait_for(self.clock, self.link.close()))

    def make_link(self) -> Link:
        world = simulated_world(self.host, 1)
        settings = NodeSettings(interfaces=(HERE.host,))
        dialect = native_dialect(NodeKey.from_seed(bytes(32)), settings, world.secure_random)
        context = NodeContext.made(self.host, settings, world, dialect)
        (door,) = dialect.doors(1, world.unix_time)
        return Link(context, HERE.host, RoutingTable(context.node_id), door, lambda _: None)

    def told(self) -> list[object]:
        """What both observers were told since this was asked last."""
        one, other = (list(each.told) for each in self.observers)
        self.assertEqual(one, other)
        for each in self.observers:
            each.told.clear()
        return one

    def contact(self, number: int) -> Contact:
        node = self.swarm.nodes[number]
        listening = node.status().links[0].listening
        assert listening is not None
        return Contact.at(context_of(node).node_id, listening, node.public_key)

    def test_where_the_port_is_bound_and_bound_again(self) -> None:
        self.link.listen(PORT)
        self.assertEqual(self.told(), [("bound", HERE)])
        self.host.fail_reads(OSError(12, "Cannot allocate memory"))
        self.clock.advance(5.0)
        self.assertEqual(self.told(), [("bound", HERE)])
        self.flushLoggedErrors(OSError)

    def test_who_enters_the_table_and_who_leaves_it(self) -> None:
        self.link.listen(PORT)
        self.told()
        first, second = self.contact(0), self.contact(1)
        for each in (first, second):
            wait_for(self.clock, self.link.ask(each, Ping(), known=True))
        added = [each for each in self.told() if each[0] == "added"]
        self.assertEqual(added, [("added", first), ("added", second)])
        self.network.partition([self.swarm.host_of(self.swarm.nodes[0])])
        for _ in range(5):
            asking = self.link.ask(first, Ping(), known=True)
            # Another one must be heard meanwhile: else our own uplink may be down.
            wait_for(self.clock, self.link.ask(second, Ping(), known=True))
            self.assertRaises(RequestTimedOut, wait_for, self.clock, asking)
            self.clock.advance(30.0)
        ((what, who, known_for),) = self.told()
        self.assertEqual((what, who), ("removed", first))
        self.assertLess(known_for, 1.0)  # it was never heard again

    def test_where_others_see_us(self) -> None:
        self.link.listen(PORT)
        self.told()
        for number in range(4):
            wait_for(self.clock, self.link.ask(self.contact(number), Ping(), known=True))
        seen = [each for each in self.told() if each[0] == "observed"]
        self.assertEqual(seen, [("observed", self.link.observed)])
