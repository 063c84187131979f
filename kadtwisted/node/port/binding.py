"""The life of one UDP port: bound, bound again with back-off if it dies unasked, closed."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.protocol import DatagramProtocol

from kadtwisted.errors import CannotListen
from kadtwisted.model.contact import Endpoint
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.observer import LinkObserver
from kadtwisted.node.port.udp_port import PortLimits, listen

REBIND_FIRST = 0.1
REBIND_LAST = 2.0
"""Seconds between attempts to bind a port that died: doubled from the first to the last."""


class Binding:
    """Binds ``protocol`` to a port of ``interface``, and tells ``observer`` where."""

    def __init__(
        self,
        context: NodeContext,
        interface: str,
        protocol: DatagramProtocol,
        observer: LinkObserver,
    ) -> None:
        self.interface = interface
        self._reactor = context.reactor
        bounds = context.settings.bounds
        self._limits = PortLimits(
            context.dialect.datagram_limit, bounds.datagrams_per_read, bounds.receive_buffer
        )
        self._faults = context.faults
        self._protocol = protocol
        self._observer = observer
        self._port: IListeningPort | None = None
        self._number = 0
        self._ready: socket.socket | None = None
        self._rebind: IDelayedCall | None = None

    def endpoint(self) -> Endpoint | None:
        """Where the port is bound now, ``None`` if it is not."""
        return _endpoint_of(self._port) if self._port is not None else None

    def listen(self, number: int, ready: socket.socket | None = None) -> int:
        """Bind the port and return its number; :class:`CannotListen` if that cannot be.

        A ``ready`` socket, bound already, is used instead, now and whenever the port has died; it
        stays the caller's.
        """
        self._ready = ready
        self._port = listen(
            self._reactor, self._protocol, Endpoint(self.interface, number), self._limits, ready
        )
        bound = _endpoint_of(self._port)
        self._number = bound.port
        self._observer.bound(bound)
        return bound.port

    def close(self) -> Deferred[object]:
        """Let go of the port."""
        if self._rebind is not None:
            self._rebind.cancel()
            self._rebind = None
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else maybeDeferred(int)

    def revive(self, wait: float = REBIND_FIRST) -> None:
        """The port died unasked: bind it again, later and later until it works."""
        self._port = None
        self._faults.report("port", f"the UDP port {self._number} died; binding it again")
        self._rebind = self._reactor.callLater(wait, self._bind_again, wait)

    def _bind_again(self, waited: float) -> None:
        self._rebind = None
        try:
            self.listen(self._number, self._ready)
        except CannotListen:
            self.revive(min(2 * waited, REBIND_LAST))


def _endpoint_of(port: IListeningPort) -> Endpoint:
    address: Any = port.getHost()
    return Endpoint(address.host, address.port)
