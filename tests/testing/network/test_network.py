"""The wire between simulated hosts: latency, loss, duplicates, order, partitions, and its seed."""

from __future__ import annotations

import errno
from random import Random

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import InvalidAddress, InvalidInput
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Conditions, Network
from kadtwisted.testing.network.port import HostPort

HERE, THERE, ELSEWHERE = "192.0.2.1", "192.0.2.2", "192.0.2.3"


class Listener(DatagramProtocol):
    """Writes down what comes in, and when."""

    noisy = False

    def __init__(self, host: Host) -> None:
        self.host = host
        self.heard: list[tuple[float, bytes, tuple[str, int]]] = []

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.heard.append((self.host.seconds(), datagram, addr))

    def data(self) -> list[bytes]:
        return [data for _, data, _ in self.heard]


def listen(network: Network, *addresses: str) -> tuple[HostPort, Listener]:
    """A listener on port 4000 of a host."""
    host = network.host(*addresses)
    listener = Listener(host)
    interface = "::" if ":" in addresses[0] else ""
    return host.listenUDP(4000, listener, interface), listener


class TestDelivery(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()

    def pair(self, **settings: object) -> tuple[Network, HostPort, Listener]:
        """A network of two, with the sender's port and the receiving protocol."""
        network = Network(self.clock, 7, **settings)  # type: ignore[arg-type]
        port, _ = listen(network, HERE)
        _, listener = listen(network, THERE)
        return network, port, listener

    def send(self, port: HostPort, count: int, host: str = THERE) -> None:
        for number in range(count):
            port.write(b"%d" % number, (host, 4000))

    def test_fixed_latency(self) -> None:
        _, port, listener = self.pair(latency=0.25)
        self.clock.advance(1)
        port.write(b"hello", (THERE, 4000))
        self.clock.advance(0.24)
        self.assertEqual(listener.heard, [])
        self.clock.advance(1)
        self.assertEqual(listener.heard, [(1.25, b"hello", (HERE, 4000))])

    def test_latency_function(self) -> None:
        asked = []

        def latency(source: str, destination: str, random: Random) -> float:
            asked.append((source, destination, random))
            return 0.5

        network, port, listener = self.pair(latency=latency)
        self.send(port, 1)
        self.clock.advance(1)
        self.assertEqual(asked, [(HERE, THERE, network.random)])
        self.assertEqual(listener.heard[0][0], 0.5)

    def test_order_is_kept_without_jitter(self) -> None:
        _, port, listener = self.pair()
        self.send(port, 50)
        self.clock.advance(1)
        self.assertEqual(listener.data(), [b"%d" % n for n in range(50)])

    def test_jitter_reorders_and_loses_nothing(self) -> None:
        _, port, listener = self.pair(latency=0.1, jitter=0.2)
        self.send(port, 50)
        self.clock.advance(0.0999)
        self.assertEqual(listener.heard, [])
        self.clock.advance(0.2001)
        self.assertNotEqual(listener.data(), [b"%d" % n for n in range(50)])
        self.assertEqual(sorted(listener.data()), sorted(b"%d" % n for n in range(50)))

    def test_loss(self) -> None:
        network, port, listener = self.pair(loss=0.3)
        self.send(port, 2000)
        self.clock.advance(1)
        # Four standard deviations of the binomial distribution are 82.
        self.assertLess(abs(len(listener.heard) - 1400), 82)
        self.assertEqual(network.sent, 2000)
        self.assertEqual(network.delivered, len(listener.heard))
        self.assertEqual(network.delivered + network.dropped, 2000)

    def test_loss_of_everything(self) -> None:
        _, port, listener = self.pair(loss=1.0)
        self.send(port, 20)
        self.clock.advance(1)
        self.assertEqual(listener.heard, [])

    def test_duplicates(self) -> None:
        network, port, listener = self.pair(duplicate=0.5)
        self.send(port, 1000)
        self.clock.advance(1)
        self.assertLess(abs(len(listener.heard) - 1500), 64)
        self.assertEqual(network.duplicated, len(listener.heard) - 1000)
        copies = {data: listener.data().count(data) for data in listener.data()}
        self.assertEqual(set(copies.values()), {1, 2})

    def test_conditions_of_one_pair(self) -> None:
        network, port, listener = self.pair(latency=0.1)
        other_port, other = listen(network, ELSEWHERE)
        _, here = port, port.protocol
        network.set_conditions(HERE, THERE, Conditions(latency=3.0))
        network.set_conditions_one_way(HERE, ELSEWHERE, Conditions(latency=5.0))
        self.send(port, 1)
        self.send(port, 1, ELSEWHERE)
        self.send(other_port, 1, HERE)
        self.clock.advance(10)
        self.assertEqual([listener.heard[0][0], other.heard[0][0]], [3.0, 5.0])
        self.assertEqual([moment for moment, _, _ in here.heard], [0.1])

    def test_default_conditions_can_be_replaced(self) -> None:
        network, port, listener = self.pair(latency=0.1)
        network.conditions = Conditions(latency=2.0)
        self.send(port, 1)
        self.clock.advance(10)
        self.assertEqual(listener.heard[0][0], 2.0)

    def test_nowhere(self) -> None:
        network, port, _ = self.pair()
        port.write(b"x", ("203.0.113.9", 4000))  # no such host
        port.write(b"x", (THERE, 4001))  # no such port
        self.clock.advance(1)
        self.assertEqual((network.delivered, network.dropped), (0, 2))

    def test_a_port_opened_meanwhile_receives(self) -> None:
        network, port, _ = self.pair(latency=1.0)
        self.send(port, 1, ELSEWHERE)
        self.clock.advance(0.5)
        _, late = listen(network, ELSEWHERE)
        self.clock.advance(1)
        self.assertEqual(late.data(), [b"0"])

    def test_watchers_see_what_is_lost_too(self) -> None:
        network, port, _ = self.pair(loss=1.0)
        seen: list[object] = []
        network.watch(seen.append)
        self.clock.advance(2)
        self.send(port, 1)
        self.assertEqual(seen, [(2.0, (HERE, 4000), (THERE, 4000), b"0")])

    def test_spoofed_sources(self) -> None:
        network, _, listener = self.pair()
        network.send(b"x", ("203.0.113.9", 53), (THERE, 4000))
        self.clock.advance(1)
        self.assertEqual(listener.heard[0][2], ("203.0.113.9", 53))

    def history(self, seed: int) -> list[tuple[float, bytes, tuple[str, int]]]:
        clock = HeapClock()
        network = Network(clock, seed, jitter=0.5, loss=0.2, duplicate=0.2)
        port, _ = listen(network, HERE)
        _, listener = listen(network, THERE)
        self.send(port, 100)
        clock.advance(1)
        return listener.heard

    def test_the_seed_repeats_a_run(self) -> None:
        self.assertEqual(self.history(1), self.history(1))
        self.assertNotEqual(self.history(1), self.history(2))


class TestPartition(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, latency=1.0)
        self.addresses = (HERE, THERE, ELSEWHERE)
        self.ports = [listen(self.network, address)[0] for address in self.addresses]
        self.hosts = [self.network.host(address) for address in self.addresses]

    def reached(self) -> list[str]:
        """Which hosts hear which others, as 'source>destination', by index."""
        for port in self.ports:
            port.protocol.heard.clear()
            for address in self.addresses:
                port.write(b"x", (address, 4000))
        self.clock.advance(2)
        return [
            f"{self.addresses.index(source[0])}>{index}"
            for index, port in enumerate(self.ports)
            for _, _, source in port.protocol.heard
            if source[0] != self.addresses[index]
        ]

    def test_two_sides(self) -> None:
        self.network.partition(self.hosts[:2], self.hosts[2:])
        self.assertEqual(self.reached(), ["1>0", "0>1"])

    def test_the_rest_is_a_side(self) -> None:
        self.network.partition([self.hosts[0]])
        self.assertEqual(self.reached(), ["2>1", "1>2"])

    def test_a_new_partition_replaces_the_old(self) -> None:
        self.network.partition([self.hosts[0]])
        self.network.partition([self.hosts[1]])
        self.assertEqual(self.reached(), ["2>0", "0>2"])

    def test_heal(self) -> None:
        self.network.partition([self.hosts[0]], [self.hosts[1]])
        self.assertEqual(self.reached(), [])
        self.network.heal()
        self.assertEqual(len(self.reached()), 6)

    def test_what_is_under_way_does_not_cross(self) -> None:
        self.ports[0].write(b"x", (THERE, 4000))
        self.clock.advance(0.5)
        self.network.partition([self.hosts[0]])
        self.clock.advance(2)
        self.assertEqual(self.ports[1].protocol.heard, [])
        self.assertEqual(self.network.dropped, 1)

    def test_what_was_sent_into_the_cut_stays_lost(self) -> None:
        self.network.partition([self.hosts[0]])
        self.ports[0].write(b"x", (THERE, 4000))
        self.network.heal()
        self.clock.advance(2)
        self.assertEqual(self.ports[1].protocol.heard, [])

    def test_both_addresses_of_a_host_are_cut(self) -> None:
        dual = self.network.host("192.0.2.9", "2001:db8::9")
        six, _ = listen(self.network, "2001:db8::1")
        listener = Listener(dual)
        dual.listenUDP(4000, listener, "::")
        self.network.partition([dual])
        six.write(b"x", ("2001:db8::9", 4000))
        self.clock.advance(2)
        self.assertEqual(listener.heard, [])


class TestHosts(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = Network(HeapClock())

    def test_the_same_host_again(self) -> None:
        host = self.network.host("2001:db8::1")
        self.assertIs(self.network.host("2001:0DB8::0001"), host)
        self.assertIn("2001:db8::1", self.network)
        self.assertNotIn(HERE, self.network)

    def test_two_families(self) -> None:
        host = self.network.host(HERE, "2001:db8::1")
        self.assertEqual(host.addresses, (HERE, "2001:db8::1"))
        self.assertIs(self.network.host(HERE, "2001:db8::1"), host)

    def test_addresses_belong_to_one_host(self) -> None:
        self.network.host(HERE, "2001:db8::1")
        for addresses in ((HERE,), ("2001:db8::1",), (THERE, "2001:db8::1"), ()):
            self.assertRaises(InvalidAddress, self.network.host, *addresses)

    def test_bad_addresses(self) -> None:
        for address in ("localhost", "", "192.0.2.256", "192.0.2.1:80"):
            self.assertRaises(InvalidAddress, self.network.host, address)

    def test_a_host_moves(self) -> None:
        port, mover = listen(self.network, HERE)
        other, stayer = listen(self.network, THERE)
        self.network.move(self.network.host(HERE), ELSEWHERE)
        self.assertEqual((HERE in self.network, ELSEWHERE in self.network), (False, True))
        other.write(b"old", (HERE, 4000))
        other.write(b"new", (ELSEWHERE, 4000))
        port.write(b"moved", (THERE, 4000))
        self.network.clock.advance(1)
        self.assertEqual(mover.data(), [b"new"])
        self.assertEqual(
            [(data, source) for _, data, source in stayer.heard], [(b"moved", (ELSEWHERE, 4000))]
        )

    def test_a_host_without_an_address(self) -> None:
        port, mover = listen(self.network, HERE)
        host = self.network.host(HERE)
        self.network.move(host)
        error = self.assertRaises(OSError, port.write, b"x", (THERE, 4000))
        self.assertEqual(error.errno, errno.ENETUNREACH)
        self.network.move(host, HERE)
        self.network.send(b"back", (THERE, 4000), (HERE, 4000))
        self.network.clock.advance(1)
        self.assertEqual(mover.data(), [b"back"])

    def test_a_host_moves_to_nobody_elses_address(self) -> None:
        host = self.network.host(HERE)
        self.network.host(THERE)
        for addresses in ((THERE,), (ELSEWHERE, THERE), ("localhost",)):
            self.assertRaises(InvalidAddress, self.network.move, host, *addresses)
        self.assertEqual(host.addresses, (HERE,))

    def test_conditions_that_cannot_be(self) -> None:
        for settings in ({"loss": 1.1}, {"duplicate": -0.1}, {"jitter": -1.0}, {"latency": -1.0}):
            self.assertRaises(InvalidInput, Conditions, **settings)
