"""Notifications on real sockets, and descriptors handed over: what is taken, what is refused."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from twisted.trial import unittest

from kadtwisted.daemon.supervision import systemd
from kadtwisted.daemon.supervision.systemd import (
    Notifier,
    ServiceManager,
    handed_sockets,
    watchdog_period,
)
from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Family
from kadtwisted.parameters import NodeSettings

PID = 4711


class NotifierTests(unittest.SynchronousTestCase):
    def manager(self, address: str | bytes) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(made.close)
        made.bind(address)
        made.setblocking(False)
        return made

    def path(self) -> str:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        return str(Path(directory.name) / "notify")

    def test_each_message(self) -> None:
        path = self.path()
        manager = self.manager(path)
        notifier = Notifier(path, lambda: 1_234_567_890)
        for call, message in (
            (notifier.ready, b"READY=1"),
            (notifier.stopping, b"STOPPING=1"),
            (notifier.watchdog, b"WATCHDOG=1"),
            (notifier.reloading, b"RELOADING=1\nMONOTONIC_USEC=1234567"),
            (lambda: notifier.status("well"), b"STATUS=well"),
        ):
            self.assertTrue(call())
            self.assertEqual(manager.recv(4096), message)

    def test_an_abstract_address(self) -> None:
        name = f"kadtwisted-test-{os.getpid()}"
        manager = self.manager(b"\0" + name.encode())
        self.assertTrue(Notifier.from_environ({"NOTIFY_SOCKET": "@" + name}).ready())
        self.assertEqual(manager.recv(4096), b"READY=1")

    def test_a_status_is_one_short_line(self) -> None:
        path = self.path()
        manager = self.manager(path)
        Notifier(path).status("well\nREADY=1\n" + "x" * 1000)
        message = manager.recv(4096)
        self.assertTrue(message.startswith(b"STATUS=well READY=1 xxx"), message)
        self.assertNotIn(b"\n", message)
        self.assertEqual(len(message), len("STATUS=") + 200)

    def test_nobody_wants_to_know(self) -> None:
        for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:3"}):
            self.assertFalse(Notifier.from_environ(environ).ready())

    def test_what_cannot_be_sent_raises_nothing(self) -> None:
        path = self.path()
        self.assertFalse(Notifier(path).ready())
        self.assertFalse(Notifier("/" + "x" * 200).ready())
        manager = self.manager(path)
        self.patch(systemd, "SEND_TIMEOUT", 0.001)
        notifier = Notifier(path)
        sent = 0
        while notifier.watchdog():
            sent += 1
        self.assertGreater(sent, 0)  # and then its queue was full
        manager.recv(4096)
        self.assertTrue(notifier.watchdog())


class WatchdogTests(unittest.SynchronousTestCase):
    def test_period(self) -> None:
        for environ, period in (
            ({}, None),
            ({"WATCHDOG_USEC": "30000000"}, 30.0),
            ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(PID)}, 1.5),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
            ({"WATCHDOG_USEC": "0"}, None),
            ({"WATCHDOG_USEC": "-5"}, None),
            ({"WATCHDOG_USEC": "soon"}, None),
        ):
            self.assertEqual(watchdog_period(environ, PID), period, environ)


class HandedSocketsTests(unittest.SynchronousTestCase):
    """Descriptors beginning at one that is free here: those from 3 on are somebody else's."""

    def setUp(self) -> None:
        self.originals: list[socket.socket] = []
        probe = [os.dup(0) for _ in range(40)]
        self.first = probe[-1] + 10
        for each in probe:
            os.close(each)
        self.patch(systemd, "FIRST_DESCRIPTOR", self.first)

    def hand(self, made: socket.socket) -> socket.socket:
        """Give a socket the next descriptor, blocking and inheritable as systemd does."""
        number = self.first + len(self.originals)
        self.originals.append(made)
        self.addCleanup(made.close)
        os.dup2(made.fileno(), number, inheritable=True)
        self.addCleanup(close_quietly, number)
        return made

    def udp(self, host: str, *, dual: bool = False) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual)
        made.bind((host, 0))
        return self.hand(made)

    def environ(self, **changes: str) -> dict[str, str]:
        count = len(self.originals)
        return {
            "LISTEN_PID": str(PID),
            "LISTEN_FDS": str(count),
            "LISTEN_FDNAMES": ":".join(["kademlia"] * count),
            **changes,
        }

    def taken(self, environ: dict[str, str]) -> dict[Family, socket.socket]:
        found = handed_sockets(environ, PID)
        for each in found.values():
            self.addCleanup(each.close)
        return found

    def refused(self, words: str) -> None:
        error = self.assertRaises(ConfigurationError, handed_sockets, self.environ(), PID)
        self.assertIn(words, str(error))
        self.assertNotIn("\n", str(error))

    def test_one_in_each_family(self) -> None:
        six, four = self.udp("::1"), self.udp("127.0.0.1")
        found = self.taken(self.environ())
        self.assertEqual(set(found), {Family.IPV4, Family.IPV6})
        self.assertEqual(found[Family.IPV4].getsockname(), four.getsockname())
        self.assertEqual(found[Family.IPV6].getsockname(), six.getsockname())
        self.assertEqual(found[Family.IPV6].fileno(), self.first)
        for each in found.values():
            self.assertFalse(os.get_blocking(each.fileno()))
            self.assertEqual(each.gettimeout(), 0.0)
            self.assertFalse(os.get_inheritable(each.fileno()))

    def test_without_names_it_works_too(self) -> None:
        self.udp("127.0.0.1")
        environ = self.environ()
        del environ["LISTEN_FDNAMES"]
        self.assertEqual(list(self.taken(environ)), [Family.IPV4])

    def test_nothing_is_handed_over(self) -> None:
        self.udp("127.0.0.1")
        for environ in (
            {},
            self.environ(LISTEN_PID="1"),
            self.environ(LISTEN_FDS="0"),
            self.environ(LISTEN_FDS="many"),
            {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "kademlia"},
        ):
            self.assertEqual(self.taken(environ), {}, environ)

    def test_twisted_may_have_taken_the_variables(self) -> None:
        self.udp("127.0.0.1")
        self.udp("::1")
        environ = self.environ()
        del environ["LISTEN_PID"], environ["LISTEN_FDS"]
        self.assertEqual(set(self.taken(environ)), set(Family))

    def test_two_of_one_family(self) -> None:
        self.udp("127.0.0.1")
        self.udp("127.0.0.1")
        self.refused("two sockets of IPv4")

    def test_other_sockets(self) -> None:
        for kind in (
            (socket.AF_INET, socket.SOCK_STREAM),
            (socket.AF_UNIX, socket.SOCK_DGRAM),
        ):
            self.originals.clear()
            self.hand(socket.socket(*kind))
            self.refused("(kademlia), handed over by the service manager, is no UDP socket")
            os.fstat(self.first)  # left as it was

    def test_a_socket_without_a_port(self) -> None:
        self.hand(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.refused("is bound to no port")

    def test_an_ipv6_socket_that_hears_ipv4(self) -> None:
        self.udp("::", dual=True)
        self.refused("BindIPv6Only=ipv6-only")

    def test_what_is_no_socket(self) -> None:
        with Path("/dev/null").open() as file:
            os.dup2(file.fileno(), self.first)
        self.addCleanup(close_quietly, self.first)
        error = self.assertRaises(
            ConfigurationError, handed_sockets, {"LISTEN_FDNAMES": "kademlia"}, PID
        )
        self.assertIn(f"descriptor {self.first} (kademlia)", str(error))
        self.assertIn("is no socket", str(error))

    def test_what_is_handed_over_is_what_is_served(self) -> None:
        self.udp("::1")
        four = self.udp("127.0.0.1")
        manager = ServiceManager.from_environ(
            {**self.environ(), "WATCHDOG_USEC": "3000000", "NOTIFY_SOCKET": "/nowhere"}, PID
        )
        for each in manager.sockets.values():
            self.addCleanup(each.close)
        self.assertEqual(manager.watchdog_period, 3.0)
        self.assertFalse(manager.notifier.ready())
        wanted = NodeSettings(port=1, interfaces=("192.0.2.1",), network="mine")
        served = manager.settings(wanted)
        self.assertEqual(served.interfaces, ("127.0.0.1", "::1"))
        self.assertEqual(served.port, four.getsockname()[1])
        self.assertEqual(served.network, "mine")

    def test_without_a_manager_the_settings_stand(self) -> None:
        wanted = NodeSettings(port=1)
        self.assertIs(ServiceManager.from_environ({}, PID).settings(wanted), wanted)


def close_quietly(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the socket that was taken over is closed already
