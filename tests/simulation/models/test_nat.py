"""Each class of NAT against RFC 4787's table; and a NAT in front of a host."""

from __future__ import annotations

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.models.nat import (
    ADDRESS_RESTRICTED,
    ANSWERED_WITHIN,
    FULL_CONE,
    PORT_RESTRICTED,
    PORTS,
    SWEEP,
    SYMMETRIC,
    Nat,
    NatSettings,
    Relayed,
)
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Datagram, Network

INSIDE = ("20.0.0.1", 8000)
FRIEND = ("30.0.0.1", 8000)
NEIGHBOUR = ("30.0.0.1", 9000)
"""Another port at the friend's address."""
STRANGER = ("40.0.0.1", 8000)
LIFETIME = 60.0
KINDS = (FULL_CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED, SYMMETRIC)


class NatTests(SynchronousTestCase):
    def test_who_may_come_in(self) -> None:
        expected = {
            FULL_CONE: (True, True, True),
            ADDRESS_RESTRICTED: (True, True, False),
            PORT_RESTRICTED: (True, False, False),
            SYMMETRIC: (True, False, False),
        }
        for kind, lets_in in expected.items():
            nat = Nat(kind, LIFETIME)
            outside = nat.leaves(INSIDE, FRIEND, 0.0)
            for source, comes_in in zip((FRIEND, NEIGHBOUR, STRANGER), lets_in, strict=True):
                found = nat.enters(source, outside, 1.0)
                self.assertEqual(found, INSIDE if comes_in else None, f"{kind} {source}")

    def test_nothing_comes_in_before_anything_went_out(self) -> None:
        for kind in KINDS:
            self.assertIsNone(Nat(kind, LIFETIME).enters(FRIEND, INSIDE, 0.0))

    def test_ports_are_translated_per_destination_by_the_symmetric_one_only(self) -> None:
        for kind in KINDS:
            nat = Nat(kind, LIFETIME)
            first, second = nat.leaves(INSIDE, FRIEND, 0.0), nat.leaves(INSIDE, STRANGER, 0.0)
            self.assertEqual(first[0], INSIDE[0])
            self.assertNotEqual(first, INSIDE)
            self.assertEqual(first != second, kind == SYMMETRIC)
            self.assertEqual(nat.leaves(INSIDE, FRIEND, 1.0), first)

    def test_a_mapping_lapses_and_what_comes_in_keeps_nothing_alive(self) -> None:
        for kind in KINDS:
            nat = Nat(kind, LIFETIME)
            outside = nat.leaves(INSIDE, FRIEND, 0.0)
            self.assertEqual(nat.enters(FRIEND, outside, LIFETIME), INSIDE)
            self.assertIsNone(nat.enters(FRIEND, outside, LIFETIME + 1))
            self.assertNotEqual(nat.leaves(INSIDE, FRIEND, LIFETIME + 2), outside)

    def test_what_goes_out_keeps_it_alive(self) -> None:
        nat = Nat(PORT_RESTRICTED, LIFETIME)
        outside = nat.leaves(INSIDE, FRIEND, 0.0)
        for moment in (40.0, 80.0, 120.0):
            self.assertEqual(nat.leaves(INSIDE, STRANGER, moment), outside)
        self.assertEqual(nat.enters(STRANGER, outside, 150.0), INSIDE)
        self.assertIsNone(nat.enters(FRIEND, outside, 150.0), "it was not sent to for too long")

    def test_what_has_lapsed_is_forgotten(self) -> None:
        for kind in (PORT_RESTRICTED, SYMMETRIC):
            nat = Nat(kind, LIFETIME)
            for number in range(1000):
                nat.leaves(INSIDE, (f"50.0.{number % 256}.1", 1 + number), float(number))
            mappings = nat._mappings.values()
            self.assertLess(sum(len(each.sent) for each in mappings), 200)
            self.assertLessEqual(len(nat._by_port), LIFETIME + 2)

    def test_no_port_is_given_twice_at_a_time(self) -> None:
        nat = Nat(SYMMETRIC, 1e9)
        nat._next = len(PORTS) - 2
        ports = [nat.leaves(INSIDE, ("50.0.0.1", 1 + each), 0.0)[1] for each in range(4)]
        self.assertEqual(ports, [65534, 65535, 1024, 1025])
        nat._next = len(PORTS) - 2
        self.assertEqual(nat.leaves(INSIDE, FRIEND, 0.0)[1], 1026, "those are taken")

    def test_kinds_come_in_their_parts(self) -> None:
        settings = NatSettings(full_cone=1, address_restricted=0, port_restricted=2, symmetric=1)
        kinds = settings.kinds(9)
        self.assertEqual(len(kinds), 9)
        self.assertEqual([kinds.count(each) for each in KINDS], [2, 0, 5, 2])

    def test_looking_opens_nothing(self) -> None:
        for kind in KINDS:
            nat = Nat(kind, LIFETIME)
            self.assertFalse(nat.is_open(INSIDE, FRIEND, 0.0))
            outside = nat.leaves(INSIDE, FRIEND, 0.0)
            self.assertTrue(nat.is_open(INSIDE, FRIEND, LIFETIME))
            self.assertEqual(nat.is_open(INSIDE, STRANGER, 1.0), kind == FULL_CONE)
            self.assertFalse(nat.is_open(INSIDE, FRIEND, LIFETIME + 1))
            self.assertNotEqual(nat.leaves(INSIDE, FRIEND, LIFETIME + 2), outside)


