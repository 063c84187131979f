"""Asking endpoints that were never heard, and nodes that say that they are elsewhere."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.dialects.door import Received
from kadtwisted.dialects.native import SHORT_ANSWER, native_dialect
from kadtwisted.errors import ErrorReply, SendFailed
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Error, ErrorCode, FindNode, Method, Nodes, Ping, Pong
from kadtwisted.node.context import NodeContext
from kadtwisted.node.node import Node
from kadtwisted.node.operations.searches import find_at_cost, find_nodes
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.protocol import Handle
from kadtwisted.node.port.requests import Answer
from kadtwisted.parameters import NodeSettings
from kadtwisted.routing.table import RoutingTable
from kadtwisted.rpc.bitmaps import bitmap_of
from kadtwisted.testing.attacks.client import Peer
from kadtwisted.testing.attacks.tables.relays import Relay
from kadtwisted.testing.inspect import link_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Datagram, Network
from kadtwisted.testing.nodes import PORT, simulated_node, simulated_world, wait_for
from kadtwisted.upkeep.schedule import LOOKUP_COST

HERE = Endpoint("198.51.100.1", PORT)
TARGET = FindNode(NodeID(7))
SECRET = b"known to the members alone, 32 b"


class LinkCase(SynchronousTestCase):
    """A link by itself, and nodes that it may ask."""

    secrets: tuple[bytes, ...] = ()

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.sent: list[Datagram] = []
        self.own: dict[str, Endpoint | None] = {}
        self.methods: bytes | None = None
        self.refuses: tuple[type, ...] = ()
        self.seed = 0
        self.nodes: list[Node] = []
        self.link, self.context = self.make_link()
        self.network.watch(self.look)
        self.addCleanup(lambda: self.wait(self.link.close()))

    def look(self, datagram: Datagram) -> None:
        if datagram.source == HERE:
            self.sent.append(datagram)

    def wait(self, waiting: Deferred[Any]) -> Any:
        return wait_for(self.clock, waiting)

    def make_link(self) -> tuple[Link, NodeContext]:
        host = self.network.host(HERE.host)
        world = simulated_world(host, 1)
        settings = NodeSettings(interfaces=(HERE.host,), network_secrets=self.secrets)
        dialect = native_dialect(NodeKey.from_seed(bytes(32)), settings, world.secure_random)
        context = NodeContext.made(host, settings, world, dialect)
        (door,) = dialect.doors(1, world.unix_time)
        link = Link(context, HERE.host, RoutingTable(context.node_id), door, lambda _: None)
        link.listen(PORT)
        return link, context

    def node(self, host: str) -> Contact:
        """A node that says in its PONGs what ``own`` has for its host and that it serves
        ``methods``, names nobody as a contact, and does not know what it ``refuses``."""
        self.seed += 1

        def saying(honest: Handle) -> Handle:
            def handle(received: Received) -> Any:
                answer: Any = honest(received)
                if isinstance(received.body, self.refuses):
                    return Error(ErrorCode.UNKNOWN_METHOD)
                if isinstance(answer, Pong):
                    methods = answer.methods if self.methods is None else self.methods
                    return answer._replace(own=self.own.get(host), methods=methods)
                return answer

            return handle

        settings = NodeSettings(port=PORT, interfaces=(host,), network_secrets=self.secrets)
        place = self.network.host(host)
        node: Node = simulated_node(place, self.seed, settings, wrap_handler=saying)
        self.wait(node.start())
        self.addCleanup(lambda: self.wait(node.stop()))
        self.nodes.append(node)
        return Contact.at(node.node_id, Endpoint(host, PORT), node.public_key)

    def nobody(self, host: str, port: int = PORT) -> Contact:
        self.seed += 1
        key = NodeKey.generate(random.Random(self.seed).randbytes)
        return Contact.at(key.node_id, Endpoint(host, port), key.public_key)

    def ask(self, contact: Contact, **how: bool) -> Answer:
        answer: Answer = self.wait(self.link.ask(contact, TARGET, **how))
        return answer

    def lengths(self, host: str) -> list[int]:
        return [len(each.data) for each in self.sent if each.destination[0] == host]

    def hosts(self) -> set[str]:
        return {each.endpoint.host for each in self.link.table.contacts()}


class HearsayTests(LinkCase):
    def test_who_waits_asks_at_once(self) -> None:
        node = self.node("203.0.113.1")
        self.assertIsInstance(self.ask(node).reply.body, Nodes)
        self.assertEqual(self.lengths(node.endpoint.host), [DATAGRAM_LIMIT])

    def test_where_nobody_waits_a_short_ping_comes_first(self) -> None:
        node = self.node("203.0.113.1")
        self.assertIsInstance(self.ask(node, gently=True).reply.body, Nodes)
        ping, request = self.lengths(node.endpoint.host)
        self.assertEqual(ping, SHORT_ANSWER)
        self.assertLess(request, SHORT_ANSWER)  # with the token that came with the PONG

    def test_nobody_is_padded_for_who_does_not_answer(self) -> None:
        nobody = self.nobody("203.0.113.9")
        asking = self.link.ask(nobody, TARGET, gently=True)
        self.clock.advance(30.0)
        self.failureResultOf(asking)
        self.assertEqual(self.lengths("203.0.113.9"), [SHORT_ANSWER])
        self.failureResultOf(self.link.ask(nobody, TARGET), SendFailed)

    def test_who_has_answered_is_asked_at_once(self) -> None:
        node = self.node("203.0.113.1")
        self.wait(self.link.ask(node, Ping()))
        self.ask(node, gently=True)
        self.assertEqual(len(self.lengths(node.endpoint.host)), 2)

    def test_one_with_another_key_is_hearsay_where_somebody_has_answered(self) -> None:
        """Whoever names a living node under ever new keys brings it one datagram at a time."""
        node = self.node("203.0.113.1")
        self.wait(self.link.ask(node, Ping()))
        before = len(self.lengths("203.0.113.1"))
        asking = [self.link.ask(self.nobody("203.0.113.1"), TARGET, gently=True) for _ in range(9)]
        self.clock.advance(60.0)
        for each in asking:
            self.failureResultOf(each)
        self.assertEqual(self.lengths("203.0.113.1")[before:], [SHORT_ANSWER])
        self.wait(self.link.ask(node, Ping()))

    def test_a_known_contact_is_asked_at_once(self) -> None:
        node = self.node("203.0.113.1")
        self.ask(node, gently=True, known=True)
        self.assertEqual(self.lengths(node.endpoint.host), [DATAGRAM_LIMIT])

    def test_a_ping_is_not_sent_twice(self) -> None:
        node = self.node("203.0.113.1")
        self.wait(self.link.ask(node, Ping(), gently=True))
        self.assertEqual(len(self.lengths(node.endpoint.host)), 1)

    def test_others_wait_for_the_ping(self) -> None:
        node = self.node("203.0.113.1")
        asking = [self.link.ask(node, TARGET, gently=each) for each in (True, True, False)]
        for each in asking:
            self.assertIsInstance(self.wait(each).reply.body, Nodes)
        self.assertEqual(len(self.lengths(node.endpoint.host)), 4)

    def test_who_cancels_asks_no_more(self) -> None:
        for seconds in (0.0, 0.03):  # while the PING is under way, and then the request
            node = self.node(f"203.0.113.{self.seed + 1}")
            asking = self.link.ask(node, TARGET, gently=True)
            self.clock.advance(seconds)
            asking.cancel()
            asking.addErrback(lambda _: None)
            self.clock.advance(10.0)
        self.assertEqual([len(self.lengths(f"203.0.113.{n}")) for n in (1, 2)], [1, 2])

    def test_a_block_has_its_budget_and_nobody_is_the_worse_for_it(self) -> None:
        crowd = [self.nobody(f"203.0.113.{n}") for n in range(1, 60)]
        asking = [self.link.ask(each, TARGET, gently=bool(n % 2)) for n, each in enumerate(crowd)]
        node = self.node("203.0.113.77")
        self.failureResultOf(self.link.ask(node, TARGET), SendFailed)
        self.assertEqual(len(self.sent), 20)
        self.clock.advance(61.0)
        for each in asking:
            self.failureResultOf(each)
        self.assertIsInstance(self.ask(node).reply.body, Nodes)

    def test_a_lookup_is_not_stalled_by_it(self) -> None:
        crowd = [self.nobody(f"203.0.113.{n}") for n in range(1, 60)]
        for each in crowd[:20]:
            self.link.ask(each, Ping()).addErrback(lambda _: None)
        self.clock.advance(10.0)
        liar, node = self.node("192.0.2.1"), self.node("192.0.3.1")
        self.ask(liar, known=True)
        self.ask(node, known=True)
        before = self.clock.seconds()
        running = find_nodes(self.context, self.link, NodeID(7))
        lookup = self.wait(running)
        self.assertEqual({each.node_id for each in lookup.closest()}, {liar.node_id, node.node_id})
        self.assertLess(self.clock.seconds() - before, 1.0)

    def test_a_lookup_is_charged_for_its_pings(self) -> None:
        """One node is known, and names the other."""
        known, other = self.node("192.0.2.1"), self.node("192.0.3.1")
        self.wait(self.nodes[0].bootstrap([str(other.endpoint)]))
        self.ask(known, known=True)
        for gently, cost in ((False, 0), (True, 1), (True, 0)):
            charged = self.wait(find_at_cost(self.context, self.link, NodeID(7), gently=gently))
            self.assertEqual(charged.cost, LOOKUP_COST + cost)
            found = {each.node_id for each in charged.lookup.closest()}
            self.assertEqual(found, {known.node_id, other.node_id})
            if not gently:
                self.link, self.context = self.renewed()
                self.ask(known, known=True)

    def renewed(self) -> tuple[Link, NodeContext]:
        """Another link in the place of ours: it has heard nobody yet."""
        self.wait(self.link.close())
        return self.make_link()


class ServedTests(LinkCase):
    """What a contact is known to serve."""

    def served(self, contact: Contact) -> list[Method]:
        return [each for each in Method if self.link.may_serve(contact, each)]

    def test_a_pong_tells_all_methods(self) -> None:
        self.methods = bitmap_of((Method.PING, Method.STORE))
        asked, met, unasked = (self.node(f"88.{each}.2.3") for each in range(3))
        self.wait(self.link.ask(asked, Ping()))
        self.wait(self.link._asking.meet(met))
        for each in (asked, met):
            self.assertEqual(self.served(each), [Method.PING, Method.STORE])
        self.assertEqual(self.served(unasked), list(Method))

    def test_who_names_none_may_serve_all_until_it_refuses_one(self) -> None:
        self.methods, self.refuses = b"", (FindNode,)
        contact = self.node("88.1.2.3")
        self.wait(self.link.ask(contact, Ping()))
        self.assertEqual(self.served(contact), list(Method))
        self.failureResultOf(self.ended(self.link.ask(contact, TARGET)), ErrorReply)
        others = [each for each in Method if each is not Method.FIND_NODE]
        self.assertEqual(self.served(contact), others)

    def ended(self, asking: Deferred[Answer]) -> Deferred[Answer]:
        self.clock.advance(5.0)
        return asking


class PrivateTests(LinkCase):
    secrets = (SECRET,)

    def test_members_are_trusted(self) -> None:
        for number in range(1, 41):
            self.link.ask(self.nobody(f"203.0.113.{number}"), Ping()).addErrback(_ignore)
        self.clock.advance(30.0)
        self.assertGreaterEqual(len(self.sent), 40)


class ElsewhereTests(LinkCase):
    """A relay hands on what is asked of a node, which knows its own address."""

    TRUE, RELAY, VICTIM = "203.0.113.1", "192.0.2.9", "192.0.6.9"

    def setUp(self) -> None:
        super().setUp()
        self.honest = self.node(self.TRUE)
        peer = Peer(self.honest.key, tuple(self.honest.endpoint))
        self.relay = Relay(self.network.host(self.RELAY), peer)
        self.addCleanup(self.relay.close)
        self.own[self.TRUE] = self.honest.endpoint
        at_relay = Endpoint(self.RELAY, PORT)
        self.at_relay = Contact.at(self.honest.node_id, at_relay, self.honest.key)

    def ping(self, contact: Contact) -> None:
        self.wait(self.link.ask(contact, Ping()))
        self.clock.advance(1.0)

    def test_it_becomes_a_contact_where_it_says_that_it_is(self) -> None:
        self.ping(self.at_relay)
        self.assertEqual(self.hosts(), {self.TRUE})
        self.assertEqual(self.lengths(self.TRUE), [SHORT_ANSWER])

    def test_an_entry_moves_there(self) -> None:
        self.ask(self.at_relay)
        self.assertEqual(self.hosts(), {self.RELAY})
        self.ping(self.at_relay)
        self.assertEqual(self.hosts(), {self.TRUE})
        self.ask(self.at_relay)
        self.assertEqual(self.hosts(), {self.TRUE})

    def test_it_is_no_contact_there_by_other_answers(self) -> None:
        self.own[self.TRUE] = Endpoint(self.VICTIM, PORT)  # where it cannot be asked
        self.ping(self.at_relay)
        self.ask(self.at_relay)
        self.assertEqual(self.hosts(), set())
        self.assertTrue(self.link.is_displaced(self.at_relay))

    def test_a_way_into_the_network_that_a_user_gave_serves_until_then(self) -> None:
        self.wait(self.link.greet(self.at_relay.endpoint, None))
        self.assertEqual(self.hosts(), {self.RELAY})
        self.assertEqual(self.link.table.closest(NodeID(7)), [])
        self.clock.advance(1.0)
        self.assertEqual(self.hosts(), {self.TRUE})

    def test_who_does_not_know_where_it_is_changes_nothing(self) -> None:
        self.own[self.TRUE] = None
        self.ping(self.at_relay)
        self.assertEqual(self.hosts(), {self.RELAY})

    def test_a_port_that_is_not_known_is_not_asked(self) -> None:
        self.own[self.TRUE] = self.honest.endpoint._replace(port=0)
        self.ping(self.at_relay)
        self.assertEqual((self.hosts(), self.lengths(self.TRUE)), (set(), []))

    def test_at_another_port_of_its_address_it_is_there(self) -> None:
        self.own[self.TRUE] = self.honest.endpoint._replace(port=9)
        self.ping(self.honest)
        self.assertEqual(self.hosts(), {self.TRUE})
        self.assertEqual(len(self.sent), 1)

    def test_a_liar_aims_us_at_nobody(self) -> None:
        """One small PING a minute to an endpoint, however often it is asked."""
        self.own[self.TRUE] = Endpoint(self.VICTIM, PORT)
        for _ in range(50):
            self.ping(self.honest)
        self.assertEqual(self.lengths(self.VICTIM), [SHORT_ANSWER])
        self.assertEqual(self.hosts(), set())

    def test_not_into_a_site_either(self) -> None:
        for own in ("10.0.0.1", "127.0.0.1", "224.0.0.1"):
            self.own[self.TRUE] = Endpoint(own, PORT)
            self.ping(self.honest)
            self.assertEqual(self.lengths(own), [])

    def test_nor_at_a_node_that_has_answered_before(self) -> None:
        other = self.node("192.0.4.1")
        self.ping(other)
        self.own[self.TRUE] = other.endpoint
        before = len(self.lengths(other.endpoint.host))
        for _ in range(50):
            self.ping(self.honest)
        self.assertEqual(len(self.lengths(other.endpoint.host)), before + 1)
        self.assertEqual(self.hosts(), {other.endpoint.host})

    def test_what_is_said_there_leads_nowhere_else(self) -> None:
        second = Relay(self.network.host("192.0.5.9"), Peer(*self.peer()))
        self.addCleanup(second.close)
        self.own[self.TRUE] = Endpoint("192.0.5.9", PORT)
        self.ping(self.honest)
        self.own[self.TRUE] = Endpoint(self.VICTIM, PORT)
        self.clock.advance(5.0)
        self.assertEqual(self.lengths(self.VICTIM), [])

    def peer(self) -> tuple[bytes, Any]:
        return self.honest.key, tuple(self.honest.endpoint)


class OwnTests(SynchronousTestCase):
    """What a node says in its PONGs about itself."""

    def test_what_others_have_told_it(self) -> None:
        clock = HeapClock()
        network = Network(clock, 1, latency=0.01)
        hosts = [f"203.{number}.113.1" for number in range(5)]
        nodes = []
        for seed, host in enumerate(hosts):
            settings = NodeSettings(port=PORT, interfaces=(host,))
            nodes.append(simulated_node(network.host(host), seed, settings))
            wait_for(clock, nodes[-1].start())
        asked = Contact.at(nodes[0].node_id, Endpoint(hosts[0], PORT), nodes[0].public_key)

        def own() -> Endpoint | None:
            answer = wait_for(clock, link_of(nodes[1]).ask(asked, Ping()))
            assert isinstance(answer.reply.body, Pong)
            return answer.reply.body.own

        self.assertIsNone(own())
        wait_for(clock, nodes[0].bootstrap([f"{host}:{PORT}" for host in hosts[1:]]))
        self.assertEqual(own(), asked.endpoint)
        for each in nodes:
            wait_for(clock, each.stop())


def _ignore(_: Failure) -> None:
    """Nobody is there."""
