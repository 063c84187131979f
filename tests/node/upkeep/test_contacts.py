"""The care for contacts: the dead are found, the lost are sought, and islands find each other."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.node.node import Node
from kadtwisted.node.upkeep.contacts import SHORTEST_SILENCE, _patience
from kadtwisted.parameters import Parameters
from kadtwisted.routing.liveness import Entry
from kadtwisted.testing.nodes import Swarm, simulated_node
from tests.node.upkeep.cases import upkeep_of

MINUTE = 60.0


def known(node: Node) -> set[NodeID]:
    return {c.node_id for bucket in node.routing().buckets for c in bucket.contacts}


def ids(nodes: list[Node]) -> set[NodeID]:
    return {node.node_id for node in nodes}


class DeadContactTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.swarm = Swarm(14, sealer="plain")
        self.addCleanup(self.swarm.stop)
        self.swarm.clock.advance(10 * MINUTE)

    def test_more_dead_contacts_than_are_pinged_at_once_are_found_by_an_idle_node(self) -> None:
        """Nobody else is heard meanwhile but those pinged beside them to vouch for the uplink."""
        alive, dead = self.swarm.nodes[:3], self.swarm.nodes[3:]
        for node in dead:
            self.swarm.wait(node.stop())
        self.swarm.clock.advance(40 * MINUTE)
        for node in alive:
            self.assertEqual(known(node), ids(alive) - {node.node_id})

    def test_an_outage_of_our_own_uplink_convicts_nobody(self) -> None:
        node = self.swarm.nodes[0]
        self.swarm.network.partition([self.swarm.host_of(node)])
        upkeep_of(self.swarm, node)
        self.swarm.clock.advance(120 * MINUTE)
        self.assertEqual(known(node), ids(self.swarm.nodes[1:]))
        self.swarm.network.heal()


class PatienceTests(SynchronousTestCase):
    def patience(self, known_for: float) -> float:
        contact = Contact.at(NodeID(1), Endpoint("192.0.2.1", 8000), bytes(32))
        return _patience(Entry(contact, 1000.0, 1000.0 + known_for), 900.0)

    def test_silence_is_borne_for_as_long_as_a_contact_is_known_within_bounds(self) -> None:
        self.assertEqual(self.patience(0.0), SHORTEST_SILENCE)
        self.assertEqual(self.patience(300.0), 300.0)
        self.assertEqual(self.patience(5000.0), 900.0)


class LostTests(SynchronousTestCase):
    def test_two_halves_that_gave_each_other_up_grow_together_again(self) -> None:
        swarm = Swarm(12, sealer="plain")
        self.addCleanup(swarm.stop)
        swarm.clock.advance(10 * MINUTE)
        here, there = swarm.nodes[:6], swarm.nodes[6:]
        swarm.network.partition([swarm.host_of(node) for node in here])
        swarm.clock.advance(40 * MINUTE)
        for node in here:
            self.assertEqual(known(node) & ids(there), set())
        swarm.network.heal()
        swarm.clock.advance(5 * MINUTE)
        for node in swarm.nodes:
            self.assertEqual(known(node), ids(swarm.nodes) - {node.node_id})


class IslandTests(SynchronousTestCase):
    def reaches_the_third(self, k: int) -> bool:
        """Two nodes know each other; one of them was told of a third, which came up later."""
        swarm = Swarm(1, parameters=Parameters(k=k))
        self.addCleanup(swarm.stop)
        late = simulated_node(swarm.network.host("192.0.2.99"), 99)
        node = swarm.add()
        swarm.wait(node.bootstrap([swarm.address_of(swarm.nodes[0]), "192.0.2.99:8000"]))
        swarm.wait(late.start())
        self.addCleanup(lambda: swarm.wait(late.stop()))
        swarm.clock.advance(30 * MINUTE)
        return late.node_id in known(node)

    def test_who_knows_few_asks_the_addresses_it_was_told_again(self) -> None:
        self.assertTrue(self.reaches_the_third(k=20))

    def test_who_knows_enough_does_not(self) -> None:
        self.assertFalse(self.reaches_the_third(k=1))
