"""Keeps the port of a node mapped at its gateway, from the start of the node to its stop.

What is asked when is decided by :class:`~kadtwisted.nat.lease.Lease`; here are the datagrams, the
timer and UPnP's threads.  A gateway that changes, or an address of ours, begins a new lease.

Where a mapping is made only if it is ``needed``, the gateway is not asked before a node at a public
address has answered while our own address towards it is private.  So no gateway hears of a node
that talks to its own machine or site alone.

What a gateway says of the address outside is shown, and believed only as far as others say the
same: see :func:`~kadtwisted.nat.mapping.doubt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.contact import WILDCARDS, Endpoint, Family
from kadtwisted.model.networks import EVERYBODY, MACHINE, scope_of
from kadtwisted.model.status import PortMapping
from kadtwisted.nat import natpmp, pcp
from kadtwisted.nat.lease import Ask, Lease
from kadtwisted.nat.mapping import GATEWAY_PORT, Heard, Protocol, Refused, Wish, doubt
from kadtwisted.node.context import NodeContext
from kadtwisted.node.portmap.gateway import FindGateway, Gateway, find_gateway
from kadtwisted.node.portmap.upnp import Upnp

NEEDED = "needed"
AUTO = (Protocol.PCP, Protocol.NAT_PMP, Protocol.UPNP)
LOOK_EVERY = 30.0
"""MAGIC: seconds between two looks at the routes: one small file."""
END_WAIT = 2.0
"""MAGIC: seconds for which a stop waits for UPnP to remove the mapping; it ends by itself, too."""


class Portmapper:
    """Maps the port of one node; ``wanted`` is a word of ``NodeSettings.portmap``."""

    _log = Logger(namespace="kadtwisted.node")

    def __init__(
        self,
        context: NodeContext,
        find: FindGateway = find_gateway,
        upnp: Upnp | None = None,
    ) -> None:
        self._reactor = context.reactor
        self._now = context.world.now
        self._wanted = context.settings.portmap
        self._secure_random = context.world.secure_random
        self._nonce = b""
        self._find = find
        self._upnp = upnp or Upnp(context.reactor)
        self._bound: Endpoint | None = None
        self._gateway: Gateway | None = None
        self._lease: Lease | None = None
        self._port: _GatewayPort | None = None
        self._timer: Any = None
        self._said = ""
        self._source_of = context.world.source_of
        self._waits = self._wanted == NEEDED
        self._outside: Endpoint | None = None
        self._observers: list[Callable[[], object]] = []
        self._outer: Endpoint | None = None
        self._ending: dict[Deferred[Any], None] = {}

    # --- Life --------------------------------------------------------------------------------

    def start(self, bound: Endpoint | None) -> None:
        """Map the port that is bound here, if that is wanted and others need it to reach us."""
        if self._wanted == "none" or bound is None or bound.family is not Family.IPV4:
            return
        if bound.host not in WILDCARDS and scope_of(bound.host) in (MACHINE, EVERYBODY):
            return
        self._bound = bound
        if not self._waits:
            self._look()

    def watch(self, observer: Callable[[], object]) -> None:
        """Call this whenever there is another mapping, or none any more."""
        self._observers.append(observer)

    def stop(self) -> Deferred[Any]:
        """Remove the mapping; fires soon, whatever the gateway does."""
        self._end_lease()
        self._bound = self._gateway = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        return DeferredList(list(self._ending))

    def look_again(self) -> None:
        """Something has changed that may show that a mapping is needed: our address towards public
        ones is private.  From then on the gateway is asked."""
        if not self._waits or self._bound is None or self._outside is None:
            return
        ours = self._source_of(self._bound, self._outside)
        if ours is not None and scope_of(ours) not in (MACHINE, EVERYBODY):
            self._waits = False
            self._look()

    def moved(self) -> None:
        """This machine is in another network, or in one again, or in none: whatever was mapped, its
        gateway may be another one, though it has the same address."""
        if self._waits:
            self.look_again()
        elif self._bound is not None:
            if self._find() == self._gateway:
                self._lease = self._gateway = None
                self._let_go()
            self._look()

    def answered(self, endpoint: Endpoint) -> None:
        """A node has answered there: a public one shows whether a mapping is needed."""
        if self._waits and scope_of(endpoint.host) == EVERYBODY:
            self._outside = endpoint
            self.look_again()

    @property
    def mapping(self) -> PortMapping | None:
        """How it is doing; ``None`` if no mapping is wanted here."""
        if self._bound is None or self._waits:
            return None
        lease = self._lease
        mapped = lease.mapped if lease is not None else None
        if lease is None or mapped is None:
            return PortMapping("", None, 0.0, self._problem())
        host = mapped.outer_host
        outer = Endpoint(host, mapped.outer_port) if host is not None else None
        return PortMapping(mapped.protocol.value, outer, mapped.until - self._now(), lease.problem)

    def agrees(self, seen: Endpoint | None) -> bool:
        """Whether a mapping stands, and others say that they see us where the gateway says so."""
        mapping = self.mapping
        outer = None if mapping is None else mapping.outer
        return outer is not None and not doubt(outer, seen)

    def shown(self, seen: Endpoint | None) -> PortMapping | None:
        """The mapping, with what others see of it; ``seen`` as in :func:`doubt`."""
        mapping = self.mapping
        if mapping is None or mapping.outer is None or mapping.problem or seen is None:
            return mapping
        return mapping._replace(problem=doubt(mapping.outer, seen))

    def _problem(self) -> str:
        if self._lease is None:
            return "this machine has no default gateway"
        return self._lease.problem

    # --- The work ----------------------------------------------------------------------------

    def _look(self) -> None:
        """See whether the gateway is still the same, and do what is due."""
        assert self._bound is not None
        found = self._find()
        if found is not None and scope_of(found.our_host) in (MACHINE, EVERYBODY):
            found = None  # others reach us without a mapping
        if found != self._gateway:
            self._end_lease()
            self._gateway = found
            if found is not None:
                self._begin_lease(found, self._bound)
        self._work([] if self._lease is None else self._lease.due(self._now()))

    def _begin_lease(self, gateway: Gateway, bound: Endpoint) -> None:
        protocols = AUTO if self._wanted in ("auto", NEEDED) else (Protocol(self._wanted),)
        # One for all: a gateway knows by it that a mapping is ours (RFC 6887, 11.2).
        self._nonce = self._nonce or self._secure_random(pcp.NONCE_BYTES)
        self._lease = Lease(gateway.our_host, bound.port, protocols)
        port = _GatewayPort(gateway, self._heard)
        try:
            port.listen(self._reactor)
        except CannotListenError as error:  # the address has just gone: the next look begins anew
            self._log.debug("cannot ask the gateway: {error}", error=error)
            self._gateway = self._lease = None
            return
        self._port = port

    def _end_lease(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None and self._port is not None:
            for ask in lease.end():
                self._send(ask, self._port)
        self._let_go()

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            self._wait_for(port.close())

    def _work(self, asks: Sequence[Ask]) -> None:
        """Ask, tell what has changed, and come back when something is due."""
        for ask in asks:
            if self._port is not None:
                self._send(ask, self._port)
        self._tell()
        if self._bound is None:
            return
        now = self._now()
        wait = LOOK_EVERY if self._lease is None else self._lease.wakes_at() - now
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._reactor.callLater(min(max(wait, 0.0), LOOK_EVERY), self._look)

    def _send(self, ask: Ask, port: _GatewayPort) -> None:
        protocol, wish = ask
        if protocol is Protocol.UPNP and wish is not None:
            self._ask_upnp(wish)
        elif wish is None:
            port.send(natpmp.address_request())
        elif protocol is Protocol.PCP:
            port.send(pcp.map_request(wish, self._nonce))
        else:
            port.send(natpmp.map_request(wish))

    def _ask_upnp(self, wish: Wish) -> None:
        asking = self._upnp.ask(wish)
        if not wish.lifetime:
            self._wait_for(asking.addTimeout(END_WAIT, self._reactor))
            return
        lease = self._lease

        def hear(answer: Heard) -> None:
            if lease is not None and lease is self._lease:
                self._work(lease.heard(Protocol.UPNP, answer, self._now()))

        def lose(failure: Failure) -> None:
            failure.trap(KadtwistedError)
            hear(Refused(str(failure.value)))

        asking.addCallbacks(hear, lose)

    def _heard(self, datagram: bytes) -> None:
        lease = self._lease
        if lease is None or self._bound is None:
            return
        if lease.asks_by is Protocol.PCP:
            answer = pcp.read(datagram, self._bound.port, self._nonce)
        else:
            answer = natpmp.read(datagram, self._bound.port)
        if answer is not None and lease.asks_by is not None:
            self._work(lease.heard(lease.asks_by, answer, self._now()))

    def _wait_for(self, ending: Deferred[Any]) -> None:
        """A stop waits for this; how it ends is of no matter."""
        ending.addErrback(lambda _: None)
        if not ending.called:
            self._ending[ending] = None
            ending.addBoth(lambda _: self._ending.pop(ending, None))

    def _tell(self) -> None:
        """One line in the log whenever the mapping is another one, and a call to each observer."""
        mapping = self.mapping
        before, self._outer = self._outer, None if mapping is None else mapping.outer
        if self._outer != before:
            for each in self._observers:
                each()
        if mapping is None:
            return
        if mapping.protocol:
            said = f"the gateway maps our UDP port ({mapping.protocol}): {mapping.outer or '?'}"
        elif mapping.problem:
            said = f"no gateway maps our UDP port: {mapping.problem}"
        else:
            return
        if said == self._said or (mapping.protocol and mapping.outer is None):
            return
        self._said = said
        if mapping.protocol or self._wanted in ("auto", NEEDED):
            self._log.info("{said}", said=said)
        else:
            self._log.warn("{said}", said=said)


class _GatewayPort(DatagramProtocol):
    """A UDP port of its own, for the gateway alone."""

    def __init__(self, gateway: Gateway, hear: Callable[[bytes], None]) -> None:
        self._gateway = gateway
        self._hear = hear
        self._port: Any = None

    def listen(self, reactor: Any) -> None:
        """Bind a free port at our address on the gateway's side."""
        self._port = reactor.listenUDP(0, self, interface=self._gateway.our_host)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Only the gateway is heard."""
        if addr[:2] == (self._gateway.host, GATEWAY_PORT):
            self._hear(datagram)

    def connectionRefused(self) -> None:
        """Nothing listens at the gateway; its silence says so, too."""

    def send(self, datagram: bytes) -> None:
        """Send to the gateway; what cannot be sent is as good as lost."""
        if self.transport is None:
            return
        with suppress(OSError):
            self.transport.write(datagram, (self._gateway.host, GATEWAY_PORT))

    def close(self) -> Deferred[Any]:
        """Let go of the port."""
        return maybeDeferred(self._port.stopListening)
