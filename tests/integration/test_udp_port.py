"""The UDP port on real sockets.

Datagrams on loopback have arrived when ``sendto`` returns, so most tests call ``doRead`` themselves
and wait for nothing.
"""

from __future__ import annotations

import errno
import socket
from itertools import pairwise
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import CannotListen
from kadtwisted.model.contact import Endpoint
from kadtwisted.node.port.udp_port import BoundedPort, PortLimits, listen
from tests.integration.sockets import FaultySocket, faulty_ports, loopback_socket

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Collector(DatagramProtocol):
    """Keeps what it is given; ``stopped`` fires in the turn after its port has closed."""

    noisy = False

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Any]] = []
        self.stopped: Deferred[None] = Deferred()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.received.append((datagram, addr))

    def stopProtocol(self) -> None:
        reactor.callLater(0, self.stopped.callback, None)


class PortCase(TestCase):
    timeout = 120

    def open(
        self,
        interface: str = "127.0.0.1",
        port: int = 0,
        limits: PortLimits | None = None,
        protocol: Collector | None = None,
        ready: socket.socket | None = None,
    ) -> tuple[Collector, BoundedPort]:
        """A port that the test closes at its end, if nothing did before."""
        protocol = protocol or Collector()
        made: Any = listen(
            reactor, protocol, Endpoint(interface, port), limits or PortLimits(), ready
        )
        self.assertIsInstance(made, BoundedPort)

        def close() -> object:
            return made.stopListening() if made.connected else None

        self.addCleanup(close)
        return protocol, made

    def send(self, port: BoundedPort, *datagrams: bytes) -> tuple[str, int]:
        """Send datagrams to a port from one new socket; where that is."""
        host: Any = port.getHost()
        target = LOOPBACK.get(host.host, host.host)
        sender = loopback_socket(self, target)
        for datagram in datagrams:
            sender.sendto(datagram, (target, host.port))
        name: tuple[str, int] = sender.getsockname()[:2]
        return name


class ReadTests(PortCase):
    def test_is_a_listening_port(self) -> None:
        _, port = self.open()
        verifyObject(IListeningPort, port)
        self.assertIn(port, reactor.getReaders())

    def test_datagrams_come_in_order_with_their_sender(self) -> None:
        for host in ("127.0.0.1", "::1"):
            protocol, port = self.open(host)
            sender = self.send(port, b"one", b"", b"two")
            port.doRead()
            self.assertEqual(protocol.received, [(each, sender) for each in (b"one", b"", b"two")])
            self.assertEqual(sender[0], host)

    def test_a_turn_takes_a_bounded_number(self) -> None:
        for size in (0, 1, 500):
            protocol, port = self.open(limits=PortLimits(per_read=8))
            self.send(port, *[bytes(size)] * 20)
            counts = []
            for _ in range(4):
                port.doRead()
                counts.append(len(protocol.received))
            self.assertEqual(counts, [8, 16, 20, 20])

    async def test_timers_get_their_turn_in_a_flood(self) -> None:
        protocol, port = self.open(limits=PortLimits(per_read=8))
        seen: list[int] = []
        enough: Deferred[None] = Deferred()

        def tick() -> None:
            seen.append(len(protocol.received))
            if seen[-1] < 100:
                reactor.callLater(0, tick)
            else:
                enough.callback(None)

        self.send(port, *[b""] * 100)
        tick()
        await enough
        steps = [after - before for before, after in pairwise(seen)]
        self.assertLessEqual(max(steps), 8)
        self.assertEqual(seen[-1], 100)

    def test_longer_datagrams_are_seen_to_be_too_long(self) -> None:
        protocol, port = self.open()
        sizes = (DATAGRAM_LIMIT - 1, DATAGRAM_LIMIT, DATAGRAM_LIMIT + 1, 2000, 60_000)
        self.send(port, *map(bytes, sizes))
        port.doRead()
        found = [len(datagram) for datagram, _ in protocol.received]
        read_size = PortLimits().read_size
        self.assertEqual(found, [1231, 1232, read_size, read_size, read_size])
        self.assertGreater(read_size, DATAGRAM_LIMIT)

    def test_the_receive_buffer_is_as_large_as_wished(self) -> None:
        for wanted in (20_000, 50_000):
            _, port = self.open(limits=PortLimits(receive_buffer=wanted))
            size = port.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            self.assertIn(size, (wanted, 2 * wanted))  # Linux doubles it for its own needs


