"""Announcements follow the address of their node."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.announcing import Offer
from kadtwisted.model.contact import Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.node.upkeep.announcements import Announcements
from kadtwisted.records.announcement import announcements

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

    def hurry(self, where: StorageKey) -> None:
        self.hurried.append(where)


def offer(key: int, endpoint: Endpoint, *, own_port: bool = False) -> Offer:
    return Offer(NodeID(key), endpoint.family, endpoint, own_port, b"", 1800)


class MovedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.publisher: Any = FakePublisher(
            offer(1, HERE), offer(2, HERE, own_port=True), offer(3, HERE_TOO)
        )
        nothing: Any = None
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
