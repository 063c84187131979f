"""The UDP port: bounded reads, plain writes, and no silent death.

A port that is bound to all addresses answers from the one that was asked
(:mod:`~kadtwisted.node.port.local_address`).

Twisted's own port reads until 256 KiB of bytes are in, so a flood of tiny datagrams starves every
timer; this one counts datagrams.  Twisted's own also checks on each write that the host is an IP
address; ours is only ever given endpoints that were received or parsed, so it goes straight to the
socket.  An unexpected error of ``recvfrom`` closes the port, which its protocol sees as an
unrequested ``stopProtocol`` and binds anew.

A socket may also be handed over ready-made and bound, by a service manager.  Then the port lives on
a duplicate of it, so that it can be taken up again after the port died; what arrives in between
waits in the socket.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from errno import EAFNOSUPPORT, EPROTONOSUPPORT
from typing import Any, NamedTuple, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorFDSet
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.udp import Port
from twisted.logger import Logger

from kadtwisted.constants import DATAGRAM_LIMIT
from kadtwisted.errors import CannotListen
from kadtwisted.model.contact import Endpoint
from kadtwisted.node.port.local_address import LocalAddresses, Sender, local_addresses
from kadtwisted.parameters import Bounds

BUFFER_STEP = 4096
"""MAGIC: bytes of receive buffer that are not worth another try: a page."""

_new = tuple.__new__
"""Makes a named tuple as its constructor does, without the detour through a Python function."""

_log = Logger(namespace="kadtwisted.node")


class PortLimits(NamedTuple):
    """How much a port takes: bytes of one datagram, datagrams in one turn of the reactor, and bytes
    of the receive buffer (SO_RCVBUF)."""

    datagram: int = DATAGRAM_LIMIT
    per_read: int = Bounds().datagrams_per_read
    receive_buffer: int = Bounds().receive_buffer

    @property
    def read_size(self) -> int:
        """One byte more than is allowed, so that a longer datagram is seen to be too long."""
        return self.datagram + 1


class BoundedPort(Port):
    """A UDP port that takes at most ``limits.per_read`` datagrams in one turn of the reactor.

    ``ready``, if given, is a bound socket that is used instead of a new one; it stays the caller's.
    """

    def __init__(
        self,
        reactor: Any,
        protocol: DatagramProtocol,
        bind: Endpoint,
        limits: PortLimits,
        ready: socket.socket | None = None,
    ) -> None:
        super().__init__(bind.port, protocol, bind.host, limits.read_size, reactor)
        self._limits = limits
        self._closing: Deferred[None] | None = None
        self._ready = ready
        self._local: LocalAddresses | None = None

    def startListening(self) -> None:
        """Bind, or take up the ready-made socket; ``CannotListenError`` if that cannot be."""
        if self._ready is not None:
            try:
                self._preexistingSocket = self.adoptSocket(self._ready)  # type: ignore[assignment]
            except OSError as error:
                raise CannotListenError(self.interface, self.port, error) from error
        super().startListening()

    def _connectToProtocol(self) -> None:
        """The socket is bound: from now on datagrams are read and answered."""
        reactor: Any = self.reactor
        self._local = local_addresses(self.socket, reactor.seconds)
        super()._connectToProtocol()

    def adoptSocket(self, ready: socket.socket) -> socket.socket:
        """A duplicate of a ready-made socket, as roomy as we can make it."""
        adopted = ready.dup()
        adopted.setblocking(False)
        with socket.socket(adopted.family, socket.SOCK_DGRAM) as fresh:
            # Who made it may have been allowed more than we are: never make it smaller.
            make_roomy(fresh, self._limits.receive_buffer)
            if _room(fresh) > _room(adopted):
                make_roomy(adopted, self._limits.receive_buffer)
        return adopted

    def stopListening(self) -> Deferred[None]:
        """Close, once: a port that fails while it is being closed has one end only."""
        if self._closing is None:
            self._closing = maybeDeferred(super().stopListening)
        return self._closing

    def createInternetSocket(self) -> socket.socket:
        """A socket with a roomy receive buffer, and for IPv6 without IPv4 mapped into it."""
        made = super().createInternetSocket()
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        make_roomy(made, self._limits.receive_buffer)
        return made

    def doRead(self) -> None:
        """Hand over what has arrived, then let the reactor turn to others."""
        local, most = self._local, self._limits.per_read
        if local is None:
            self._read(self.socket.recvfrom, most)
        elif local.several():
            self._read(local.receive, most)
        elif self._read(local.receive, 1):
            self._read(self.socket.recvfrom, most - 1)

    def _read(self, receive: Callable[[int], Any], most: int) -> bool:
        """Hand over at most so many datagrams; whether there may be more."""
        deliver = self.protocol.datagramReceived
        size = self._limits.read_size
        for _ in range(most):
            try:
                datagram, address = receive(size)
            except (BlockingIOError, InterruptedError, ConnectionRefusedError):
                return False
            except OSError:
                self.stopListening()
                return False
            deliver(datagram, address if type(address) is Sender else _new(Endpoint, address[:2]))
            if self._closing is not None:
                return False  # this datagram led to the closing of the port
        return True

    def write(self, datagram: bytes, addr: tuple[str, int] | None = None) -> None:
        """Send one datagram; every ``OSError`` is the caller's to handle."""
        if type(addr) is Sender and self._local is not None:
            self._local.answer(datagram, addr)
        else:
            self.socket.sendto(datagram, addr or ())


