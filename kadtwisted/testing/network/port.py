"""A UDP port in memory, which stands in for Twisted's ``udp.Port``.

It decides what a protocol is told and when ``write`` fails, as the real port does on Linux, so that
code which fails there fails here too.  Which ports can be had and what the system refuses to send,
its :class:`System` decides.  It never touches a socket.

Where it differs: there is no broadcast and no ICMP, so ``connectionRefused`` is called for injected
errors only.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyClass

from kadtwisted.model.contact import Family

Address = tuple[str, int]
"""Host and port, as Twisted hands them to a protocol."""


class System(Protocol):
    """What a port asks of the machine it is on."""

    def bind(self, port: HostPort, wanted: int) -> int:
        """Open a port under the number ``wanted``, any free one for 0; the number it got.

        ``CannotListenError`` if that cannot be.
        """

    def unbind(self, port: HostPort) -> None:
        """A port is closed: its number is free again."""

    def send(self, data: bytes, source: Address, destination: Address, family: Family) -> None:
        """Send a datagram, or raise as ``sendto`` does."""

    def knows(self, address: str) -> bool:
        """Whether this is an IP address in its shortest form that some host has."""

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - as IReactorTime names it
        *args: object,
        **kwargs: object,
    ) -> object:
        """Call something in ``delay`` seconds."""


@implementer(IListeningPort, IUDPTransport)
class HostPort:
    """A UDP port of a host; made by its method ``listenUDP``."""

    def __init__(
        self,
        system: System,
        port: int,
        protocol: DatagramProtocol,
        interface: str,
        max_packet_size: int,
    ) -> None:
        self.family = _family(interface) if interface else Family.IPV4
        self.interface = str(ipaddress.ip_address(interface)) if interface else "0.0.0.0"
        self.protocol = protocol
        self._system = system
        self._wanted = port
        self._bound: int | None = None
        self._source: Address | None = None
        self._max_packet_size = max_packet_size
        self._reading = False
        self._connected: Address | None = None
        self._broadcast = False
        self._stopping: Deferred[None] | None = None

    def startListening(self) -> None:
        """Bind and tell the protocol; ``CannotListenError`` if the port cannot be had."""
        self._bound = self._system.bind(self, self._wanted)
        self._source = (self.interface, self._bound)
        self._reading = True
        self.protocol.makeConnection(self)

    def stopListening(self) -> Deferred[None] | None:
        """Stop receiving at once and close in the next turn; ``None`` if closed already."""
        self._reading = False
        if self._bound is None:
            return None
        self._stopping = Deferred()
        self._system.callLater(0, self.connectionLost)
        return self._stopping

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close, and tell the protocol."""
        self._reading = False
        self._system.unbind(self)
        self.protocol.doStop()
        self._bound = self._source = None
        if self._stopping is not None:
            self._stopping.callback(None)
            self._stopping = None

    def getHost(self) -> IPv4Address | IPv6Address:
        """The address and port bound to; a wildcard address if all are."""
        kind = IPv4Address if self.family is Family.IPV4 else IPv6Address
        return kind("UDP", self.interface, self._number())

    def connect(self, host: str, port: int) -> None:
        """Send to and receive from one address only; ``RuntimeError`` the second time."""
        if self._connected is not None:
            raise RuntimeError("already connected, reconnecting is not currently supported")
        _family(host)
        self._connected = (str(ipaddress.ip_address(host)), port)

    def write(self, packet: bytes, addr: tuple[str, int] | None = None) -> None:
        """Send a datagram; whether it arrives is not known here.

        Raises ``InvalidAddressError`` for a host name or an address of the other family,
        ``MessageLengthError`` for more than UDP can carry, ``OverflowError`` for a port beyond
        65,535, and ``OSError`` for port 0, without a route, or when the host fails writes.
        """
        if self._connected is not None:
            assert addr in (None, self._connected), f"connected to {self._connected}, not {addr}"
            addr = self._connected
        assert addr is not None, "an unconnected port needs an address to write to"
        destination = self._destination(addr)
        source = self._source
        if source is None:
            source = (self.interface, self._number())  # which says that the port is closed
        if type(packet) is not bytes:
            packet = bytes(memoryview(packet))  # as a socket: no text, no number
        try:
            self._system.send(packet, source, destination, self.family)
        except OSError as error:
            self._refused(error)

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Remember the choice; it has no effect, as this network has no broadcast."""
        self._broadcast = bool(enabled)

    def getBroadcastAllowed(self) -> bool:
        """What was last set."""
        return self._broadcast

    def receive(self, data: bytes, source: Address) -> bool:
        """Hand a datagram to the protocol; False if nobody reads or it is not from our peer.

        It is cut to ``maxPacketSize`` without a word; what the protocol raises is logged.
        """
        if not self._reading or self._connected not in (None, source):
            return False
        try:
            self.protocol.datagramReceived(data[: self._max_packet_size], source)
        except Exception:
            log.err()
        return True

    def _destination(self, addr: Address) -> Address:
        text, port = addr
        if self._system.knows(text):
            family = Family.IPV6 if ":" in text else Family.IPV4
            if family is self.family:
                return addr
        else:
            family = _family(text)
            text = str(ipaddress.ip_address(text))
        if family is not self.family:
            raise InvalidAddressError(
                text, f"{self.family.name} port write() called with {family.name} address"
            )
        return (text, port)

    def _number(self) -> int:
        if self._bound is None:
            # A closed udp.Port has lost its attribute "socket": code that catches only OSError
            # must fail here, too.
            raise AttributeError("this port is closed")
        return self._bound

    def _refused(self, error: OSError) -> None:
        """Treat an error of the system as ``udp.Port.write`` does."""
        if error.errno == errno.EMSGSIZE:
            raise MessageLengthError("message too long") from None
        if error.errno != errno.ECONNREFUSED:
            raise error
        if self._connected is not None:
            self.protocol.connectionRefused()


verifyClass(IListeningPort, HostPort)
verifyClass(IUDPTransport, HostPort)


def _family(text: str) -> Family:
    """The family of an IP address; ``InvalidAddressError`` for anything else."""
    if isIPAddress(text):
        return Family.IPV4
    if isIPv6Address(text):
        return Family.IPV6
    raise InvalidAddressError(text, "not an IPv4 or IPv6 address.")
