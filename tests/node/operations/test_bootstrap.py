"""Bootstrapping: which addresses answered, why the others did not, and how long that takes."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import BootstrapFailed, InvalidAddress, RequestTimedOut, Unavailable
from kadtwisted.model.contact import parse_address
from kadtwisted.model.results import BootstrapResult
from kadtwisted.node.node import Node
from kadtwisted.node.operations.bootstrap import read_addresses
from kadtwisted.parameters import NodeSettings
from kadtwisted.testing.nodes import PORT, Swarm, simulated_node, wait_for

DEAD = "192.0.2.250:1"


class BootstrapTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.swarm = Swarm(2, sealer="plain")
        self.clock = self.swarm.clock
        self.addCleanup(self.swarm.stop)
        self.seed = 100
        self.living = [self.swarm.address_of(each) for each in self.swarm.nodes]

    def node(self, *addresses: str, read_only: bool = False) -> Node:
        host = self.swarm.network.host(*addresses)
        settings = NodeSettings(
            port=PORT, interfaces=host.addresses, sealer="plain", read_only=read_only
        )
        self.seed += 1
        node = simulated_node(host, self.seed, settings)
        wait_for(self.clock, node.start())
        self.addCleanup(lambda: wait_for(self.clock, node.stop()))
        return node

    def bootstrap(self, node: Node, *addresses: str) -> BootstrapResult:
        running = node._bootstrap.run(read_addresses(addresses))
        return wait_for(self.clock, Deferred.fromCoroutine(running))

    def test_all_that_answered_and_all_that_failed(self) -> None:
        result = self.bootstrap(self.node("192.0.2.100"), *self.living, DEAD, "no.example:1")
        self.assertEqual(
            [each.node_id for each in result.answered], [n.node_id for n in self.swarm.nodes]
        )
        self.assertEqual(sorted(result.failures), [DEAD, "no.example:1"])
        self.assertIn("does not resolve", result.failures["no.example:1"])
        self.assertEqual(result.contacts, 2)

    def test_a_full_node_waits_for_all_of_them(self) -> None:
        node = self.node("192.0.2.100")
        before = self.clock.seconds()
        self.bootstrap(node, DEAD, *self.living)
        self.assertGreater(self.clock.seconds() - before, 2.0)

    def test_a_read_only_node_is_content_with_the_first(self) -> None:
        node = self.node("192.0.2.100", read_only=True)
        before = self.clock.seconds()
        result = self.bootstrap(node, DEAD, *self.living)
        self.assertLess(self.clock.seconds() - before, 2.0)
        self.assertEqual((len(result.answered), result.failures), (1, {}))

    def test_a_node_that_answers_in_both_families_is_one_answer_in_each(self) -> None:
        both = self.node("192.0.2.100", "2001:db8::100")
        other = self.node("192.0.2.101", "2001:db8::101")
        addresses = [f"192.0.2.101:{PORT}", f"[2001:db8::101]:{PORT}"]
        result = self.bootstrap(both, *addresses)
        self.assertEqual(sorted(each.family for each in result.answered), [4, 6])
        self.assertEqual({each.node_id for each in result.answered}, {other.node_id})
        self.assertEqual(result.contacts, 2)

    def test_when_all_fail_each_has_a_reason(self) -> None:
        running = self.node("192.0.2.100")._bootstrap.run(read_addresses([DEAD, "[2001:db8::1]:1"]))
        failing = Deferred.fromCoroutine(running)
        self.clock.advance(60)
        error = self.failureResultOf(failing, BootstrapFailed).value
        assert isinstance(error, BootstrapFailed)
        self.assertEqual(set(error.reasons), {DEAD, "[2001:db8::1]:1"})
        self.assertIn("has no IPv4 address", error.reasons["[2001:db8::1]:1"])

    def test_hello_gives_the_answer_or_the_reason(self) -> None:
        bootstrap = self.node("192.0.2.100")._bootstrap
        hello = Deferred.fromCoroutine(bootstrap.hello(parse_address(self.living[0])))
        answer = wait_for(self.clock, hello)
        self.assertEqual(answer.contact.node_id, self.swarm.nodes[0].node_id)
        for address, error in ((DEAD, RequestTimedOut), ("[2001:db8::1]:1", Unavailable)):
            hello = Deferred.fromCoroutine(bootstrap.hello(parse_address(address)))
            self.assertRaises(error, wait_for, self.clock, hello)

    def test_addresses_are_read_before_anything_is_sent(self) -> None:
        self.assertEqual([str(e) for e in read_addresses(self.living)], self.living)
        self.assertRaises(InvalidAddress, read_addresses, [self.living[0], "no port"])
        self.assertRaises(InvalidAddress, read_addresses, [])
