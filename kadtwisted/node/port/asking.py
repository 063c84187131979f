"""Asking contacts, in a way that keeps the routing table honest.

Who answers enters the table, who is silent is suspected, and whoever the table wants asked before
it decides is asked.  An endpoint that never answered, and is only known from a contact list, gets
one request at a time: a hostile list must not aim this node at a victim.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from kadtwisted.errors import ErrorReply, KadtwistedError, RequestTimedOut, SendFailed
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Ping, Pong, RequestBody
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.observer import LinkObserver
from kadtwisted.node.port.requests import Answer, Requests
from kadtwisted.routing.reachable import Reach
from kadtwisted.routing.table import Change, RoutingTable
from kadtwisted.rpc.first_contact import FirstContact
from kadtwisted.upkeep.uplink import Uplink


class Asking:
    """The requests of one link, and what they teach about its contacts and itself."""

    def __init__(
        self,
        context: NodeContext,
        table: RoutingTable,
        requests: Requests,
        observer: LinkObserver,
        interface: str = "0.0.0.0",
    ) -> None:
        settings = context.settings
        self.table = table
        self.reach = Reach(settings.allow, interface)
        self.told: Endpoint | None = None
        self._now = context.world.now
        self.uplink = Uplink(self._now())
        self._requests = requests
        self._observer = observer
        self._faults = context.faults
        self._clock = context.clock
        self._most_probes = settings.bounds.concurrent_verifications
        self._first_contact = (
            FirstContact(settings.bounds.endpoints) if context.open_network else None
        )
        self._first_requests: dict[Endpoint, _FirstRequest] = {}
        self._probing: dict[Endpoint, None] = {}

    # --- Asking ------------------------------------------------------------------------------

    def ask(
        self,
        contact: Contact,
        body: RequestBody,
        *,
        on_soft: Callable[[], None] | None = None,
        known: bool = False,
    ) -> Deferred[Answer]:
        """Ask a contact and let the table know how it went; see :meth:`Link.ask`."""
        endpoint = contact.endpoint
        if self._first_contact is None or known or self._requests.has_answered(endpoint):
            return self._request(contact, body, on_soft, retransmit=True)
        first = self._first_requests.get(endpoint)
        if first is not None:
            waiting = first.wait(on_soft)
            return waiting.addCallback(lambda _: self.ask(contact, body, on_soft=on_soft))
        if not self._first_contact.may_ask(endpoint, self._now()):
            return fail(SendFailed(f"{endpoint} never answered, and was asked just now"))
        first = self._first_requests[endpoint] = _FirstRequest(on_soft)
        asking = self._request(contact, body, first.on_soft, retransmit=False)
        return asking.addBoth(self._first_ended, endpoint)

    def _first_ended(self, result: Answer | Failure, endpoint: Endpoint) -> Answer | Failure:
        self._first_requests.pop(endpoint).end()
        return result

    def _request(
        self,
        contact: Contact,
        body: RequestBody,
        on_soft: Callable[[], None] | None,
        retransmit: bool,
    ) -> Deferred[Answer]:
        asking = self._requests.request(contact, body, retransmit=retransmit, on_soft=on_soft)
        return asking.addCallbacks(self._answered, self._failed, errbackArgs=(contact, self._now()))

    def greet(self, endpoint: Endpoint, pinned: bytes | None) -> Deferred[Answer]:
        """Ask an endpoint that a user gave us who it is."""
        return self._requests.greet(endpoint, pinned).addCallback(self._answered)

    def may_meet(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint that asked us, and that we never asked, may be asked now."""
        return self._first_contact is None or self._first_contact.may_ask(endpoint, self._now())

    def meet(self, contact: Contact) -> Deferred[None]:
        """Ask the sender of a request once whether it is there: if so, it enters the table as
        tentative."""
        asking = self._requests.request(contact, Ping(), retransmit=False)
        return asking.addCallback(self._introduced)

    # --- What comes of it --------------------------------------------------------------------

    def _heard(self, answer: Answer) -> None:
        """Somebody is there, and saw us somewhere."""
        self.uplink.heard(self._now())
        if self._first_contact is not None:
            self._first_contact.answered(answer.contact.endpoint)
        if answer.reply.observed is not None:
            self._seen(answer.contact.endpoint, answer.reply.observed)

    def _seen(self, by: Endpoint, own: Endpoint) -> None:
        """If our address turns out to be public, martians are not passed on: no use to others.

        A lonely node starts anew: whoever answers it is welcome until enough others are heard.
        """
        self.told = own
        reach = self.reach
        changes = reach.changes
        if not len(self.table):
            reach.start_anew()
        if reach.seen(by, own, self._now()) and reach.own is not None:
            self._observer.observed(reach.own)
        if reach.changes != changes:
            self.changed(self.table.withhold(lambda each: not reach.admits(each.endpoint)))

    def _answered(self, answer: Answer) -> Answer:
        self._heard(answer)
        body = answer.reply.body
        if isinstance(body, Pong) and answer.rtt is not None:
            self._clock.heard(answer.contact.endpoint, body.unix_time, answer.rtt)
        self._admit(answer.contact)
        return answer

    def _admit(self, contact: Contact) -> None:
        """A contact answered: it may enter the table, unless it is a martian."""
        if self.reach.admits(contact.endpoint):
            self.changed(self.table.answered(contact, self._now()))

    def _introduced(self, answer: Answer) -> None:
        self._heard(answer)
        if self.reach.admits(answer.contact.endpoint):
            self.changed(self.table.introduced(answer.contact, self._now()))

    def _failed(self, failure: Failure, contact: Contact, asked_at: float) -> Failure:
        """Silence is charged to the contact while others are heard; an error is an answer too."""
        now = self._now()
        if failure.check(ErrorReply):
            self.uplink.heard(now)
            self._admit(contact)
        elif failure.check(RequestTimedOut) and self.uplink.failed(contact.endpoint, asked_at):
            entry = self.table.get(contact.node_id)
            change = self.table.failed(contact.node_id, contact.endpoint, now)
            gone = change.removed and contact.node_id not in self.table
            if entry is not None and gone and not entry.tentative:
                self._observer.removed(entry.contact, entry.last_seen - entry.first_seen)
            self.changed(change)
        return failure

    def changed(self, change: Change) -> None:
        """Act on what changed in the table."""
        for contact in change.added:
            self._observer.added(contact)
        if change.ping is not None:
            self._probe(change.ping)

    def _probe(self, contact: Contact) -> None:
        """Ping a contact so that the table can decide; :meth:`ask` tells it what comes of it."""
        endpoint = contact.endpoint
        if endpoint not in self._probing and self.has_room(self._probing):
            self._probing[endpoint] = None
            asking = self.ask(contact, Ping(), known=True)
            asking.addBoth(self.probed, endpoint, self._probing)

    def has_room(self, probes: dict[Endpoint, None]) -> bool:
        """Whether one more contact may be probed at the same time."""
        return len(probes) < self._most_probes

    def probed(self, result: object, endpoint: Endpoint, probes: dict[Endpoint, None]) -> None:
        """A probe has ended; that nobody answered is ordinary."""
        probes.pop(endpoint, None)
        if isinstance(result, Failure) and not result.check(KadtwistedError, CancelledError):
            self._faults.report("probe", "a contact could not be probed", result)


class _FirstRequest:
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