class FamilyTests(PortCase):
    def test_both_families_on_one_port_number(self) -> None:
        four, port4 = self.open("0.0.0.0")
        number = port4.getHost().port
        six, port6 = self.open("::", number)
        self.assertEqual(port6.getHost().port, number)
        sender4, sender6 = self.send(port4, b"4"), self.send(port6, b"6")
        for port in (port4, port6):
            port.doRead()
        self.assertEqual(four.received, [(b"4", sender4)])
        self.assertEqual(six.received, [(b"6", sender6)])
        self.assertEqual((sender4[0], sender6[0]), ("127.0.0.1", "::1"))

    def test_an_ipv6_port_hears_no_ipv4(self) -> None:
        six, port = self.open("::")
        sender = loopback_socket(self)
        sender.sendto(b"4", ("127.0.0.1", port.getHost().port))
        port.doRead()
        self.assertEqual(six.received, [])


class WriteTests(PortCase):
    def test_what_is_written_arrives(self) -> None:
        for host in ("127.0.0.1", "::1"):
            _, port = self.open(host)
            receiver = loopback_socket(self, host)
            port.write(b"hello", receiver.getsockname()[:2])
            receiver.setblocking(False)
            data, source = receiver.recvfrom(100)
            self.assertEqual((data, source[:2]), (b"hello", (host, port.getHost().port)))

    def test_what_the_system_refuses_is_an_oserror(self) -> None:
        _, port = self.open()
        receiver = loopback_socket(self).getsockname()
        for datagram, target, number in (
            (b"x", ("127.0.0.1", 0), errno.EINVAL),
            (bytes(70_000), receiver, errno.EMSGSIZE),
        ):
            error = self.assertRaises(OSError, port.write, datagram, target)
            self.assertEqual(error.errno, number)
        self.assertRaises(OSError, port.write, b"x", ("::1", 1))
        self.assertRaises(OverflowError, port.write, b"x", ("127.0.0.1", 65536))

    def test_nobody_listening_there_is_no_error(self) -> None:
        protocol, port = self.open()
        nobody = loopback_socket(self)
        target = nobody.getsockname()
        nobody.close()
        for _ in range(3):
            port.write(b"x", target)
            port.doRead()
        self.assertTrue(port.connected)
        self.assertEqual(protocol.received, [])


class FaultTests(PortCase):
    def setUp(self) -> None:
        super().setUp()
        self.sockets: list[FaultySocket] = faulty_ports(self)

    async def test_an_unexpected_error_closes_the_port(self) -> None:
        for number in (errno.ENOMEM, errno.EIO, errno.EBADF):
            protocol, port = self.open()
            address = port.getHost()
            self.sockets[-1].faults = [OSError(number, "injected")]
            self.send(port, b"wakes the reactor", b"is lost")
            await protocol.stopped
            self.assertEqual(protocol.received, [])
            self.assertEqual(self.sockets[-1].reads, 1)
            self.assertFalse(port.connected)
            self.assertNotIn(port, reactor.getReaders())
            loopback_socket(self, address.host, address.port)  # the number is free again

    async def test_what_arrived_before_the_error_is_handed_over(self) -> None:
        protocol, port = self.open()
        faulty = self.sockets[-1]
        receive = faulty._real.recvfrom

        def two_then_none(size: int) -> tuple[bytes, Any]:
            if len(protocol.received) == 2:
                raise OSError(errno.EIO, "injected")
            return receive(size)

        self.patch(faulty, "recvfrom", two_then_none)
        self.send(port, b"1", b"2", b"3")
        await protocol.stopped
        self.assertEqual([datagram for datagram, _ in protocol.received], [b"1", b"2"])

    def test_an_expected_error_ends_the_turn_only(self) -> None:
        for number in (errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED):
            protocol, port = self.open()
            self.send(port, b"a")
            self.sockets[-1].faults = [OSError(number, "injected")]
            port.doRead()
            self.assertEqual(protocol.received, [])
            port.doRead()
            self.assertEqual(len(protocol.received), 1)
            self.assertTrue(port.connected)


