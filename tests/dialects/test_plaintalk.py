"""A network whose protocol is nothing like the native one, without a line of ``node/`` changed."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import NotFound
from kadtwisted.model.ids import key_of_name
from kadtwisted.node.node import Node
from kadtwisted.parameters import Parameters
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Swarm
from tests.dialects.plaintalk import ID_BYTES, plaintalk


class PlaintalkNetworkTests(SynchronousTestCase):
    """Nodes that speak JSON, without tokens and without HAVE."""

    def swarm(self, size: int, **parameters: float) -> Swarm:
        swarm = Swarm(
            size, parts={"dialect": plaintalk}, parameters=Parameters(k=4, alpha=2, **parameters)
        )
        self.addCleanup(swarm.stop)
        return swarm

    def test_two_nodes_find_each_other(self) -> None:
        swarm = self.swarm(2)
        first, second = swarm.nodes
        found = swarm.wait(second.find_node(first.node_id))
        self.assertEqual([each.node_id for each in found.contacts], [first.node_id])
        self.assertEqual(second.status().links[0].contacts, 1)
        answer = swarm.wait(first.ping(swarm.address_of(second)))
        self.assertEqual(answer.contact.node_id, second.node_id)
        self.assertIsNone(answer.observed)

    def test_values(self) -> None:
        swarm = self.swarm(2)
        first, second = swarm.nodes
        receipt = swarm.wait(first.put("greeting", b"hello"))
        self.assertEqual(receipt.remote_acks, 1)
        self.assertEqual(swarm.wait(second.get("greeting")).value, b"hello")
        self.assertEqual(swarm.wait(second.get("greeting", mode="first")).value, b"hello")
        swarm.wait(second.delete("greeting"))
        self.assertIn("deleted", str(self.lost(swarm, first, "greeting")))

    def lost(self, swarm: Swarm, node: Node, name: str) -> NotFound:
        return self.assertRaises(NotFound, swarm.wait, node.get(name))

    def test_every_datagram_is_of_this_dialect(self) -> None:
        swarm = self.swarm(2)
        seen: list[Datagram] = []
        swarm.network.watch(seen.append)
        swarm.wait(swarm.nodes[0].put("greeting", b"hello"))
        self.assertGreater(len(seen), 3)
        for each in seen:
            said = json.loads(each.data)
            self.assertEqual(len(bytes.fromhex(said["id"])), ID_BYTES)
            self.assertNotIn("token", said)

    def test_a_dialect_says_how_long_a_datagram_may_be(self) -> None:
        swarm = self.swarm(2)
        seen: list[Datagram] = []
        swarm.network.watch(seen.append)
        swarm.wait(swarm.nodes[0].put("long", bytes(900)))
        self.assertEqual(swarm.wait(swarm.nodes[1].get("long")).value, bytes(900))
        self.assertGreater(max(len(each.data) for each in seen), DATAGRAM_LIMIT)

    def test_an_unknown_query_gets_the_answer_of_this_network(self) -> None:
        """An empty list of nodes; the native network would refuse the query."""
        swarm = self.swarm(1)
        asker = ("198.51.100.1", 4000)
        seen: list[Datagram] = []
        swarm.network.watch(seen.append)
        query = {"asks": "a song", "with": None, "guest": True, "from": "00" * 20, "id": "01020304"}
        listening = swarm.nodes[0].status().links[0].listening
        assert listening is not None
        swarm.network.send(json.dumps(query).encode(), asker, listening)
        swarm.clock.advance(1.0)
        answers = [json.loads(each.data) for each in seen if each.destination == asker]
        self.assertEqual([(each["says"], each["with"]) for each in answers], [("near are", [])])
        self.assertEqual(answers[0]["id"], "01020304")

    def test_copies_reach_new_holders_without_have(self) -> None:
        swarm = self.swarm(3, replication_period=120.0)
        swarm.wait(swarm.nodes[0].put("greeting", b"hello", lifetime=7200.0))
        newcomer = swarm.add()
        swarm.wait(newcomer.bootstrap([swarm.address_of(swarm.nodes[0])]))
        swarm.clock.advance(1800.0)
        held = records_of(newcomer)
        self.assertEqual([each.where.key for each in held], [key_of_name("greeting")])
