"""Answers leave from the address that was asked; receive buffers are as large as can be had."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import TestCase

from kadtwisted.errors import CannotListen
from kadtwisted.model.contact import Endpoint
from kadtwisted.node.port import local_address
from kadtwisted.node.port.local_address import (
    LocalAddresses,
    Sender,
    has_several_addresses,
    local_addresses,
)
from kadtwisted.node.port.udp_port import (
    BoundedPort,
    PortLimits,
    is_missing_family,
    listen,
    make_roomy,
)
from tests.integration.sockets import loopback_socket

IP_PKTINFO = 8
SO_TIMESTAMP = 29


class Echo(DatagramProtocol):
    """Answers at once, or later to whom it kept."""

    noisy = False
    transport: Any

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, Any]] = []
        self.later = False

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.kept.append((datagram, addr))
        if not self.later:
            self.transport.write(datagram, addr)


class AnswerCase(TestCase):
    def open(
        self, interface: str = "0.0.0.0", ready: socket.socket | None = None
    ) -> tuple[Echo, BoundedPort]:
        echo = Echo()
        port: Any = listen(reactor, echo, Endpoint(interface, 0), PortLimits(), ready)
        self.addCleanup(port.stopListening)
        return echo, port

    def asked(self, port: BoundedPort, *hosts: str) -> list[str]:
        """From where the answers come if these addresses of the port are asked, in one turn."""
        host: Any = port.getHost()
        askers = [loopback_socket(self, "::1" if ":" in each else "127.0.0.1") for each in hosts]
        for asker, each in zip(askers, hosts, strict=True):
            asker.settimeout(60)
            asker.sendto(b"?", (each, host.port))
        port.doRead()
        return [asker.recvfrom(9)[1][0] for asker in askers]

    def claim(self, port: BoundedPort, several: bool) -> None:
        """From now on the host seems to have several addresses, or one."""
        port._local = LocalAddresses(port.socket, reactor.seconds, lambda bound: several)


class WildcardTests(AnswerCase):
    def test_each_address_answers_for_itself(self) -> None:
        _, port = self.open()
        self.claim(port, several=True)
        hosts = ["127.0.0.1", "127.0.1.1", "127.0.0.9", "127.9.9.9"]
        self.assertEqual(self.asked(port, *hosts), hosts)

    def test_so_does_the_first_of_a_turn_where_the_host_has_one(self) -> None:
        _, port = self.open()
        self.claim(port, several=False)
        for each in ("127.0.1.1", "127.0.0.1", "127.0.0.9"):
            self.assertEqual(self.asked(port, each), [each])
        self.assertEqual(self.asked(port, *["127.0.0.1"] * 3), ["127.0.0.1"] * 3)

    def test_ipv6(self) -> None:
        echo, port = self.open("::")
        self.assertEqual(self.asked(port, "::1"), ["::1"])
        sender = echo.kept[0][1]
        told = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(15) + b"\x01" + bytes(4))
        self.assertEqual((type(sender), sender.ours), (Sender, told))

    def test_an_answer_that_comes_later(self) -> None:
        echo, port = self.open()
        echo.later = True
        asker = loopback_socket(self)
        asker.settimeout(60)
        asker.sendto(b"?", ("127.0.0.7", port.getHost().port))
        port.doRead()
        self.asked_meanwhile(port)
        port.write(*echo.kept[0])
        self.assertEqual(asker.recvfrom(9)[1][0], "127.0.0.7")

    def asked_meanwhile(self, port: BoundedPort) -> None:
        other = loopback_socket(self)
        other.sendto(b"!", ("127.0.0.8", port.getHost().port))
        port.doRead()

    def test_an_address_that_is_gone_meanwhile(self) -> None:
        _, port = self.open()
        asker = loopback_socket(self)
        asker.settimeout(60)
        sender = Sender(*asker.getsockname())
        gone = socket.inet_aton("198.51.100.1")
        sender.ours = (socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + gone + bytes(4))
        port.write(b"!", sender)
        self.assertEqual(asker.recvfrom(9)[1][0], "127.0.0.1")

    def test_a_socket_that_was_handed_over(self) -> None:
        """Also one whose maker asked for more than our address (systemd.socket(5))."""
        for option in (None, SO_TIMESTAMP):
            ready = loopback_socket(self, "0.0.0.0")
            if option is not None:
                ready.setsockopt(socket.SOL_SOCKET, option, 1)
            _, port = self.open(ready=ready)
            self.assertEqual(self.asked(port, "127.0.1.1"), ["127.0.1.1"])

    def test_a_sender_is_an_endpoint(self) -> None:
        sender = Sender("192.0.2.1", 8000)
        self.assertEqual(sender, Endpoint("192.0.2.1", 8000))
        self.assertEqual({Endpoint("192.0.2.1", 8000): 1}[sender], 1)

    def test_a_port_with_one_address_pays_nothing(self) -> None:
        echo, port = self.open("127.0.0.1")
        self.assertIsNone(port._local)
        self.assertEqual(self.asked(port, "127.0.0.1"), ["127.0.0.1"])
        self.assertIs(type(echo.kept[0][1]), Endpoint)


class HostTests(AnswerCase):
    def test_addresses_are_looked_at_again(self) -> None:
        """They come and go while the node runs."""
        now, several = [0.0], [False]
        bound = loopback_socket(self, "0.0.0.0")
        local = LocalAddresses(bound, lambda: now[0], lambda _: several[0])
        self.assertFalse(local.several())
        several[0] = True
        self.assertFalse(local.several())
        now[0] += 2.0
        self.assertTrue(local.several())

    def counted(self, *hosts: str) -> bool:
        """Whether a host with these IPv4 addresses has several: the system is asked as netdevice(7)
        says."""

        def listed(descriptor: int, request: int, asked: bytes) -> bytes:
            _, where = struct.unpack("iP", asked)
            found = b"".join(
                bytes(20) + socket.inet_aton(each) + bytes(local_address.IFREQ - 24)
                for each in hosts
            )
            ctypes.memmove(where, found, len(found))
            return struct.pack("iP", len(found), where)

        self.patch(local_address.fcntl, "ioctl", listed)
        return has_several_addresses(loopback_socket(self, "0.0.0.0"))

    def test_ipv4_addresses_are_counted_without_loopback(self) -> None:
        self.assertFalse(self.counted("127.0.0.1"))
        self.assertFalse(self.counted("127.0.0.1", "127.0.0.2", "192.0.2.1"))
        self.assertFalse(self.counted("192.0.2.1", "192.0.2.1"))
        self.assertTrue(self.counted("127.0.0.1", "192.0.2.1", "192.0.2.2"))

    def test_ipv6_addresses_are_counted_without_loopback_and_link_local(self) -> None:
        file = Path(self.mktemp())
        self.patch(local_address, "INET6_ADDRESSES", file)
        bound = loopback_socket(self, "::")
        lines = [
            "00000000000000000000000000000001 01 80 10 80       lo",
            "fe80000000000000d03d24fffeaefd25 02 40 20 80     eth0",
            "20010db8000000000000000000000001 02 40 00 80     eth0",
            "fd000db8000000000000000000000001 02 40 00 80     eth0",
        ]
        for count, several in ((2, False), (3, False), (4, True)):
            file.write_text("\n".join(lines[:count]) + "\n")
            self.assertIs(has_several_addresses(bound), several, count)

    def test_a_system_that_does_not_tell(self) -> None:
        bound = loopback_socket(self, "0.0.0.0")
        bound.close()
        self.assertTrue(has_several_addresses(bound))

    def test_a_system_without_the_option(self) -> None:
        class Refusing(socket.socket):
            def setsockopt(self, *_: Any) -> None:
                raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))

        with Refusing(socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind(("0.0.0.0", 0))
            self.assertIsNone(local_addresses(bound, reactor.seconds))


class StrictSocket(socket.socket):
    """Refuses a receive buffer above ``most``, as FreeBSD does (kern.ipc.maxsockbuf)."""

    most = 0
    granted = 0

    def setsockopt(self, level: int, name: int, value: Any) -> None:  # type: ignore[override]
        if value > self.most:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        self.granted = value


class BufferTests(TestCase):
    def granted(self, most: int, wanted: int) -> int:
        with StrictSocket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.most = most
            make_roomy(made, wanted)
            return made.granted

    def test_the_largest_that_is_granted(self) -> None:
        wanted = 4 * 1024 * 1024
        for most in (2 * 1024 * 1024, 208 * 1024, 3_999_999, 10_000):
            granted = self.granted(most, wanted)
            self.assertLessEqual(granted, most)
            self.assertGreater(granted, 0.9 * most - 4096, most)

    def test_as_asked_if_the_system_lets_us(self) -> None:
        self.assertEqual(self.granted(1 << 30, 65_536), 65_536)

    def test_none_at_all_is_no_reason_to_stop(self) -> None:
        self.assertEqual(self.granted(-1, 65_536), 0)


class MissingFamilyTests(TestCase):
    def test_a_kernel_without_ipv6_is_told_from_a_taken_port(self) -> None:
        taken = loopback_socket(self)

        def missing(port: BoundedPort) -> socket.socket:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))

        where = Endpoint("127.0.0.1", taken.getsockname()[1])
        error = self.assertRaises(CannotListen, self.listen, where)
        self.assertFalse(is_missing_family(error))
        self.patch(BoundedPort, "createInternetSocket", missing)
        error = self.assertRaises(CannotListen, self.listen, Endpoint("::", 0))
        self.assertTrue(is_missing_family(error))
        self.assertEqual(str(error), "this machine has no IPv6")

    def listen(self, where: Endpoint) -> object:
        return listen(reactor, Echo(), where, PortLimits())