class CloseTests(PortCase):
    async def test_a_port_closed_by_a_datagram_hands_over_no_more(self) -> None:
        class Closer(Collector):
            def datagramReceived(self, datagram: bytes, addr: Any) -> None:
                super().datagramReceived(datagram, addr)
                self.transport.stopListening()  # type: ignore[union-attr]

        protocol, port = self.open(protocol=Closer())
        self.send(port, b"1", b"2", b"3")
        port.doRead()
        self.assertEqual([datagram for datagram, _ in protocol.received], [b"1"])
        await protocol.stopped

    async def test_closing_twice_is_closing_once(self) -> None:
        protocol, port = self.open()
        closings = [maybeDeferred(port.stopListening) for _ in range(2)]
        await gatherResults(closings)
        await protocol.stopped
        self.assertEqual(self.flushLoggedErrors(), [])


class CannotListenTests(PortCase):
    def refused(self, interface: str, port: int) -> str:
        protocol = Collector()
        error = self.assertRaises(
            CannotListen, listen, reactor, protocol, Endpoint(interface, port), PortLimits()
        )
        self.assertIsNone(protocol.transport)
        return str(error)

    def test_a_port_in_use(self) -> None:
        for host in ("127.0.0.1", "::1"):
            number = loopback_socket(self, host).getsockname()[1]
            self.assertEqual(
                self.refused(host, number),
                f"cannot listen on UDP port {number} of {host}: Address already in use; "
                "choose another port or interface, or stop what uses it",
            )

    def test_a_port_of_our_own(self) -> None:
        _, port = self.open()
        self.assertIn("already in use", self.refused("127.0.0.1", port.getHost().port))

    def test_an_address_of_another_machine(self) -> None:
        for host in ("192.0.2.1", "2001:db8::1"):
            text = self.refused(host, 0)
            self.assertIn(f"port 0 of {host}: Cannot assign requested address", text)

    def test_a_host_without_more_sockets(self) -> None:
        def none_left(_: BoundedPort) -> socket.socket:
            raise OSError(errno.EMFILE, "Too many open files")

        self.patch(BoundedPort, "createInternetSocket", none_left)
        self.assertIn("Too many open files", self.refused("127.0.0.1", 0))


class ReadySocketTests(PortCase):
    """A socket that a service manager made, bound and keeps."""

    def test_it_is_served_where_it_is_bound(self) -> None:
        for host in ("127.0.0.1", "::1"):
            ready = loopback_socket(self, host)
            protocol, port = self.open(host, port=1, ready=ready)
            self.assertEqual(port.getHost().port, ready.getsockname()[1])
            sender = self.send(port, b"one", b"two")
            port.doRead()
            self.assertEqual(protocol.received, [(each, sender) for each in (b"one", b"two")])
            port.doRead()  # and does not wait for more

    async def test_a_port_that_died_goes_on_with_what_arrived_meanwhile(self) -> None:
        ready = loopback_socket(self)
        protocol, port = self.open(ready=ready)
        sender = self.send(port, b"before")
        self.patch(port, "socket", FaultySocket(port.socket))
        port.socket.faults = [OSError(errno.EIO, "injected")]  # type: ignore[attr-defined]
        port.doRead()
        await protocol.stopped
        self.assertEqual(protocol.received, [])
        loopback_socket(self).sendto(b"meanwhile", ready.getsockname())
        protocol, port = self.open(ready=ready)
        port.doRead()
        self.assertEqual([each for each, _ in protocol.received], [b"before", b"meanwhile"])
        self.assertEqual(protocol.received[0][1], sender)

    async def test_it_stays_the_callers(self) -> None:
        ready = loopback_socket(self)
        protocol, port = self.open(ready=ready)
        await port.stopListening()
        await protocol.stopped
        self.assertGreater(ready.getsockname()[1], 0)

    def test_its_buffer_is_made_larger_but_never_smaller(self) -> None:
        ready = loopback_socket(self)
        ready.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 30_000)
        for wanted, expected in ((50_000, 50_000), (20_000, 50_000), (60_000, 60_000)):
            _, port = self.open(ready=ready, limits=PortLimits(receive_buffer=wanted))
            size = port.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            self.assertIn(size, (expected, 2 * expected))
            port.stopListening()

    def test_one_that_is_closed(self) -> None:
        ready = loopback_socket(self)
        ready.close()
        bind = Endpoint("127.0.0.1", 9)
        error = self.assertRaises(
            CannotListen, listen, reactor, Collector(), bind, PortLimits(), ready
        )
        self.assertIn("Bad file descriptor", str(error))
