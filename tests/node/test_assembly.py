"""How a node is put together: which dialect it speaks, what begins anew, who answers for it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.door import Received
from kadtwisted.errors import ConfigurationError, Unavailable
from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Ping, ReplyBody
from kadtwisted.node.node import Node
from kadtwisted.node.port.protocol import Handle
from kadtwisted.parameters import NodeSettings
from kadtwisted.testing.inspect import context_of, link_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import PORT, Swarm, simulated_world, wait_for
from kadtwisted.wire.cbor import CBORSerializer
from tests.dialects.plaintalk import plaintalk


class AssemblyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.host = self.network.host("192.0.2.1")

    def node(self, **parts: object) -> Node:
        settings = NodeSettings(port=PORT, interfaces=self.host.addresses)
        key = NodeKey.from_seed(bytes(32))
        node = Node(self.host, settings, key, world=simulated_world(self.host, 1), **parts)
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def test_the_dialect_is_native_unless_another_is_given(self) -> None:
        self.assertEqual(context_of(self.node()).dialect.name, "native")
        self.assertEqual(context_of(self.node(dialect=plaintalk)).dialect.name, "plaintalk")

    def test_the_dialect_says_by_what_a_node_is_known(self) -> None:
        key = NodeKey.from_seed(bytes(32))
        self.assertEqual(self.node().public_key, key.public_key)
        self.assertEqual(len(self.node(dialect=plaintalk).public_key), 20)
        self.assertEqual(self.node(dialect=plaintalk).node_id, key.node_id)

    def test_a_dialect_brings_its_own_serializer(self) -> None:
        serializer = CBORSerializer(node_id_of)
        self.assertIs(context_of(self.node(serializer=serializer)).dialect.serializer, serializer)
        self.assertRaises(ConfigurationError, self.node, dialect=plaintalk, serializer=serializer)

    def test_a_node_that_starts_again_starts_clean(self) -> None:
        swarm = Swarm(1, network=self.network)
        node = self.node()
        wait_for(self.clock, node.start())
        wait_for(self.clock, node.bootstrap([swarm.address_of(swarm.nodes[0])]))
        before, context = link_of(node), context_of(node)
        self.assertEqual(len(before.table), 1)
        wait_for(self.clock, node.stop())
        wait_for(self.clock, node.start())
        self.assertIsNot(link_of(node), before)
        self.assertEqual(len(link_of(node).table), 0)
        self.assertIs(context_of(node), context)
        swarm.stop()

    def test_a_family_without_a_port(self) -> None:
        node = self.node()
        wait_for(self.clock, node.start())
        there = Contact.at(node_id_of(bytes(32)), Endpoint("2001:db8::1", 1), bytes(32))
        error = self.assertRaises(Unavailable, wait_for, self.clock, node.ping(there))
        self.assertIn("no IPv6 port", str(error))

    def test_what_answers_can_be_wrapped(self) -> None:
        asked: list[object] = []

        def wrap(honest: Handle) -> Handle:
            def handle(received: Received) -> ReplyBody | Deferred[ReplyBody] | None:
                asked.append(received.body)
                return honest(received)

            return handle

        node = self.node(wrap_handler=wrap)
        wait_for(self.clock, node.start())
        swarm = Swarm(1, network=self.network)
        wait_for(self.clock, swarm.nodes[0].ping("192.0.2.1:8000"))
        self.assertEqual(asked, [Ping(recipient=b"")])
        swarm.stop()
