"""One address family of a node: its port, protocol, routing table, and where others see us.

Every request of the node goes through :meth:`Link.ask`, which keeps the table honest: who answers
enters it, who is silent is suspected, and whoever the table wants asked before it decides is asked.
A port that closes unasked is bound again with back-off.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.python.failure import Failure

from kadtwisted.errors import (
    CannotListen,
    ErrorReply,
    InvalidAddress,
    KadtwistedError,
    RequestTimedOut,
    SendFailed,
)
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import Ping, RequestBody
from kadtwisted.model.status import BucketStatus, ContactStatus, LinkStatus
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.protocol import Gate, Handle, KademliaProtocol, Received
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.port.udp_port import listen
from kadtwisted.routing.reachable import Reach
from kadtwisted.routing.table import Change, RoutingTable
from kadtwisted.rpc.endpoints import NEVER, Patience
from kadtwisted.rpc.outreach import Outreach
from kadtwisted.upkeep.uplink import Uplink

REBIND_FIRST = 0.1
REBIND_LAST = 2.0
"""Seconds between attempts to bind a port that died: doubled from the first to the last."""

CONSIDER_EVERY = 5.0
"""Seconds between two looks at whether the sender of requests is worth knowing."""
WILDCARDS = ("", "0.0.0.0", "::")
LOOPBACK = MappingProxyType({Family.IPV4: "127.0.0.1", Family.IPV6: "::1"})
"""Where a port that is bound to every address is reached."""

MAX_CONSIDERED = 4096
"""Senders looked at lately that are remembered; then all are forgotten at once."""


class Link:
    """What a node has in one address family."""

    def __init__(
        self,
        context: NodeContext,
        interface: str,
        table: RoutingTable,
        gate: Gate,
        handle: Handle,
    ) -> None:
        settings = context.settings
        self.family = Family.IPV6 if ":" in interface else Family.IPV4
        self.interface = interface
        self.table = table
        self.observed: Endpoint | None = None
        self.reach = Reach(settings.allow)
        self._reactor = context.reactor
        self._now = context.world.now
        self._settings = settings
        self._faults = context.faults
        self._identify = context.dialect.identify
        self._outreach = None if settings.network_secrets else Outreach(settings.bounds.endpoints)
        self._uplink = Uplink(self._now())
        self._on_added: Callable[[Contact], None] = _ignore
        self._on_removed: Callable[[float], None] = _ignore
        self._reaching: dict[Endpoint, _Reaching] = {}
        self._probing: dict[Endpoint, None] = {}
        self._meeting: dict[Endpoint, None] = {}
        self._considered: dict[Endpoint, float] = {}
        self._port: IListeningPort | None = None
        self._port_number = 0
        self._ready: socket.socket | None = None
        self._rebind: IDelayedCall | None = None
        self.protocol = KademliaProtocol(context, gate, handle, self.learn, self.revive)

    def watch(
        self, on_added: Callable[[Contact], None], on_removed: Callable[[float], None]
    ) -> None:
        """Tell of contacts that enter the table, and for how long those were known that leave."""
        self._on_added = on_added
        self._on_removed = on_removed

    # --- The port ----------------------------------------------------------------------------

    def listen(self, port: int, ready: socket.socket | None = None) -> int:
        """Bind the port and return its number; :class:`CannotListen` if that cannot be.

        A ``ready`` socket, bound already, is used instead, now and whenever the port has died; it
        stays the caller's.
        """
        self._ready = ready
        bounds = self._settings.bounds
        self._port = listen(self._reactor, self.protocol, self.interface, port, bounds, ready)
        self._port_number = _bound(self._port).port
        return self._port_number

    def close(self) -> Deferred[object]:
        """Fail what is in flight, then let go of the port."""
        self.protocol.shut()
        if self._rebind is not None:
            self._rebind.cancel()
            self._rebind = None
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else maybeDeferred(int)

    def revive(self, wait: float = REBIND_FIRST) -> None:
        """The port died unasked: bind it again, later and later until it works."""
        self._port = None
        self._faults.report("port", f"the UDP port {self._port_number} died; binding it again")
        self._rebind = self._reactor.callLater(wait, self._bind_again, wait)

    def _bind_again(self, waited: float) -> None:
        self._rebind = None
        try:
            self.listen(self._port_number, self._ready)
        except CannotListen:
            self.revive(min(2 * waited, REBIND_LAST))

    # --- Asking ------------------------------------------------------------------------------

    def ask(
        self,
        contact: Contact,
        body: RequestBody,
        *,
        on_soft: Callable[[], None] | None = None,
        known: bool = False,
    ) -> Deferred[Answer]:
        """Ask a contact and let the table know how it went.

        An endpoint that never answered and is not ``known`` (from our table, or given by a user)
        is asked once, without retransmission, and not again for a minute: then this fails with
        ``SendFailed`` at once.  While that one request is under way, others wait for its end.
        Otherwise this fails as the protocol's ``request`` does.
        """
        endpoint = contact.endpoint
        if self._outreach is None or known or self._has_answered(endpoint):
            return self._request(contact, body, on_soft, retransmit=True)
        reaching = self._reaching.get(endpoint)
        if reaching is not None:
            waiting = reaching.wait(on_soft)
            return waiting.addCallback(lambda _: self.ask(contact, body, on_soft=on_soft))
        if not self._outreach.may_ask(endpoint, self._now()):
            return fail(SendFailed(f"{endpoint} never answered, and was asked just now"))
        reaching = self._reaching[endpoint] = _Reaching(on_soft)
        asking = self._request(contact, body, reaching.on_soft, retransmit=False)
        return asking.addBoth(self._reached, endpoint)

    def _reached(self, result: Answer | Failure, endpoint: Endpoint) -> Answer | Failure:
        self._reaching.pop(endpoint).end()
        return result

    def _request(
        self,
        contact: Contact,
        body: RequestBody,
        on_soft: Callable[[], None] | None,
        retransmit: bool,
    ) -> Deferred[Answer]:
        asking = self.protocol.requests.request(
            contact, body, retransmit=retransmit, on_soft=on_soft
        )
        return asking.addCallbacks(self._answered, self._failed, errbackArgs=(contact, self._now()))

    def patience(self, contact: Contact, body: RequestBody) -> Patience:
        """How long a request of this kind to this contact is waited for."""
        return self.protocol.requests.patience(contact.endpoint, body)

    def hello(self, endpoint: Endpoint, pinned: bytes | None) -> Deferred[Answer]:
        """Ask an endpoint that a user gave us who it is."""
        return self.protocol.requests.hello(endpoint, pinned).addCallback(self._answered)

    def reach_itself(self, node_id: NodeID, key: bytes) -> Deferred[Answer]:
        """Send a PING to our own port, through its socket; fails as a request does.

        What comes of it says nothing about anybody else, and changes nothing.
        """
        if self._port is None:
            return fail(SendFailed("the UDP port is closed"))
        bound = _bound(self._port)
        host = LOOPBACK[self.family] if bound.host in WILDCARDS else bound.host
        ourselves = Contact.at(node_id, Endpoint(host, bound.port), key)
        return self.protocol.requests.request(ourselves, Ping(), measured=False)

    def _has_answered(self, endpoint: Endpoint) -> bool:
        record = self.protocol.requests.endpoints.get(endpoint)
        return record is not None and record.last_heard > NEVER

    def _may_reach_out(self, endpoint: Endpoint) -> bool:
        return self._outreach is None or self._outreach.may_ask(endpoint, self._now())

    def _proven(self, answer: Answer) -> None:
        """Somebody is there, and saw us somewhere."""
        self._uplink.heard(self._now())
        if self._outreach is not None:
            self._outreach.answered(answer.contact.endpoint)
        if answer.reply.observed is not None:
            self.observed = answer.reply.observed
            self._seen(answer.contact.endpoint, answer.reply.observed)

    def _seen(self, by: Endpoint, own: Endpoint) -> None:
        """If our address turns out to be public, martians leave the table, of no use to others.

        A lonely node starts anew: whoever answers it is welcome until the world is seen again.
        """
        if not len(self.table):
            self.reach.own = None
        if self.reach.seen(by, own):
            admits = self.reach.admits
            self._changed(self.table.forget(lambda each: not admits(each.endpoint)))

    def _answered(self, answer: Answer) -> Answer:
        self._proven(answer)
        self._admit(answer.contact)
        return answer

    def _admit(self, contact: Contact) -> None:
        """A contact answered: it may enter the table, unless it is a martian."""
        if self.reach.admits(contact.endpoint):
            self._changed(self.table.answered(contact, self._now()))

    def _failed(self, failure: Failure, contact: Contact, asked_at: float) -> Failure:
        """Silence is charged to the contact while others are heard; an error is an answer too."""
        now = self._now()
        if failure.check(ErrorReply):
            self._uplink.heard(now)
            self._admit(contact)
        elif failure.check(RequestTimedOut) and self._uplink.failed(contact.endpoint, asked_at):
            entry = self.table.get(contact.node_id)
            change = self.table.failed(contact.node_id, contact.endpoint, now)
            if entry is not None and change.removed and not entry.tentative:
                self._on_removed(entry.last_seen - entry.first_seen)
            self._changed(change)
        return failure

    def _changed(self, change: Change) -> None:
        """Act on what changed in the table."""
        for contact in change.added:
            self._on_added(contact)
        if change.ping is not None:
            self._probe(change.ping)

    def _probe(self, contact: Contact) -> None:
        """Ping a contact so that the table can decide; what comes of it, :meth:`ask` tells it."""
        endpoint = contact.endpoint
        if endpoint not in self._probing and self._has_room(self._probing):
            self._probing[endpoint] = None
            asking = self.ask(contact, Ping(), known=True)
            asking.addBoth(self._probed, endpoint, self._probing)

    def _has_room(self, probes: dict[Endpoint, None]) -> bool:
        return len(probes) < self._settings.bounds.concurrent_verifications

    def _probed(self, result: object, endpoint: Endpoint, probes: dict[Endpoint, None]) -> None:
        probes.pop(endpoint, None)
        if isinstance(result, Failure) and not result.check(KadtwistedError, CancelledError):
            self._faults.report("probe", "a contact could not be probed", result)

    # --- Being asked -------------------------------------------------------------------------

    def learn(self, received: Received) -> None:
        """A request came in: its sender may be worth knowing.

        Only one that has proven where it receives is pinged, and only if the table has room; if it
        answers, it enters as tentative.
        """
        endpoint = received.endpoint
        now = self._now()
        if now - self._considered.get(endpoint, NEVER) < CONSIDER_EVERY:
            return
        if len(self._considered) >= MAX_CONSIDERED:
            self._considered.clear()
        self._considered[endpoint] = now
        if received.proven and not received.read_only and not self._settings.read_only:
            self._consider(received, now)

    def _consider(self, received: Received, now: float) -> None:
        endpoint = received.endpoint
        if not self.reach.admits(endpoint):
            return
        node_id = self._identify(received.key)
        self.table.heard(node_id, endpoint, now)
        if not self.table.wants(node_id, endpoint) or not self._has_room(self._meeting):
            return
        try:
            contact = Contact.at(node_id, endpoint, received.key)
        except InvalidAddress:
            return  # a scoped address means something on this machine only
        if endpoint in self._meeting or not self._may_reach_out(endpoint):
            return
        self._meeting[endpoint] = None
        asking = self.protocol.requests.request(contact, Ping(), retransmit=False)
        asking.addCallback(self._introduced).addBoth(self._probed, endpoint, self._meeting)

    def _introduced(self, answer: Answer) -> None:
        self._proven(answer)
        if self.reach.admits(answer.contact.endpoint):
            self._changed(self.table.introduced(answer.contact, self._now()))

    # --- Upkeep's questions --------------------------------------------------------------------

    def is_down(self) -> bool:
        """Whether everything says that our own uplink in this family is down."""
        return self._port is None or self._uplink.is_down(len(self.table), self._now())

    def has_heard(self) -> bool:
        """Whether anybody was ever heard."""
        return self._uplink.ever_heard

    def unheard_since(self, moment: float) -> list[Contact]:
        """The verified contacts last heard of before ``moment``, the longest unheard first."""
        entries = [
            entry
            for view in self.table.buckets()
            for entry in view.entries
            if not entry.tentative and entry.last_seen < moment
        ]
        return [entry.contact for entry in sorted(entries, key=lambda each: each.last_seen)]

    def contact_ages(self) -> list[float]:
        """How long each verified contact has been known, in seconds."""
        now = self._now()
        buckets = self.table.buckets()
        return [now - e.first_seen for view in buckets for e in view.entries if not e.tentative]

    # --- Being looked at ---------------------------------------------------------------------

    def status(self) -> LinkStatus:
        """A picture of this family now."""
        entries = [e for bucket in self.table.buckets() for e in bucket.entries]
        tentative = sum(entry.tentative for entry in entries)
        return LinkStatus(
            self.family,
            _bound(self._port) if self._port is not None else None,
            self.observed,
            len(entries) - tentative,
            tentative,
            len(self.protocol.requests.transactions),
        )

    def bucket_statuses(self) -> list[BucketStatus]:
        """A picture of the routing table now."""
        now = self._now()
        return [
            BucketStatus(
                self.family,
                view.prefix,
                view.length,
                tuple(self._contact_status(entry, now) for entry in view.entries),
                view.replacements,
                now - view.last_lookup if view.last_lookup > NEVER else None,
            )
            for view in self.table.buckets()
        ]

    def _contact_status(self, entry: Any, now: float) -> ContactStatus:
        known = self.protocol.requests.endpoints.get(entry.contact.endpoint)
        state = "tentative" if entry.tentative else "suspect" if entry.suspect else "verified"
        return ContactStatus(
            entry.contact.node_id,
            entry.contact.endpoint,
            state,
            now - entry.first_seen,
            now - entry.last_seen,
            known.srtt if known is not None else None,
            entry.failures,
        )


class _Reaching:
    """The one request under way to an endpoint that never answered, and who waits for its end."""

    def __init__(self, on_soft: Callable[[], None] | None) -> None:
        self._on_soft = [on_soft] if on_soft is not None else []
        self._waiting: dict[Deferred[None], None] = {}

    def wait(self, on_soft: Callable[[], None] | None) -> Deferred[None]:
        """Fires when the request has ended, whatever came of it."""
        waiting: Deferred[None] = Deferred(lambda gone: self._waiting.pop(gone, None))
        self._waiting[waiting] = None
        if on_soft is not None:
            self._on_soft.append(on_soft)
        return waiting

    def on_soft(self) -> None:
        """Everybody's patience ends with that of the first."""
        for each in self._on_soft:
            each()

    def end(self) -> None:
        """The request has ended."""
        for waiting in list(self._waiting):
            if not waiting.called:
                waiting.callback(None)


def _ignore(_: object) -> None:
    """Nobody watches."""


def _bound(port: IListeningPort) -> Endpoint:
    """Where a port is bound."""
    address: Any = port.getHost()
    return Endpoint(address.host, address.port)
