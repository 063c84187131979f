"""Announcements follow the address of their node."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import CLOCK_SKEW_LIMIT, LONGEST_ANNOUNCEMENT
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.announcing import Offer
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.model.results import Receipt
from kadtwisted.node.upkeep.announcements import Announcements
from kadtwisted.records.announcement import announcements
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Conditions, Network
from kadtwisted.testing.nodes import PORT, simulated_node, wait_for
from kadtwisted.upkeep.publishing import RETRY

RULES = announcements("kad", NodeKey.from_seed(bytes(32)).seed)
HERE, HERE_TOO = Endpoint("192.0.2.1", 8000), Endpoint("2001:db8::1", 8000)


class FakePublisher:
    """Keeps some announcements, and writes down which are to be hurried."""

    def __init__(self, *offers: Offer) -> None:
        self.hurried: list[StorageKey] = []
        made = [RULES.publish(each, (), 1e9) for each in offers]
        self.kept = [Publication(RULES.identify(each), each, 600.0, 0.0) for each in made]

    def records(self, kind: int) -> list[Publication]:
        return [each for each in self.kept if each.where.kind == kind]

    def withdraw(self, where: StorageKey) -> None:
        """Nothing is withdrawn here."""

    def hurry(self, where: StorageKey) -> None:
        self.hurried.append(where)


def offer(key: int, endpoint: Endpoint, *, own_port: bool = False) -> Offer:
    return Offer(NodeID(key), endpoint.family, endpoint, own_port, b"", 1800)


class MovedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.publisher: Any = FakePublisher(
            offer(1, HERE), offer(2, HERE, own_port=True), offer(3, HERE_TOO)
        )
        nothing: Any = SimpleNamespace()
        self.announcements = Announcements(nothing, self.publisher)

    def hurried(self, endpoint: Endpoint) -> list[int]:
        del self.publisher.hurried[:]
        self.announcements.moved(endpoint)
        return [int(each.key) for each in self.publisher.hurried]

    def test_another_address_concerns_its_family(self) -> None:
        self.assertEqual(self.hurried(Endpoint("192.0.2.2", 8000)), [1, 2])
        self.assertEqual(self.hurried(Endpoint("2001:db8::2", 8000)), [3])
        self.assertIs(HERE_TOO.family, Family.IPV6)

    def test_another_port_concerns_those_that_announce_the_nodes_own(self) -> None:
        self.assertEqual(self.hurried(HERE._replace(port=8001)), [2])

    def test_the_same_endpoint_and_one_without_a_port_concern_none(self) -> None:
        for endpoint in (HERE, HERE._replace(port=0)):
            self.assertEqual(self.hurried(endpoint), [])


class OneFamilyDownTests(SynchronousTestCase):
    """For a moment nobody is reached over IPv6."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, 1, latency=0.01)
        self.nodes = []
        for number in range(4):
            host = self.network.host(f"21.{number}.0.1", f"2a0{number}::1")
            node = simulated_node(host, number)
            self.nodes.append(node)
            self.wait(node.start())
            self.addCleanup(node.stop)
            if number:
                self.wait(node.bootstrap([f"21.0.0.1:{PORT}", f"[2a00::1]:{PORT}"]))
        self.node = self.nodes[1]

    def wait(self, running: Any) -> Any:
        return wait_for(self.clock, running)

    def ipv6(self, loss: float) -> None:
        for number in (0, 2, 3):
            self.network.set_conditions("2a01::1", f"2a0{number}::1", Conditions(0.01, loss=loss))

    def found(self) -> set[Endpoint]:
        """Where the node is said to be, by one that did not store it."""
        found = self.wait(self.nodes[3].providers("printers")).providers
        return {each.endpoint for each in found}

    def announce_without_ipv6(self, **told: Any) -> Receipt:
        self.ipv6(1.0)
        receipt: Receipt = self.wait(self.node.announce("printers", **told))
        self.ipv6(0.0)
        return receipt

    def test_it_is_named_and_announced_there_later(self) -> None:
        receipt = self.announce_without_ipv6(attributes=b"kept", port=631)
        self.assertEqual([*receipt.failures], ["IPv6"])
        self.assertEqual(self.found(), {Endpoint("21.1.0.1", 631)})
        self.clock.advance(1.3 * RETRY)
        self.assertEqual(self.found(), {Endpoint("21.1.0.1", 631), Endpoint("2a01::1", 631)})
        attributes = {e.attributes for e in self.wait(self.node.providers("printers")).providers}
        self.assertEqual(attributes, {b"kept"})

    def test_what_was_wanted_last_is_tried_again(self) -> None:
        self.wait(self.node.announce("printers", port=1))
        self.announce_without_ipv6(port=2)
        self.clock.advance(1.3 * RETRY)
        self.assertEqual(self.found(), {Endpoint("21.1.0.1", 2), Endpoint("2a01::1", 2)})

    def test_a_withdrawal_is_brought_there_later_and_then_forgotten(self) -> None:
        self.wait(self.node.announce("printers", port=1))
        self.ipv6(1.0)
        receipt = self.wait(self.node.withdraw("printers"))
        self.ipv6(0.0)
        self.assertEqual([*receipt.failures], ["IPv6"])
        self.assertEqual(len(self.node.own_records(None, 9)), 1)
        self.clock.advance(1.3 * RETRY)
        self.assertEqual((self.found(), self.node.own_records(None, 9)), (set(), ()))

    def test_a_withdrawal_is_tried_for_as_long_as_it_matters(self) -> None:
        self.wait(self.node.announce("printers", port=1))
        self.ipv6(1.0)
        self.wait(self.node.withdraw("printers"))
        self.clock.advance(LONGEST_ANNOUNCEMENT + 2 * RETRY + CLOCK_SKEW_LIMIT)
        self.assertEqual(self.node.own_records(None, 9), ())
