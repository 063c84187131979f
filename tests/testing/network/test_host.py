"""Simulated hosts: their ports in both families, their time, and errors put into them."""

from __future__ import annotations

import errno
import os

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IReactorTime, IReactorUDP
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.udp import Port
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import EPHEMERAL_PORTS, Host
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.network.port import HostPort
from tests.testing.recorder import Recorder


class TestIPv6(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock)
        self.host = self.network.host("192.0.2.1", "2001:db8::1")

    def test_exchange(self) -> None:
        here, there = Recorder(), Recorder()
        port = self.host.listenUDP(4000, here, "2001:0DB8::1")
        self.network.host("2001:db8::2").listenUDP(5000, there, "::")
        self.assertEqual(port.getHost(), IPv6Address("UDP", "2001:db8::1", 4000))
        port.write(b"x", ("2001:DB8:0::2", 5000))
        self.clock.advance(1)
        self.assertEqual(there.events[-1], (bytes, b"x", ("2001:db8::1", 4000)))

    def test_write_to_ipv4_raises_as_the_real_one(self) -> None:
        self.network.host("192.0.2.2")
        real = Port(0, Recorder(), "::1", reactor=MemoryReactorClock())
        for port in (real, self.host.listenUDP(0, Recorder(), "::")):
            for host in ("192.0.2.2", "203.0.113.9"):
                self.assertRaises(InvalidAddressError, port.write, b"x", (host, 9))

    def test_families_have_ports_of_their_own(self) -> None:
        four, six = Recorder(), Recorder()
        self.host.listenUDP(4000, four, "0.0.0.0")
        self.host.listenUDP(4000, six, "::")
        self.assertRaises(CannotListenError, self.host.listenUDP, 4000, Recorder(), "2001:db8::1")
        sender = self.network.host("192.0.2.2").listenUDP(0, Recorder())
        sender.write(b"x", ("192.0.2.1", 4000))
        self.clock.advance(1)
        self.assertEqual((four.heard(), six.heard()), ([b"x"], []))

    def test_longest_datagram(self) -> None:
        port = self.host.listenUDP(0, Recorder(), "::")
        port.write(bytes(65527), ("2001:db8::2", 9))
        self.assertRaises(MessageLengthError, port.write, bytes(65528), ("2001:db8::2", 9))

    def test_no_route_without_an_address_of_the_family(self) -> None:
        host = self.network.host("192.0.2.5")
        port = host.listenUDP(0, Recorder(), "::")
        error = self.assertRaises(OSError, port.write, b"x", ("2001:db8::1", 9))
        self.assertEqual(error.errno, errno.ENETUNREACH)

    def test_replies_come_from_the_address_of_the_family(self) -> None:
        listener = Recorder()
        self.network.host("192.0.2.2").listenUDP(9, listener)
        self.host.listenUDP(4000, Recorder()).write(b"x", ("192.0.2.2", 9))
        self.clock.advance(1)
        self.assertEqual(listener.events[-1], (bytes, b"x", ("192.0.2.1", 4000)))


