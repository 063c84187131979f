"""A node at a public address has nothing to do with addresses that are not, whoever names them."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.door import Received
from kadtwisted.errors import ConfigurationError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.messages import FindNode, Nodes, Records
from kadtwisted.node.assembly import WrapHandler
from kadtwisted.node.node import Node
from kadtwisted.node.port.protocol import Handle
from kadtwisted.parameters import NodeSettings
from kadtwisted.sealing.forms import SEALED_MARK, Form
from kadtwisted.testing.inspect import link_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Datagram, Network
from kadtwisted.testing.nodes import PORT, simulated_node, wait_for

OWN = "203.0.113.1"
PRIVATE = ("10.0.0.5", "127.0.0.9", "192.168.1.7")
"""Real nodes live there, so that it would show if anybody asked them."""
NOWHERE = (("224.0.0.1", 8000), ("0.0.0.0", 8000), ("198.51.100.1", 0), ("10.9.9.9", 8000))


def contact_of(node: Node) -> Contact:
    listening = node.status().links[0].listening
    assert listening is not None
    host = listening.host if listening.host != "0.0.0.0" else OWN
    return Contact.at(node.node_id, listening._replace(host=host), node.public_key)


class MartianCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.seed = 0
        self.martians = [self.node_at(host) for host in PRIVATE]
        self.named: tuple[Contact, ...] | None = None
        self.honest = self.node_at("203.0.113.2")
        self.liar = self.node_at("203.0.113.3", wrap_handler=self.lying)
        self.wait(self.liar.bootstrap([self.address_of(self.honest)]))
        self.sent: list[Datagram] = []
        self.network.watch(self.sent.append)

    def wait(self, waiting: object) -> object:
        return wait_for(self.clock, waiting)  # type: ignore[arg-type, type-var]

    def node_at(
        self, host: str, wrap_handler: WrapHandler = lambda honest: honest, **settings: object
    ) -> Node:
        self.seed += 1
        # Whether others can reach a node is another matter.
        where = {"port": PORT, "interfaces": (host,), "reachability": "assume"}
        chosen = NodeSettings(**where | settings)  # type: ignore[arg-type]
        place = self.network.host(host)
        node = simulated_node(place, self.seed, chosen, wrap_handler=wrap_handler)
        self.wait(node.start())
        self.addCleanup(lambda: self.wait(node.stop()))
        return node

    def address_of(self, node: Node) -> str:
        return str(contact_of(node).endpoint)

    def lie(self) -> None:
        """Let the liar name itself, the martians, and places where nobody can be."""
        nowhere = [self.made_up(*each) for each in NOWHERE]
        self.named = (contact_of(self.liar), *map(contact_of, self.martians), *nowhere)

    def lying(self, honest: Handle) -> Handle:
        """Answers as an honest node does, but with the contacts of a lie once there is one."""

        def named(answer: Any) -> Any:
            lies = self.named is not None and isinstance(answer, Nodes | Records)
            return answer._replace(contacts=self.named) if lies else answer

        def handle(received: Received) -> Any:
            answer: Any = honest(received)
            is_deferred = isinstance(answer, Deferred)
            return answer.addCallback(named) if is_deferred else named(answer)

        return handle

    def made_up(self, host: str, port: int) -> Contact:
        self.seed += 1
        key = NodeKey.generate(random.Random(self.seed).randbytes)
        return Contact.at(key.node_id, Endpoint(host, port), key.public_key)

    def work(self, node: Node) -> None:
        """Operations of every kind, and time for what follows from them."""
        for name in ("a", "b", "c"):
            self.wait(node.put(name, b"v"))
            self.wait(node.get(name))
            self.wait(node.find_node(key_of_name(name)))
        self.clock.advance(400)

    def asked(self) -> set[str]:
        """The hosts that a node at our own address asked something."""
        questions = (SEALED_MARK | Form.REQUEST, SEALED_MARK | Form.HELLO)
        mine = [each for each in self.sent if each.source[0] == OWN]
        return {each.destination[0] for each in mine if each.data[0] in questions}

    def answered(self) -> set[str]:
        """The hosts that it wrote to at all."""
        return {each.destination[0] for each in self.sent if each.source[0] == OWN}

    def known(self, node: Node) -> set[str]:
        return {each.endpoint.host for each in link_of(node).table.contacts()}

    def passed_on(self, node: Node) -> set[str]:
        """The hosts it names to others."""
        found: set[str] = set()
        for number in range(20):
            body = FindNode(key_of_name(str(number)))
            answer: Any = self.wait(link_of(self.honest).ask(contact_of(node), body))
            found.update(each.endpoint.host for each in answer.reply.body.contacts)
        return found


class MartianTests(MartianCase):
    def test_never_contacted_never_passed_on(self) -> None:
        self.lie()
        node = self.node_at(OWN)
        self.wait(node.bootstrap([self.address_of(self.liar), self.address_of(self.honest)]))
        self.work(node)
        self.assertEqual(self.asked(), {"203.0.113.2", "203.0.113.3"})
        self.assertEqual(self.known(node), {"203.0.113.2", "203.0.113.3"})
        self.assertEqual(self.passed_on(node), {"203.0.113.2", "203.0.113.3"})

    def test_what_the_operator_allows_is(self) -> None:
        self.lie()
        node = self.node_at(OWN, allow=("10.0.0.0/8",))
        self.wait(node.bootstrap([self.address_of(self.liar), self.address_of(self.honest)]))
        self.work(node)
        public = {"203.0.113.2", "203.0.113.3"}
        self.assertEqual(self.asked(), public | {"10.0.0.5", "10.9.9.9"})
        self.assertEqual(self.passed_on(node), public | {"10.0.0.5"})

    def test_who_comes_from_there_is_answered_but_not_kept(self) -> None:
        node = self.node_at(OWN)
        self.wait(node.bootstrap([self.address_of(self.honest)]))
        for _ in range(3):
            self.wait(self.martians[0].bootstrap([self.address_of(node)]))
            self.clock.advance(100)
        self.assertIn("10.0.0.5", self.answered())
        self.assertNotIn("10.0.0.5", self.known(node) | self.passed_on(node))
        self.assertIn(OWN, self.known(self.martians[0]))

    def test_what_a_user_names_is_asked_but_not_kept(self) -> None:
        node = self.node_at(OWN)
        self.wait(node.bootstrap([self.address_of(self.honest)]))
        self.wait(node.ping(self.address_of(self.martians[0])))
        self.wait(node.ping(contact_of(self.martians[1])))
        self.assertLessEqual({"10.0.0.5", "127.0.0.9"}, self.asked())
        self.assertEqual(self.known(node), {"203.0.113.2", "203.0.113.3"})

    def test_settings_that_are_no_prefix(self) -> None:
        error = self.assertRaises(ConfigurationError, self.node_at, OWN, allow=("home",))
        self.assertIn("'home'", str(error))


class OwnAddressTests(MartianCase):
    """What we know of our own address decides: our own socket tells, or several networks do."""

    def setUp(self) -> None:
        super().setUp()
        self.others = [self.node_at(f"{each}.7.7.7") for each in (20, 21, 22)]
        self.public = {"20.7.7.7", "21.7.7.7", "22.7.7.7"}

    def anywhere(self) -> Node:
        """A node at our address whose socket does not tell where that is."""
        return self.node_at(OWN, interfaces=("0.0.0.0",))

    def join(self, node: Node, *others: Node) -> None:
        for each in others:
            self.wait(node.bootstrap([self.address_of(each)]))

    def test_a_node_that_is_bound_to_a_public_address_knows_it(self) -> None:
        node = self.node_at(OWN)
        self.join(node, self.martians[0])
        self.assertEqual((self.known(node), link_of(node).observers()), (set(), 0))
        self.assertEqual(link_of(node).observed, link_of(node).listening)

    def test_one_that_is_not_hears_it_from_three_networks(self) -> None:
        node = self.anywhere()
        self.join(node, *self.others[:2])
        self.assertEqual((link_of(node).observed, link_of(node).observers()), (None, 0))
        self.join(node, self.liar)
        self.assertEqual(link_of(node).observed, Endpoint(OWN, PORT))
        self.assertEqual(link_of(node).observers(), 3)

    def test_neighbours_stay_but_are_not_passed_on_once_it_knows(self) -> None:
        node = self.anywhere()
        self.join(node, self.martians[0], self.others[0])
        self.assertIsNone(link_of(node).observed)
        self.assertIn("10.0.0.5", self.passed_on(node))
        self.join(node, *self.others[1:])
        self.assertEqual(link_of(node).observed, Endpoint(OWN, PORT))
        self.assertIn("10.0.0.5", self.known(node))
        self.assertLessEqual(self.public, self.passed_on(node))
        self.assertNotIn("10.0.0.5", self.passed_on(node))
        self.join(node, self.martians[2])
        self.assertNotIn("192.168.1.7", self.known(node))

    def test_until_it_knows_public_nodes_name_it_no_private_ones(self) -> None:
        self.lie()
        node = self.anywhere()
        self.join(node, self.liar, self.honest)
        self.work(node)
        self.assertIsNone(link_of(node).observed)
        # It may look whether it is itself whom others name under its key.
        self.assertEqual(self.asked() - {OWN}, {"203.0.113.2", "203.0.113.3"})

    def test_neighbours_name_others_of_the_site_but_not_of_this_machine(self) -> None:
        neighbour = self.node_at("10.0.0.6", wrap_handler=self.lying)
        self.named = tuple(map(contact_of, [*self.martians, self.honest]))
        node = self.anywhere()
        self.join(node, neighbour)
        self.work(node)
        self.assertLessEqual({*PRIVATE, "203.0.113.2"} - {"127.0.0.9"}, self.asked())
        self.assertNotIn("127.0.0.9", self.asked())

    def test_among_neighbours_nobody_is_a_martian(self) -> None:
        node = self.node_at("10.0.0.77")
        self.wait(node.bootstrap([self.address_of(each) for each in self.martians]))
        self.wait(node.bootstrap([self.address_of(self.honest)]))
        self.assertLess(set(PRIVATE), self.known(node))
        self.assertLess(set(PRIVATE), self.passed_on(node))

    def test_a_node_that_knows_nobody_any_more_takes_whoever_answers(self) -> None:
        node = self.anywhere()
        self.join(node, *self.others)
        self.assertEqual(link_of(node).observed, Endpoint(OWN, PORT))
        table = link_of(node).table
        for contact in table.contacts():
            for moment in (0.0, 40.0, 80.0):
                table.failed(contact.node_id, contact.endpoint, moment)
        self.assertEqual(len(table), 0)
        self.join(node, self.martians[0])
        self.assertEqual(self.known(node), {"10.0.0.5"})


class DiversityTests(MartianCase):
    """The limits on contacts by address are those of the network's kind."""

    def wanted(self, **settings: object) -> int:
        """How many nodes of one address a large table takes."""
        table = link_of(self.node_at(OWN, **settings)).table
        for number in range(250):
            host = f"198.{number}.1.1"
            table.answered(Contact.at(key_of_name(str(number)), Endpoint(host, 1)), 0.0)
        before = len(table)
        for number in range(500):
            endpoint = Endpoint("203.0.113.99", number + 1)
            table.answered(Contact.at(key_of_name(f"one of {number}"), endpoint), 0.0)
        self.assertGreaterEqual(before, 60)
        return len(table) - before

    def test_an_open_network_limits_them(self) -> None:
        self.assertEqual(self.wanted(), 1)

    def test_a_private_one_does_not(self) -> None:
        self.assertGreater(self.wanted(network_secrets=(bytes(32),)), 10)
