"""A node behind a NAT keeps a way open to a few others, as often as its NAT needs it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ErrorReply
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import distance
from kadtwisted.model.messages import ErrorCode, Probe, RequestBody
from kadtwisted.nat.lifetime import FIRST, MARGIN
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.reaching.keeping import INTRODUCERS
from kadtwisted.simulation.models.nat import FULL_CONE, PORT_RESTRICTED, SYMMETRIC, Nat
from kadtwisted.testing.inspect import link_of, table_of
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Member, wait_for
from tests.node.reaching.town import REACHABLE, Town, reach_of

OTHERS = 14


class KeepingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.town = Town(3)
        self.addCleanup(self.town.stop)
        self.town.grow(OTHERS)

    def natted(self, kind: str, lifetime: float) -> Member:
        return self.town.add(Nat(kind, lifetime))

    def test_the_nearest_are_pinged_often_at_first(self) -> None:
        member = self.natted(PORT_RESTRICTED, 60.0)
        self.town.clock.advance(10.0)
        reach = reach_of(member)
        self.assertEqual((reach.introducers, reach.interval), (INTRODUCERS, FIRST))
        introducers = link_of(member.node).introducers
        assert introducers is not None
        contacts = table_of(member.node).contacts()
        contacts.sort(key=lambda each: distance(each.node_id, member.node.node_id))
        self.assertEqual(set(introducers), {each.endpoint for each in contacts[:INTRODUCERS]})

    def test_the_lifetime_is_found_and_pings_follow_it(self) -> None:
        short, long = (self.natted(PORT_RESTRICTED, each) for each in (40.0, 150.0))
        self.town.until(lambda: reach_of(short).interval == 25.0 * MARGIN, 1500.0)
        self.town.until(lambda: reach_of(long).lifetime == 115.0, 3000.0)
        self.assertEqual(reach_of(long).interval, 115.0 * MARGIN)
        self.assertEqual(reach_of(short).lifetime, 25.0)

    def test_others_find_it_after_a_long_silence(self) -> None:
        members = [self.natted(kind, 60.0) for kind in (PORT_RESTRICTED, SYMMETRIC)]
        self.town.clock.advance(1200.0)
        newcomer = self.town.add().node
        for member in members:
            opening = newcomer.open_path(member.node.public_key)
            path = wait_for(self.town.clock, opening, 10.0)
            self.assertEqual(path.contact.key, member.node.public_key)
            self.assertEqual(self.town.knowing(member), 0)

    def test_a_port_that_the_nat_gave_up_makes_pings_more_frequent(self) -> None:
        # A full cone lets everybody in while the port lives, so the trials find no end.
        member = self.natted(FULL_CONE, 60.0)
        ports = []

        def watch(datagram: Datagram) -> None:
            if datagram.source[0] == member.host.addresses[0]:
                ports.append(datagram.source[1])

        self.town.network.watch(watch)
        self.town.until(lambda: len(set(ports)) > 1, 4000.0)
        self.town.until(lambda: (reach_of(member).interval or 60.0) < 60.0, 1000.0)

    def test_a_trial_that_nobody_promises_leaves_no_memory_of_hosts(self) -> None:
        member = self.natted(FULL_CONE, 60.0)
        link, remembered = link_of(member.node), []

        def refuse(contact: Contact, body: RequestBody, **how: Any) -> Deferred[Answer]:
            if not (isinstance(body, Probe) and body.after):
                return Link.ask(link, contact, body, **how)
            remembered.append(link.protocol.wrote is not None)
            return fail(ErrorReply(ErrorCode.BUSY, ""))

        self.patch(link, "ask", refuse)
        self.town.until(lambda: reach_of(member).verdict == REACHABLE)
        remembered.clear()
        self.town.until(lambda: bool(remembered), 1000.0)
        self.assertEqual(remembered, [True])
        self.assertIsNone(link.protocol.wrote)

    def test_nothing_is_kept_without_a_nat(self) -> None:
        self.town.clock.advance(100.0)
        for each in self.town.members:
            self.assertEqual((reach_of(each).introducers, reach_of(each).interval), (0, None))
            self.assertIsNone(link_of(each.node).introducers)

    def test_who_moves_looks_for_the_lifetime_anew(self) -> None:
        member = self.natted(PORT_RESTRICTED, 150.0)
        self.town.until(lambda: reach_of(member).lifetime is not None, 1500.0)
        link_of(member.node).start_anew()
        self.assertEqual((reach_of(member).lifetime, reach_of(member).interval), (None, FIRST))
