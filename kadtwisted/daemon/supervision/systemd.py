"""What systemd and a service tell each other: notifications, the watchdog, sockets handed over.

It is a few lines, so no library is needed (sd_notify(3), sd_watchdog_enabled(3),
sd_listen_fds(3)).  Everything is read from an environment that is handed in; variables that are not
there mean that nothing is done.  A notification that cannot be sent never raises.  A socket that
cannot be used is an error: somebody has asked for it.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from kadtwisted.daemon.supervision.socket_unit import check_no_socket_is_missing
from kadtwisted.errors import ConfigurationError
from kadtwisted.model.contact import Family
from kadtwisted.model.printable import printable
from kadtwisted.parameters import NodeSettings

FIRST_DESCRIPTOR = 3
"""``SD_LISTEN_FDS_START`` of sd_listen_fds(3)."""
SEND_TIMEOUT = 0.1
"""MAGIC: seconds to wait for a service manager whose queue is full; a moment, and seldom."""
STATUS_LENGTH = 200
"""MAGIC: characters of a status line; ``systemctl status`` shows one line of a terminal."""

FAMILIES = ((socket.AF_INET, Family.IPV4), (socket.AF_INET6, Family.IPV6))


class Notifier:
    """Tells the service manager how the service does (sd_notify(3)).

    ``address`` is that of its datagram socket: a path, or an abstract name with ``@`` before it.
    With ``None`` nothing is sent.  No method raises.
    """

    def __init__(
        self, address: str | None = None, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._address = _socket_address(address) if address else None
        self._monotonic_ns = monotonic_ns

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Notifier:
        """For the manager that ``$NOTIFY_SOCKET`` names."""
        return cls(environ.get("NOTIFY_SOCKET"))

    def ready(self) -> bool:
        """The service has started, or has reloaded its configuration."""
        return self._send("READY=1")

    def status(self, text: str) -> bool:
        """One line for ``systemctl status``."""
        return self._send("STATUS=" + printable(" ".join(text.split()), STATUS_LENGTH))

    def reloading(self) -> bool:
        """The service reloads its configuration; :meth:`ready` says when it has."""
        return self._send(f"RELOADING=1\nMONOTONIC_USEC={self._monotonic_ns() // 1000}")

    def stopping(self) -> bool:
        """The service stops."""
        return self._send("STOPPING=1")

    def watchdog(self) -> bool:
        """The service is well; to be said at least once in each of the watchdog's periods."""
        return self._send("WATCHDOG=1")

    def _send(self, message: str) -> bool:
        """Send a message; whether that worked."""
        if self._address is None:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.settimeout(SEND_TIMEOUT)
                sending.sendto(message.encode("utf-8", "replace"), self._address)
        except OSError:
            return False
        return True


def _socket_address(text: str) -> bytes | None:
    """The address for ``sendto``; ``None`` for what is no Unix socket (vsock)."""
    if text.startswith("@"):
        return b"\0" + os.fsencode(text[1:])
    return os.fsencode(text) if text.startswith("/") else None


def watchdog_period(environ: Mapping[str, str], pid: int) -> float | None:
    """After how many seconds without a sign of life systemd ends the service; ``None``: never."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return (_number(environ.get("WATCHDOG_USEC", "")) or 0) / 1e6 or None


def handed_sockets(environ: Mapping[str, str], pid: int) -> dict[Family, socket.socket]:
    """The bound UDP sockets that systemd hands over (socket activation), at most one in a family.

    They are made non-blocking, and child processes do not inherit them.  Raises
    :class:`~kadtwisted.errors.ConfigurationError` for a descriptor that is no such socket.  Call
    this once: the sockets that it returns own their descriptors.
    """
    found: dict[Family, socket.socket] = {}
    try:
        for descriptor, name in _descriptors(environ, pid):
            _add_to(found, _udp_socket(descriptor, name))
    except ConfigurationError:
        for each in found.values():
            each.detach()  # else they would be closed later, when the numbers may be reused
        raise
    return found


def _add_to(found: dict[Family, socket.socket], made: socket.socket) -> None:
    family = dict(FAMILIES)[socket.AddressFamily(made.family)]
    if family in found:
        made.detach()
        raise ConfigurationError(
            f"the service manager hands over two sockets of IPv{family:d}; "
            "let the socket unit listen on one address in each family"
        )
    found[family] = made


def _descriptors(environ: Mapping[str, str], pid: int) -> Iterator[tuple[int, str]]:
    """Each descriptor with its name.

    Importing :mod:`twisted.internet.endpoints` removes ``$LISTEN_PID`` and ``$LISTEN_FDS``.  The
    names stay, one for each descriptor, and say how many there are.
    """
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    if "LISTEN_PID" in environ or "LISTEN_FDS" in environ:
        mine = environ.get("LISTEN_PID") == str(pid)
        count = _number(environ.get("LISTEN_FDS", "")) if mine else 0
    else:
        count = len(names) if names[0] else 0
    for index in range(count or 0):
        yield FIRST_DESCRIPTOR + index, (names[index] if index < len(names) else "") or "unknown"


def _udp_socket(descriptor: int, name: str) -> socket.socket:
    try:
        made = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConfigurationError(
            f"descriptor {descriptor} ({name}), handed over by the service manager, is no socket"
        ) from error
    fault = _fault(made)
    if fault:
        made.detach()
        raise ConfigurationError(
            f"descriptor {descriptor} ({name}), handed over by the service manager, {fault}"
        )
    made.setblocking(False)  # after os.set_blocking alone, Python would think that it blocks
    made.set_inheritable(False)
    return made


def _fault(made: socket.socket) -> str:
    """Why a socket cannot be used; empty if it can."""
    if made.type != socket.SOCK_DGRAM or made.family not in dict(FAMILIES):
        return "is no UDP socket; the socket unit needs ListenDatagram= with an IP address"
    if not made.getsockname()[1]:
        return "is bound to no port"
    dual = made.family == socket.AF_INET6 and not made.getsockopt(
        socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
    )
    return "hears IPv4, too; the socket unit needs BindIPv6Only=ipv6-only" if dual else ""


class ServiceManager(NamedTuple):
    """What the service manager gives this process, if there is one."""

    notifier: Notifier = Notifier()
    watchdog_period: float | None = None
    sockets: Mapping[Family, socket.socket] = MappingProxyType({})

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int) -> ServiceManager:
        """Read it from the environment; call this once.

        Fails as :func:`handed_sockets` does, and if an enabled socket unit handed over nothing.
        """
        sockets = handed_sockets(environ, pid)
        if not sockets:
            check_no_socket_is_missing(environ)
        return cls(Notifier.from_environ(environ), watchdog_period(environ, pid), sockets)

    def settings(self, wanted: NodeSettings) -> NodeSettings:
        """The settings with the interfaces and the port of the sockets that are handed over."""
        if not self.sockets:
            return wanted
        names = [self.sockets[family].getsockname() for family in sorted(self.sockets)]
        return replace(wanted, interfaces=tuple(name[0] for name in names), port=names[0][1])


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