def _room(made: socket.socket) -> int:
    return made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def make_roomy(made: socket.socket, wanted: int) -> None:
    """Give a socket a receive buffer of ``wanted`` bytes, or the largest that the system grants.

    Linux grants less than was asked for, and says nothing; others refuse (FreeBSD: ENOBUFS).  None
    is worth not having a port.
    """
    granted, refused = 0, wanted + 1
    attempt = wanted
    while refused - granted > max(BUFFER_STEP, granted // 16):
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, attempt)
        except OSError:
            refused = attempt
        else:
            granted = attempt
        attempt = (granted + refused) // 2
    if granted < wanted:
        _log.info(
            "the system grants {granted} bytes of receive buffer instead of {wanted}; "
            "bounds.receive_buffer is what is asked for",
            granted=granted or _room(made),
            wanted=wanted,
        )


def listen(
    reactor: Any,
    protocol: DatagramProtocol,
    bind: Endpoint,
    limits: PortLimits,
    ready: socket.socket | None = None,
) -> IListeningPort:
    """Bind a UDP port to an address of this host, and connect ``protocol`` to it.

    ``reactor`` is a real one, or anything that provides ``IReactorUDP``.  A ``ready`` socket, bound
    already, takes the place of ``bind`` and stays the caller's; only a real reactor can use one.
    Fails with :class:`~kadtwisted.errors.CannotListen`.
    """
    interface, port = bind
    try:
        if not IReactorFDSet.providedBy(reactor):
            size = limits.read_size
            made = reactor.listenUDP(port, protocol, interface=interface, maxPacketSize=size)
            return cast(IListeningPort, made)
        bound = BoundedPort(reactor, protocol, bind, limits, ready)
        bound.startListening()
        return cast(IListeningPort, bound)
    except CannotListenError as error:
        if _is_missing(error):
            raise CannotListen(f"this machine has no IPv{bind.family:d}") from error
        why = getattr(error.socketError, "strerror", None) or str(error.socketError)
        raise CannotListen(
            f"cannot listen on UDP port {port} of {interface}: {why}; "
            "choose another port or interface, or stop what uses it"
        ) from error


def is_missing_family(error: CannotListen) -> bool:
    """Whether a port cannot be bound because this machine lacks its whole address family."""
    return isinstance(error.__cause__, CannotListenError) and _is_missing(error.__cause__)


def _is_missing(error: CannotListenError) -> bool:
    return getattr(error.socketError, "errno", None) in (EAFNOSUPPORT, EPROTONOSUPPORT)