class RelayedTests(SynchronousTestCase):
    def test_one_endpoint_stands_for_the_host_and_nothing_is_dropped(self) -> None:
        for kind in KINDS:
            relayed = Relayed(Nat(kind, LIFETIME))
            self.assertEqual(relayed.leaves(INSIDE, FRIEND, 0.0), INSIDE)
            for source in (FRIEND, STRANGER):
                self.assertEqual(relayed.enters(source, INSIDE, 1.0), INSIDE)

    def test_an_answer_goes_the_way_of_the_question(self) -> None:
        relayed = Relayed(Nat(PORT_RESTRICTED, LIFETIME))
        relayed.leaves(INSIDE, FRIEND, 0.0)
        relayed.enters(FRIEND, INSIDE, 0.1)
        relayed.enters(STRANGER, INSIDE, 0.1)
        relayed.leaves(INSIDE, STRANGER, 0.2)
        self.assertTrue(relayed.by_relay)
        self.assertFalse(relayed.is_open(INSIDE, STRANGER, 0.3), "the answer opened nothing")
        relayed.leaves(INSIDE, FRIEND, 0.3)
        self.assertFalse(relayed.by_relay)

    def test_a_question_of_its_own_goes_its_own_way(self) -> None:
        relayed = Relayed(Nat(PORT_RESTRICTED, LIFETIME))
        relayed.enters(STRANGER, INSIDE, 0.0)
        relayed.leaves(INSIDE, STRANGER, ANSWERED_WITHIN + 0.1)
        self.assertFalse(relayed.by_relay)
        self.assertTrue(relayed.is_open(INSIDE, STRANGER, ANSWERED_WITHIN + 0.2))

    def test_questions_without_an_answer_are_forgotten(self) -> None:
        relayed = Relayed(Nat(PORT_RESTRICTED, LIFETIME))
        for number in range(1000):
            relayed.enters(("50.0.0.1", 1 + number), INSIDE, float(number))
        self.assertLessEqual(len(relayed._asked), SWEEP)


class Heard(DatagramProtocol):
    def __init__(self) -> None:
        self.datagrams: list[tuple[bytes, tuple[str, int]]] = []

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.datagrams.append((datagram, addr))


class BehindTests(SynchronousTestCase):
    def test_a_host_behind_a_nat(self) -> None:
        clock = HeapClock()
        network = Network(clock)
        hidden, friend, stranger = Heard(), Heard(), Heard()
        inside = network.host(INSIDE[0]).listenUDP(INSIDE[1], hidden, INSIDE[0])
        outside = network.host(FRIEND[0]).listenUDP(FRIEND[1], friend, FRIEND[0])
        far = network.host(STRANGER[0]).listenUDP(STRANGER[1], stranger, STRANGER[0])
        network.put_behind(network.host(INSIDE[0]), Nat(PORT_RESTRICTED, LIFETIME))
        seen: list[Datagram] = []
        network.watch(seen.append)
        outside.write(b"too early", INSIDE)
        clock.advance(1.0)
        self.assertEqual((hidden.datagrams, network.dropped), ([], 1))
        inside.write(b"hello", FRIEND)
        clock.advance(1.0)
        ((data, source),) = friend.datagrams
        self.assertEqual((data, source[0]), (b"hello", INSIDE[0]))
        self.assertNotEqual(source[1], INSIDE[1])
        self.assertEqual(seen[-1].source, source, "watchers see what is on the wire")
        outside.write(b"answer", source)
        far.write(b"who is there", source)
        clock.advance(1.0)
        self.assertEqual(hidden.datagrams, [(b"answer", FRIEND)])
        self.assertEqual((network.delivered, network.dropped), (2, 2))
