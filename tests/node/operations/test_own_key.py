"""A node that meets its own key: at its own address, or at that of a copy of itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import BootstrapFailed, RequestTimedOut
from kadtwisted.model.health import Health
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import PORT, simulated_node, wait_for

HERE, THERE, OTHER, RELAY = (f"192.0.2.{each}:{PORT}" for each in (1, 2, 3, 66))


class Relay(DatagramProtocol):
    """Passes on what comes to it, as a NAT does that lets us reach our own address; or a liar."""

    transport: Any

    def __init__(self, to: str) -> None:
        host, _, port = to.partition(":")
        self.to = host, int(port)
        self.passes_on = True
        self.recorded: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.recorded.append(datagram)
        if self.passes_on:
            self.transport.write(datagram, self.to)


class OwnKeyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.node = self.start(HERE)

    def start(self, address: str, seed: int = 1) -> Node:
        """A node; those with the same seed have the same key."""
        host = self.network.host(address.partition(":")[0])
        node = simulated_node(host, seed, NodeSettings(port=PORT, interfaces=host.addresses))
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def fails(self, node: Node, *addresses: str) -> BootstrapFailed:
        error = self.assertRaises(BootstrapFailed, wait_for, self.clock, node.bootstrap(addresses))
        assert isinstance(error, BootstrapFailed)
        return error

    def relay(self) -> Relay:
        relay = Relay(HERE)
        self.network.host("192.0.2.66").listenUDP(PORT, relay, interface="192.0.2.66")
        return relay


class OwnAddressTests(OwnKeyCase):
    def test_it_is_the_first_of_its_network(self) -> None:
        error = self.fails(self.node, HERE)
        self.assertEqual(error.own, (HERE,))
        self.assertIn("is this node itself", str(error))
        self.assertIs(self.node.health(), Health.SERVING)

    def test_also_when_no_other_address_answers(self) -> None:
        error = self.fails(self.node, OTHER, HERE)
        self.assertEqual((error.own, set(error.reasons)), ((HERE,), {HERE, OTHER}))
        self.assertIs(self.node.health(), Health.SERVING)

    def test_not_without_its_own_address(self) -> None:
        self.assertEqual(self.fails(self.node, OTHER).own, ())
        self.assertIs(self.node.health(), Health.JOINING)

    def test_through_another_address_that_leads_to_it(self) -> None:
        self.relay()
        self.assertEqual(self.fails(self.node, RELAY).own, (RELAY,))
        self.clock.advance(60)
        self.assertIsNone(self.node.status().links[0].twin)
        self.assertIs(self.node.health(), Health.SERVING)

    def test_by_its_own_key_where_no_answer_comes_back(self) -> None:
        """As behind a NAT that does not let it reach its own address."""
        pinned = f"{self.node.public_key.hex()}@198.51.100.1:{PORT}"
        self.assertEqual(self.fails(self.node, pinned).own, (pinned,))

    def test_in_the_other_family(self) -> None:
        host = self.network.host("192.0.2.9", "2001:db8::9")
        both = NodeSettings(port=PORT, interfaces=host.addresses)
        node = simulated_node(host, 9, both)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        address = f"[2001:db8::9]:{PORT}"
        self.assertEqual(self.fails(node, address).own, (address,))

    def test_it_joins_the_others_when_they_come(self) -> None:
        self.fails(self.node, HERE, OTHER)
        other = self.start(OTHER, 3)
        result = wait_for(self.clock, self.node.bootstrap([HERE, OTHER]))
        self.assertEqual([each.node_id for each in result.answered], [other.node_id])
        self.assertEqual(list(result.failures), [HERE])
        self.assertNotIn(self.node.node_id, self.node._links.connected()[0].table)

    def test_who_has_heard_others_is_isolated_without_them(self) -> None:
        other = self.start(OTHER, 3)
        wait_for(self.clock, self.node.bootstrap([HERE, OTHER]))
        self.assertIs(self.node.health(), Health.SERVING)
        wait_for(self.clock, other.stop())
        self.clock.advance(600)
        self.assertIs(self.node.health(), Health.ISOLATED)


class TwinTests(OwnKeyCase):
    def both_know(self, twin: Node) -> None:
        self.assertEqual(str(self.node.status().links[0].twin), THERE)
        self.assertEqual(str(twin.status().links[0].twin), HERE)
        for each in (self.node, twin):
            self.assertIs(each.health(), Health.DOUBLED)

    def test_a_copy_that_joins_through_the_first(self) -> None:
        twin = self.start(THERE)
        with capturedLogs() as events:
            error = self.fails(twin, HERE)
            self.clock.advance(20)
        self.assertEqual(error.own, ())
        self.assertIn("another node that has this one's key", str(error))
        self.both_know(twin)
        told = [formatEvent(each) for each in events]
        for where in (HERE, THERE):
            (line,) = [each for each in told if f"answers at {where}" in str(each)]
            self.assertIn("remove identity.key", str(line))

    def test_copies_that_hear_of_each_other_from_a_third(self) -> None:
        """No one is given the other's address."""
        third = self.start(OTHER, 3)
        wait_for(self.clock, self.node.bootstrap([OTHER]))
        self.clock.advance(30)
        twin = self.start(THERE)
        wait_for(self.clock, twin.bootstrap([OTHER]))
        self.clock.advance(120)
        self.both_know(twin)
        self.assertIs(third.health(), Health.SERVING)

    def test_it_ends_when_one_is_gone(self) -> None:
        twin = self.start(THERE)
        self.fails(twin, HERE)
        self.clock.advance(20)
        self.assertIs(self.node.health(), Health.DOUBLED)
        wait_for(self.clock, twin.stop())
        self.clock.advance(60)
        self.assertIs(self.node.health(), Health.DOUBLED)
        self.clock.advance(240)
        self.assertIs(self.node.health(), Health.SERVING)

    def test_a_liar_without_the_key_proves_nothing(self) -> None:
        """It sends a hello of ours again, and keeps or passes on what it is asked then."""
        liar = self.relay()
        liar.passes_on = False
        self.assertRaises(RequestTimedOut, wait_for, self.clock, self.node.ping(RELAY))
        hello = liar.recorded[0]
        for liar.passes_on in (False, True):
            for _ in range(3):
                asked = len(liar.recorded)
                liar.transport.write(hello, liar.to)
                self.clock.advance(90)
                self.assertGreater(len(liar.recorded), asked)  # it was asked who it is
                self.assertIsNone(self.node.status().links[0].twin)
                self.assertIs(self.node.health(), Health.SERVING)

    def test_a_flood_of_hints_aims_few_datagrams(self) -> None:
        liar = self.relay()
        liar.passes_on = False
        self.assertRaises(RequestTimedOut, wait_for, self.clock, self.node.ping(RELAY))
        hello, asked = liar.recorded[0], len(liar.recorded)
        self.node.counters.counts.clear()
        for _ in range(300):
            liar.transport.write(hello, liar.to)
            self.clock.advance(1)
        answered = self.node.status().counters.get("in.Ping", 0)
        self.assertLess(len(liar.recorded) - asked - answered, 20)

    def test_its_own_self_check_is_no_twin(self) -> None:
        for _ in range(5):
            wait_for(self.clock, self.node.self_check())
            self.clock.advance(30)
        self.assertIs(self.node.health(), Health.SERVING)
