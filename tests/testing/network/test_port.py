"""UDP ports of simulated hosts against Twisted's own, over a real socket on the loopback."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.internet.udp import Port
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.network.port import HostPort
from tests.testing.recorder import Recorder

LOOPBACK = "127.0.0.1"

if TYPE_CHECKING:
    _Case = SynchronousTestCase
else:
    _Case = object


class PortContract(ABC, _Case):
    """What both ports do; subclasses say how a port is opened, and how the reactor goes on."""

    @abstractmethod
    def listen(
        self, protocol: DatagramProtocol, port: int = 0, interface: str = LOOPBACK, size: int = 8192
    ) -> Any:
        """Open a port."""

    @abstractmethod
    def settle(self, *ports: Any) -> None:
        """Let the ports receive what was sent to them."""

    @abstractmethod
    def turn(self) -> None:
        """Let the reactor make the calls that are due."""

    def test_interfaces(self) -> None:
        port = self.listen(Recorder())
        self.assertTrue(verifyObject(IListeningPort, port))
        self.assertTrue(verifyObject(IUDPTransport, port))

    def test_get_host(self) -> None:
        port = self.listen(Recorder())
        address = port.getHost()
        self.assertGreater(address.port, 0)
        self.assertEqual(address, IPv4Address("UDP", LOOPBACK, address.port))

    def test_wildcard(self) -> None:
        protocol = Recorder()
        port = self.listen(protocol, interface="")
        self.assertEqual(protocol.events, [("start", "0.0.0.0")])
        sender = self.listen(Recorder())
        sender.write(b"x", (LOOPBACK, port.getHost().port))
        self.settle(port)
        self.assertEqual(protocol.heard(), [b"x"])

    def test_exchange(self) -> None:
        one, other = Recorder(), Recorder()
        first, second = self.listen(one), self.listen(other)
        first.write(b"ping", (LOOPBACK, second.getHost().port))
        self.settle(second)
        source = (LOOPBACK, first.getHost().port)
        self.assertEqual(other.events[1:], [(bytes, b"ping", source)])
        second.write(bytearray(b"pong"), source)
        self.settle(first)
        self.assertEqual(one.events[-1], (bytes, b"pong", (LOOPBACK, second.getHost().port)))

    def test_empty_datagram(self) -> None:
        protocol = Recorder()
        port = self.listen(protocol)
        port.write(b"", (LOOPBACK, port.getHost().port))
        self.settle(port)
        self.assertEqual(protocol.heard(), [b""])

    def test_truncation(self) -> None:
        protocol = Recorder()
        port = self.listen(protocol, size=5)
        port.write(b"123456789", (LOOPBACK, port.getHost().port))
        self.settle(port)
        self.assertEqual(protocol.heard(), [b"12345"])

    def test_exception_in_the_protocol(self) -> None:
        protocol = Recorder()
        port = self.listen(protocol)
        for data in (b"raise", b"after"):
            port.write(data, (LOOPBACK, port.getHost().port))
        self.settle(port)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(protocol.heard(), [b"after"])

    def test_bad_destinations(self) -> None:
        port = self.listen(Recorder())
        for host in ("::1", "localhost", "", "127.0.0.1.", "fe80::1%lo"):
            self.assertRaises(InvalidAddressError, port.write, b"x", (host, 9))
        self.assertRaises(AssertionError, port.write, b"x", None)
        self.assertRaises(OverflowError, port.write, b"x", (LOOPBACK, 65536))
        self.assertRaises(OverflowError, port.write, b"x", (LOOPBACK, -1))
        error = self.assertRaises(OSError, port.write, b"x", (LOOPBACK, 0))
        self.assertEqual(error.errno, errno.EINVAL)

    def test_bad_data(self) -> None:
        port = self.listen(Recorder())
        for data in ("text", 5, None):
            self.assertRaises(TypeError, port.write, data, (LOOPBACK, 9))

    def test_longest_datagram(self) -> None:
        protocol = Recorder()
        port = self.listen(protocol, size=70000)
        where = (LOOPBACK, port.getHost().port)
        port.write(bytes(65507), where)
        self.assertRaises(MessageLengthError, port.write, bytes(65508), where)
        self.settle(port)
        self.assertEqual(protocol.heard(), [bytes(65507)])

    def test_clashes(self) -> None:
        port = self.listen(Recorder()).getHost().port
        for interface in (LOOPBACK, "", "0.0.0.0"):
            self.assertRaises(CannotListenError, self.listen, Recorder(), port, interface)
        every = self.listen(Recorder(), interface="").getHost().port
        error = self.assertRaises(CannotListenError, self.listen, Recorder(), every, LOOPBACK)
        self.assertEqual(error.socketError.errno, errno.EADDRINUSE)

    def test_bad_interfaces(self) -> None:
        self.assertRaises(InvalidAddressError, self.listen, Recorder(), 0, "localhost")
        error = self.assertRaises(CannotListenError, self.listen, Recorder(), 0, "192.0.2.77")
        self.assertEqual(error.socketError.errno, errno.EADDRNOTAVAIL)
        self.assertRaises(OverflowError, self.listen, Recorder(), 65536)

    def test_stop(self) -> None:
        protocol = Recorder()
        port = self.listen(protocol)
        address = port.getHost()
        stopped = port.stopListening()
        self.assertNoResult(stopped)
        self.assertEqual(port.getHost(), address)
        self.turn()
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(protocol.events, [("start", LOOPBACK), ("stop", None)])
        self.assertIsNone(port.stopListening())
        self.listen(Recorder(), address.port)

    def test_closed(self) -> None:
        port = self.listen(Recorder())
        port.stopListening()
        self.turn()
        self.assertRaises(AttributeError, port.getHost)
        self.assertRaises(AttributeError, port.write, b"x", (LOOPBACK, 9))

    def test_connected(self) -> None:
        protocol = Recorder()
        port, friend, stranger = self.listen(protocol), Recorder(), self.listen(Recorder())
        friendly = self.listen(friend)
        peer = (LOOPBACK, friendly.getHost().port)
        port.connect(*peer)
        port.write(b"one")
        port.write(b"two", peer)
        self.settle(friendly)
        self.assertEqual(friend.heard(), [b"one", b"two"])
        stranger.write(b"unwanted", (LOOPBACK, port.getHost().port))
        friendly.write(b"wanted", (LOOPBACK, port.getHost().port))
        self.settle(port)
        self.assertEqual(protocol.heard(), [b"wanted"])
        self.assertRaises(AssertionError, port.write, b"x", (LOOPBACK, 9))
        self.assertRaises(RuntimeError, port.connect, *peer)

    def test_connect_takes_addresses(self) -> None:
        self.assertRaises(InvalidAddressError, self.listen(Recorder()).connect, "localhost", 9)

    def test_broadcast_flag(self) -> None:
        port = self.listen(Recorder())
        self.assertIs(port.getBroadcastAllowed(), False)
        port.setBroadcastAllowed(True)
        self.assertIs(port.getBroadcastAllowed(), True)


class TestRealPort(PortContract, SynchronousTestCase):
    """The real port keeps the contract."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def listen(
        self, protocol: DatagramProtocol, port: int = 0, interface: str = LOOPBACK, size: int = 8192
    ) -> Port:
        opened = Port(port, protocol, interface, size, self.reactor)
        opened.startListening()
        self.addCleanup(self.close, opened)
        return opened

    def close(self, port: Port) -> None:
        if port.connected:
            port.stopListening()
            self.turn()

    def settle(self, *ports: Any) -> None:
        for port in ports:
            port.doRead()

    def turn(self) -> None:
        self.reactor.advance(0)


class TestHostPort(PortContract, SynchronousTestCase):
    """The fake port keeps the contract."""

    def setUp(self) -> None:
        self.clock = HeapClock()
        self.host = Network(self.clock).host(LOOPBACK)

    def listen(
        self, protocol: DatagramProtocol, port: int = 0, interface: str = LOOPBACK, size: int = 8192
    ) -> HostPort:
        return self.host.listenUDP(port, protocol, interface, size)

    def settle(self, *ports: Any) -> None:
        self.clock.advance(1)

    def turn(self) -> None:
        self.clock.advance(0)