class TestHost(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = HeapClock(1000.0)
        self.network = Network(self.clock)
        self.host: Host = self.network.host("192.0.2.1")

    def test_interfaces(self) -> None:
        self.assertTrue(verifyObject(IReactorTime, self.host))
        self.assertTrue(verifyObject(IReactorUDP, self.host))

    def test_time_is_shared(self) -> None:
        other = self.network.host("192.0.2.2")
        moments: list[float] = []
        self.host.callLater(3, lambda: moments.append(other.seconds()))
        self.assertEqual(len(other.getDelayedCalls()), 1)
        self.clock.advance(5)
        self.assertEqual(moments, [1003.0])
        self.assertEqual(self.host.seconds(), 1005.0)

    def test_hosts_have_ports_of_their_own(self) -> None:
        self.host.listenUDP(4000, Recorder())
        port = self.network.host("192.0.2.2").listenUDP(4000, Recorder())
        self.assertEqual(port.getHost(), IPv4Address("UDP", "0.0.0.0", 4000))

    def test_chosen_ports_run_out(self) -> None:
        for number in EPHEMERAL_PORTS:
            self.host.listenUDP(number, Recorder())
        self.assertRaises(CannotListenError, self.host.listenUDP, 0, Recorder())

    def test_chosen_ports_skip_taken_ones(self) -> None:
        self.host.listenUDP(EPHEMERAL_PORTS[0], Recorder())
        port = self.host.listenUDP(0, Recorder())
        self.assertEqual(port.getHost().port, EPHEMERAL_PORTS[1])

    def test_a_stopped_port_hears_nothing(self) -> None:
        protocol = Recorder()
        port = self.host.listenUDP(4000, protocol)
        port.write(b"x", ("192.0.2.1", 4000))
        self.clock.advance(0.01)
        port.stopListening()
        self.clock.advance(1)
        self.assertEqual(protocol.heard(), [])
        self.assertEqual(self.network.dropped, 1)

    def test_nothing_is_read_once_stopping(self) -> None:
        protocol = Recorder()
        port = self.host.listenUDP(4000, protocol)
        port.stopListening()
        self.assertFalse(self.host.receive(b"x", ("192.0.2.2", 9), ("192.0.2.1", 4000)))
        self.clock.advance(0)
        self.assertEqual(protocol.heard(), [])

    def failing(self, number: int) -> HostPort:
        port = self.host.listenUDP(0, Recorder())
        self.host.fail_writes(OSError(number, os.strerror(number)))
        return port

    def test_fail_writes(self) -> None:
        for number in (errno.ENETUNREACH, errno.EPERM, errno.ENOBUFS):
            port = self.failing(number)
            error = self.assertRaises(OSError, port.write, b"x", ("192.0.2.2", 9))
            self.assertEqual(error.errno, number)
        self.assertEqual(self.network.sent, 0)

    def test_fail_writes_ends(self) -> None:
        port = self.failing(errno.EPERM)
        self.host.fail_writes(None)
        port.write(b"x", ("192.0.2.2", 9))
        self.assertEqual(self.network.sent, 1)

    def test_from_which_address_it_would_send(self) -> None:
        both = self.network.host("192.0.2.9", "2001:db8::9")
        self.assertEqual(both.source_address(("198.51.100.1", 9)), "192.0.2.9")
        self.assertEqual(both.source_address(("2001:db8:1::1", 9)), "2001:db8::9")
        self.assertIsNone(self.host.source_address(("2001:db8:1::1", 9)))

    def test_no_way_to_send(self) -> None:
        for number, found in ((errno.ENETUNREACH, None), (errno.EPERM, "192.0.2.1")):
            self.host.fail_writes(OSError(number, os.strerror(number)))
            self.assertEqual(self.host.source_address(("198.51.100.1", 9)), found)

    def test_too_long_by_injection(self) -> None:
        port = self.failing(errno.EMSGSIZE)
        self.assertRaises(MessageLengthError, port.write, b"x", ("192.0.2.2", 9))

    def test_refused_is_told_when_connected(self) -> None:
        port = self.failing(errno.ECONNREFUSED)
        port.write(b"x", ("192.0.2.2", 9))
        self.assertEqual(port.protocol.events, [("start", "0.0.0.0")])
        port.connect("192.0.2.2", 9)
        port.write(b"x")
        self.assertEqual(port.protocol.events[1:], ["refused"])

    def test_fail_reads_closes_the_port(self) -> None:
        protocol = Recorder()
        self.host.listenUDP(4000, protocol)
        self.host.fail_reads(OSError(errno.ENOMEM, "Out of memory"))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(protocol.events, [("start", "0.0.0.0"), ("stop", None)])
        self.host.listenUDP(4000, protocol)
        self.assertEqual(protocol.events[-1], ("start", "0.0.0.0"))
