"""Hosts of the simulated network: what a node takes for its reactor.

A host decides which port a datagram goes to, which ports can be had, and what the system refuses to
send, as a Linux machine does.  It never touches a socket.

Where it differs: each family has port numbers of its own (as with the sysctl
``net.ipv6.bindv6only=1``), and only a host that was given a loopback address has loopback.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyClass

from kadtwisted.model.contact import Family
from kadtwisted.testing.network.clock import HeapCall, HeapClock
from kadtwisted.testing.network.port import Address, HostPort

EPHEMERAL_PORTS = range(49152, 65536)
"""Where port 0 is chosen from (RFC 6335, section 6)."""

LONGEST = MappingProxyType({Family.IPV4: 65507, Family.IPV6: 65527})
"""Largest UDP payload: 65,535 less the headers that each family counts in its length field."""

ALWAYS_SHORT = min(LONGEST.values())
WILDCARDS = ("0.0.0.0", "::")

Send = Callable[[bytes, Address, Address], None]
"""Puts a datagram on the wire: its bytes, its source and its destination."""

Knows = Callable[[str], bool]
"""Whether some host has this IP address, which is in its shortest form."""


def _system_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@implementer(IReactorTime, IReactorUDP)
class Host:
    """A machine on a network; made by :meth:`kadtwisted.testing.network.network.Network.host`.

    ``clock`` is the network's.  ``addresses`` are the host's IP addresses, which change only when
    the network moves it.  ``send`` and ``knows`` are all that it needs of the network.
    """

    def __init__(
        self, clock: HeapClock, addresses: tuple[str, ...], send: Send, knows: Knows
    ) -> None:
        self.clock = clock
        self.addresses = addresses
        self.knows = knows
        self._send = send
        self._ports: dict[Address, HostPort] = {}
        self._next_port = 0
        self._write_error: OSError | None = None

    def seconds(self) -> float:
        """The present moment of the network's clock."""
        return self.clock.seconds()

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002 - as IReactorTime names it
        *args: object,
        **kwargs: object,
    ) -> HeapCall:
        """Call something in ``delay`` seconds of the network's clock."""
        return self.clock.callLater(delay, callable, *args, **kwargs)

    def getDelayedCalls(self) -> Sequence[HeapCall]:
        """The calls pending on the network's clock: those of all hosts."""
        return self.clock.getDelayedCalls()

    def listenUDP(
        self,
        port: int,
        protocol: DatagramProtocol,
        interface: str = "",
        maxPacketSize: int = 8192,
    ) -> HostPort:
        """Open a UDP port; 0 chooses a free one, an empty interface is all of IPv4.

        Raises ``CannotListenError`` if the port is taken or the address is not this host's,
        ``InvalidAddressError`` if the interface is no address, ``OverflowError`` for a port
        beyond 65,535.
        """
        opened = HostPort(self, port, protocol, interface, maxPacketSize)
        opened.startListening()
        return opened

    def source_address(self, endpoint: Address) -> str | None:
        """From which of its addresses it would send there; ``None`` if there is no way."""
        error = self._write_error
        if error is not None and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return None
        family = Family.IPV6 if ":" in endpoint[0] else Family.IPV4
        return next((each for each in self.addresses if _is_of(each, family)), None)

    def fail_writes(self, error: OSError | None) -> None:
        """Fail every write with this error from now on; with ``None`` they succeed again."""
        self._write_error = error

    def fail_reads(self, error: OSError) -> None:
        """Close every open port after an error it does not expect, as the reactor does.

        The error is logged, the protocol's ``stopProtocol`` runs, and nothing more is received.
        """
        for port in list(self._ports.values()):
            log.err(error)
            port.connectionLost(Failure(error))

    def receive(self, data: bytes, source: Address, destination: Address) -> bool:
        """Deliver a datagram that came in; False if no port takes it."""
        port = self._ports.get(destination)
        if port is None:
            address, number = destination
            port = self._ports.get((_wildcard(address), number))
        return port is not None and port.receive(data, source)

    def send(self, data: bytes, source: Address, destination: Address, family: Family) -> None:
        """Send a datagram of a port, or raise as ``sendto`` does."""
        if not 0 <= destination[1] < 65536:
            raise OverflowError("sendto(): port must be 0-65535.")
        if self._write_error is not None:
            raise self._write_error
        if destination[1] == 0:
            raise _system_error(errno.EINVAL)
        if len(data) > ALWAYS_SHORT and len(data) > LONGEST[family]:
            raise _system_error(errno.EMSGSIZE)
        if source[0] in WILDCARDS:
            source = (self._address(family), source[1])
        self._send(data, source, destination)

    def _address(self, family: Family) -> str:
        """Where datagrams of a port on a wildcard address come from."""
        for each in self.addresses:
            if _is_of(each, family):
                return each
        raise _system_error(errno.ENETUNREACH)

    def bind(self, port: HostPort, wanted: int) -> int:
        """Enter a port into the table, and return its number."""
        if not 0 <= wanted < 65536:
            raise OverflowError("bind(): port must be 0-65535.")
        if port.interface not in (_wildcard(port.interface), *self.addresses):
            unknown = _system_error(errno.EADDRNOTAVAIL)
            raise CannotListenError(port.interface, wanted, unknown)
        number = wanted or self._free_port(port)
        if number is None or self._taken(port, number):
            raise CannotListenError(port.interface, wanted, _system_error(errno.EADDRINUSE))
        self._ports[port.interface, number] = port
        return number

    def _free_port(self, port: HostPort) -> int | None:
        """The next free number in turn, so that one just closed is not used again at once."""
        for _ in EPHEMERAL_PORTS:
            number = EPHEMERAL_PORTS[self._next_port]
            self._next_port = (self._next_port + 1) % len(EPHEMERAL_PORTS)
            if not self._taken(port, number):
                return number
        return None

    def _taken(self, port: HostPort, number: int) -> bool:
        wildcard = _wildcard(port.interface)
        if port.interface != wildcard:
            return (port.interface, number) in self._ports or (wildcard, number) in self._ports
        return any(
            (each, number) in self._ports
            for each in (wildcard, *self.addresses)
            if _wildcard(each) == wildcard
        )

    def unbind(self, port: HostPort) -> None:
        self._ports = {where: each for where, each in self._ports.items() if each is not port}


verifyClass(IReactorTime, Host)
verifyClass(IReactorUDP, Host)


def _is_of(address: str, family: Family) -> bool:
    return (":" in address) == (family is Family.IPV6)


def _wildcard(address: str) -> str:
    """The address that stands for all addresses of this one's family."""
    return "::" if ":" in address else "0.0.0.0"
