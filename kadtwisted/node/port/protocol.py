"""The DatagramProtocol of one port: it moves the bytes between the network and the door.

What a datagram means, the door says: a request goes to ``handle``, a reply to
:class:`~kadtwisted.node.port.requests.Requests`, and what is dropped is counted by reason.  This is
the one place that writes to the network.  It decides nothing about contacts, records or lookups.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from errno import EACCES, EPERM
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol
from twisted.python.failure import Failure

from kadtwisted.dialects.door import BUSY_RETRY_MS, Drop, Event, IDoor, Matched, Received, Send
from kadtwisted.errors import MalformedDatagram, SendFailed, reason_of
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.messages import Changed, Error, ErrorCode, FindNode, Ping, ReplyBody, Store
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.requests import Requests

NEVER_WAIT = frozenset((Ping, FindNode, Changed))
"""Requests whose answers need no storage."""

BUSY = Error(ErrorCode.BUSY, "busy", BUSY_RETRY_MS)
"""The answer while as many requests wait for the storage as may."""

FORBIDDEN = (EPERM, EACCES)
"""How Linux says that a firewall of this machine, or a route, forbids to send (send(2), ip(7))."""

Handle = Callable[[Received], "ReplyBody | Deferred[ReplyBody] | None"]
"""The answer to a request; ``None`` is silence."""
Hear = Callable[[Received, float], object]
"""Is shown a request, and when it came."""


class KademliaProtocol(DatagramProtocol):
    """One UDP port's share of a node; ``handle`` answers requests.

    Its owner may set callables: ``wrote`` is told to which host each datagram goes, ``dropped``
    from which host one comes that is not answered; ``learn`` is shown each request whose sender may
    be worth knowing, after the answer is on its way; ``on_death`` is called when the port closes
    unasked.  Each of ``overhear`` is shown each request before it is answered.
    """

    noisy = False
    transport: Any

    def __init__(self, context: NodeContext, door: IDoor, handle: Handle) -> None:
        self._now = context.world.now
        self._reactor = context.reactor
        self.door = door
        self._handle = handle
        self.learn: Hear = _nothing
        self.wrote: Callable[[str], object] | None = None
        self.dropped: Callable[[str], object] | None = None
        self.overhear: list[Hear] = []
        self.on_death: Callable[[], object] = _nothing
        self._counters = context.counters
        self._counts = context.counters.counts
        self._faults = context.faults
        self._max_answering = context.settings.bounds.pending_answers
        # Reads are answered while as many writes wait as may.
        self._reads: dict[Deferred[ReplyBody], None] = {}
        self._writes: dict[Deferred[ReplyBody], None] = {}
        self.requests = Requests(context, door, self._write)
        self.running = False

    # --- The port's life ---------------------------------------------------------------------

    def startProtocol(self) -> None:
        """The port is bound."""
        self.running = self.requests.running = True

    def stopProtocol(self) -> None:
        """The port is closed; unasked for, that is a fault, and the port's owner is told."""
        if self.running:
            self._counters.add("port.died")
            self.on_death()

    def shut(self) -> None:
        """Answer nothing more and fail every request in flight with ``NodeStopped``."""
        self.running = False
        self.requests.shut()
        for answering in [*self._reads, *self._writes]:
            answering.cancel()

    # --- Datagrams in ------------------------------------------------------------------------

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Act on one datagram; never raises, whatever the bytes are."""
        if not self.running:
            return
        self._counts["datagrams.in"] += 1
        if not isinstance(addr, Endpoint):
            addr = Endpoint(addr[0], addr[1])
        try:
            now = self._now()
            event = self.door.receive(datagram, addr, now)
            if type(event) is Received:
                request, endpoint, _, _, _, _, introduces, refusal, _ = event
                for hear in self.overhear:
                    hear(event, now)
                method = type(request)
                waiting = self._writes if method is Store else self._reads
                if len(waiting) >= self._max_answering and method not in NEVER_WAIT:
                    # before anything is begun
                    body: ReplyBody | Deferred[ReplyBody] | None = self._turned_away(method, BUSY)
                else:
                    body = self._turned_away(method, refusal) if refusal else self._handle(event)
                if isinstance(body, tuple):
                    self._reply(event, body, endpoint)
                elif body is not None:
                    self._reply_later(event, body, waiting)
                if introduces:
                    self.learn(event, now)
            elif type(event) is Matched:
                self.requests.take(event, now)
            else:
                self._drop_or_send(event, addr)
        except Exception:
            self._counters.dropped("fault")
            self._faults.report("receive", "a datagram could not be handled", Failure())

    def _drop_or_send(self, event: Event, endpoint: Endpoint) -> None:
        """Nothing is to be handled: a datagram is dropped, or another one is sent in its stead."""
        datagram = b""
        if type(event) is Drop:
            self._counters.dropped(event.reason)
            if self.dropped is not None:
                self.dropped(endpoint.host)
            if event.instead:
                self._counts[event.counter] += 1
                datagram = event.instead
        elif type(event) is Send:
            datagram = event.datagram
        if datagram:
            with suppress(SendFailed):
                self._write(datagram, endpoint)

    def begin_overhearing(self, hear: Hear) -> None:
        """Show this each request from now on."""
        self.overhear = [*self.overhear, hear]

    def end_overhearing(self, hear: Hear) -> None:
        """Show it none any more."""
        # A new list: the old one may be gone through at this moment.
        self.overhear = [each for each in self.overhear if each != hear]

    # --- Replies out -------------------------------------------------------------------------

    def _reply_later(
        self,
        received: Received,
        body: Deferred[ReplyBody],
        waiting: dict[Deferred[ReplyBody], None],
    ) -> None:
        """Answer when the Deferred fires; its failure is a fault of ours, told as such."""

        def finish(result: ReplyBody | Failure) -> None:
            waiting.pop(body, None)
            if isinstance(result, Failure):
                if result.check(CancelledError):
                    return
                self._faults.report("handler", "a request could not be answered", result)
                result = Error(ErrorCode.INTERNAL, "internal error")
            if self.running:
                self._reply(received, result, received.endpoint)

        waiting[body] = None
        body.addBoth(finish)

    def _turned_away(self, method: type, error: Error) -> Error:
        """A request is not even looked at; handlers count all others."""
        self._counts[f"turned_away.{method.__name__}"] += 1
        return error

    def _reply(self, received: Received, body: ReplyBody, endpoint: Endpoint) -> None:
        if type(body) is Error:
            self._counts[f"refused.{type(received.body).__name__}"] += 1
        try:
            self._write(self.door.reply(received, body), endpoint)
        except (MalformedDatagram, SendFailed):
            self._counts["replies.unsent"] += 1

    def _write(self, datagram: bytes, endpoint: Endpoint) -> None:
        """The only caller of ``transport.write``; raises :class:`SendFailed`, counted by kind."""
        if self.transport is None:
            self._counts["send.failed"] += 1
            raise SendFailed("the UDP port died and is being bound again")
        if self.wrote is not None:
            self.wrote(endpoint.host)
        try:
            self.transport.write(datagram, endpoint)
        except BlockingIOError:
            self._counts["send.full"] += 1  # the send buffer is full: as good as lost on the way
        except (OSError, MessageLengthError, InvalidAddressError, OverflowError) as error:
            self._counts["send.failed"] += 1
            why = reason_of(error) if isinstance(error, OSError) else error
            forbidden = getattr(error, "errno", None) in FORBIDDEN
            raise SendFailed(f"cannot send to {endpoint}: {why}", forbidden=forbidden) from None
        else:
            self._counts["datagrams.out"] += 1

    def write_aside(self, datagram: bytes, endpoint: Endpoint) -> bool:
        """Send a datagram from a port that nothing else is sent from, and wait for no answer;
        whether it was sent.  An empty one is not."""
        if self.transport is None or not datagram:
            return False
        if self.wrote is not None:
            self.wrote(endpoint.host)
        aside: Any = DatagramProtocol()
        aside.noisy = False
        try:
            port = self._reactor.listenUDP(0, aside, interface=self.transport.getHost().host)
        except CannotListenError:  # no port is free, or the address has gone
            self._counts["send.failed"] += 1
            return False
        try:
            aside.transport.write(datagram, tuple(endpoint))
        except OSError:
            self._counts["send.failed"] += 1
            return False
        finally:
            port.stopListening()
        self._counts["datagrams.out"] += 1
        return True


def _nothing(*_: object) -> None:
    """Nobody is told."""
