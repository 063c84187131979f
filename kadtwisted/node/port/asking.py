"""Asking contacts, in a way that keeps the routing table honest.

Who answers enters the table, who is silent is suspected, and whoever the table wants asked before
it decides is asked.  An endpoint that never answered, and is only known from a contact list, gets
one request at a time: a hostile list must not aim this node at a victim.

Whoever says in a PONG that it is at another address than the one at which it was asked is no
contact here (:mod:`~kadtwisted.routing.displaced`).  It is pinged once where it says that it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.python.failure import Failure

from kadtwisted.errors import (
    ErrorReply,
    KadtwistedError,
    OwnKeyAnswered,
    RequestTimedOut,
    SendFailed,
    WrongReply,
)
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import METHODS, ErrorCode, Ping, Pong, RequestBody
from kadtwisted.model.networks import scope_of
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.answers import says_elsewhere, says_read_only
from kadtwisted.node.port.first_request import FirstRequest
from kadtwisted.node.port.observer import LinkObserver
from kadtwisted.node.port.requests import Answer, Requests
from kadtwisted.routing.changes import Change
from kadtwisted.routing.displaced import Displaced
from kadtwisted.routing.reachable import Reach
from kadtwisted.routing.table import RoutingTable
from kadtwisted.rpc.first_contact import FirstContact
from kadtwisted.rpc.served import Of, Served
from kadtwisted.upkeep.twins import Twins
from kadtwisted.upkeep.uplink import Uplink

Aside = Callable[[bytes, Endpoint], bool]
"""Sends a datagram from another port than ours; whether it was sent."""


class Asking:
    """The requests of one link, and what they teach about its contacts and itself."""

    def __init__(
        self,
        context: NodeContext,
        table: RoutingTable,
        requests: Requests,
        observer: LinkObserver,
        reach: Reach,
    ) -> None:
        settings = context.settings
        self.table = table
        self.reach = reach
        self.displaced = Displaced()
        self.told: Endpoint | None = None
        self.served = Served(settings.bounds.endpoints)
        self._now = context.world.now
        self.uplink = Uplink(self._now())
        self.twins = Twins()
        self._public_key = context.public_key
        self._requests = requests
        self._observer = observer
        self._faults = context.faults
        self._clock = context.clock
        self._most_probes = settings.bounds.concurrent_verifications
        self._first_contact = (
            FirstContact(settings.bounds.endpoints) if context.open_network else None
        )
        self._first_requests: dict[Endpoint, FirstRequest] = {}
        self._probing: dict[Endpoint, None] = {}

    # --- Asking ------------------------------------------------------------------------------

    def ask(
        self,
        contact: Contact,
        body: RequestBody,
        *,
        on_soft: Callable[[], None] | None = None,
        known: bool = False,
        gently: bool = False,
    ) -> Deferred[Answer]:
        """Ask a contact and let the table know how it went; see :meth:`Link.ask`."""
        endpoint = contact.endpoint
        if self._first_contact is None or known or self._requests.has_answered(contact):
            return self._request(contact, body, on_soft, retransmit=True)
        first = self._first_requests.get(endpoint)
        if first is not None:
            waiting = first.wait(on_soft)
            again = partial(self.ask, contact, body, on_soft=on_soft, gently=gently)
            return waiting.addCallback(lambda _: again())
        if not self._first_contact.may_ask(endpoint, self._now()):
            return fail(SendFailed(f"{endpoint} never answered; it, or others near it, were asked"))
        first = self._first_requests[endpoint] = FirstRequest(on_soft)
        asking = self._request(contact, Ping() if gently else body, first.on_soft, retransmit=False)
        asking.addBoth(self._first_ended, endpoint)
        if gently and type(body) is not Ping:
            asking.addCallback(lambda _: self.ask(contact, body, on_soft=on_soft))
        return asking

    def would_ping(self, contact: Contact) -> bool:
        """Whether a contact that is not known would be sent a PING first, if it is asked gently."""
        endpoint = contact.endpoint
        return (
            self._first_contact is not None
            and endpoint not in self._first_requests
            and not self._requests.has_answered(contact)
        )

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
        asked = contact, self._now(), type(body)
        return asking.addCallbacks(self._answered, self._failed, errbackArgs=asked)

    def greet(self, endpoint: Endpoint, pinned: bytes | None) -> Deferred[Answer]:
        """Ask an endpoint that a user gave us who it is.

        A node that says that it is elsewhere, or in no table, serves as a way into the network all
        the same, until it has been asked there, or once more.
        """

        def answered(answer: Answer) -> Answer:
            if says_elsewhere(answer) and self.reach.admits(answer.contact.endpoint):
                self.changed(self.table.answered(answer.contact, self._now(), by_pong=False))
            return self._answered(answer, welcome=True)

        asking = self._requests.greet(endpoint, pinned)
        return asking.addCallbacks(answered, self._not_greeted, errbackArgs=(endpoint,))

    # --- Our own key -------------------------------------------------------------------------

    def look_for_twin(self) -> Deferred[object] | None:
        """Ask where another node may live under our key, if that is due."""
        endpoint = self.twins.due(self._now())
        if endpoint is None:
            return None
        return self.greet(endpoint, self._public_key).addErrback(lambda _: None)

    def _not_greeted(self, failure: Failure, endpoint: Endpoint) -> Failure:
        """Nobody is there, or somebody under our own key: we ourselves, or a twin."""
        found, now = failure.value, self._now()
        if isinstance(found, OwnKeyAnswered) and not found.ourselves:
            self.twins.answered(endpoint, now)
        elif not failure.check(CancelledError):
            self.twins.not_there(endpoint, now, ourselves=isinstance(found, OwnKeyAnswered))
        self._unanswered(failure, endpoint)
        return failure

    def may_meet(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint that asked us, and that we never asked, may be asked now."""
        return self._first_contact is None or self._first_contact.may_meet(endpoint, self._now())

    def meet(self, contact: Contact) -> Deferred[None]:
        """Ask the sender of a request once whether it is there: if so, it enters the table as
        tentative."""
        asking = self._requests.request(contact, Ping(), retransmit=False)
        return asking.addCallback(self._introduced)

    def knock(self, contact: Contact, aside: Aside | None, *, proven: bool, waits: bool) -> bool:
        """Send one PING to somebody who is said to have asked for it; see :meth:`Link.knock`."""
        endpoint = contact.endpoint
        if not (proven or self._may_write(contact, waits=waits)):
            return False
        if aside is not None:
            return aside(self._requests.unawaited(contact, Ping()), endpoint)
        knocking = self._requests.request(contact, Ping(), retransmit=False, measured=False)
        sent = not knocking.called
        knocking.addCallbacks(self._proven, self._unheard)
        return sent

    def ping_once(self, contact: Contact) -> Deferred[Answer]:
        """Send one PING to where an introducer says that a node waits for it; that changes no
        table.  Fails with ``SendFailed`` if the limits of hearsay forbid it, or as a request."""
        if not self._may_write(contact, waits=True):
            return fail(SendFailed(f"others near {contact.endpoint} were asked"))
        pinging = self._requests.request(contact, Ping(), retransmit=False)
        return pinging.addCallback(self._proven)

    def _may_write(self, contact: Contact, *, waits: bool) -> bool:
        """Whether the limits of hearsay allow a datagram to a contact, or to one that ``waits``."""
        first = self._first_contact
        if first is None or self._requests.has_answered(contact):
            return True
        may = first.may_try if waits else first.may_ask
        return may(contact.endpoint, self._now())

    def _unheard(self, failure: Failure) -> None:
        """That nobody answers is ordinary."""
        failure.trap(KadtwistedError, CancelledError)

    # --- What comes of it --------------------------------------------------------------------

    def _heard(self, answer: Answer) -> None:
        """Somebody is there, and saw us somewhere."""
        self._proven(answer)
        if answer.reply.observed is not None:
            self._seen(answer.contact.endpoint, answer.reply.observed)

    def _proven(self, answer: Answer) -> Answer:
        """Somebody is there."""
        self.uplink.heard(self._now())
        if self._first_contact is not None:
            self._first_contact.answered(answer.contact.endpoint)
        return answer

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
            self._reconsider()

    def _reconsider(self) -> None:
        """Our own address is public, or is not any more: so others may be martians, or not."""
        self.changed(self.table.withhold(lambda each: not self.reach.admits(each.endpoint)))

    def start_anew(self) -> None:
        """This machine is in another network: others have to say anew where they see us."""
        changes = self.reach.changes
        self.told = None
        self.reach.start_anew()
        self.uplink.start_anew()
        if self.reach.changes != changes:
            self._reconsider()

    def _answered(self, answer: Answer, welcome: bool = False) -> Answer:
        if says_elsewhere(answer):
            self._ask_elsewhere(answer)
            return answer
        self._heard(answer)
        body, contact = answer.reply.body, answer.contact
        if isinstance(body, Pong):
            if answer.rtt is not None:
                self._clock.heard(contact.endpoint, body.unix_time, answer.rtt)
            self._placed(contact, body)
        read_only = says_read_only(answer)
        if read_only and not welcome:
            self.withdrew(contact.node_id, contact.endpoint)
        else:
            self._admit(contact, by_pong=isinstance(body, Pong) and not read_only)
        return answer

    def _placed(self, contact: Contact, pong: Pong) -> None:
        """A contact does not say that it is elsewhere; if it says that it is here, it is."""
        self.served.told(contact.key, pong.methods, pong.kinds)
        self.displaced.forget(contact)
        here, own = contact.endpoint, pong.own
        if own is not None and own.host == here.host and self.reach.admits(here):
            self.changed(self.table.placed(contact, self._now(), exactly=own == here))

    def _admit(self, contact: Contact, by_pong: bool = False) -> None:
        """A contact answered: it may enter the table, unless it is a martian, or has said that it
        is not there."""
        now = self._now()
        if self.reach.admits(contact.endpoint) and (
            by_pong or not self.displaced.holds(contact, now)
        ):
            self.changed(self.table.answered(contact, now, by_pong=by_pong))

    def withdrew(self, node_id: NodeID, endpoint: Endpoint) -> None:
        """A node says itself that it belongs in no table."""
        self.changed(self.table.withdrew(node_id, endpoint, self._now()))

    def _introduced(self, answer: Answer) -> None:
        if says_elsewhere(answer):
            self._ask_elsewhere(answer)
        if says_elsewhere(answer) or says_read_only(answer):
            return
        # What it sees of us is no vote: whoever wants to vote often would only have to ask us.
        self._proven(answer)
        if isinstance(answer.reply.body, Pong):
            self._placed(answer.contact, answer.reply.body)
        if self.reach.admits(answer.contact.endpoint):
            self.changed(self.table.introduced(answer.contact, self._now()))

    # --- Who is elsewhere --------------------------------------------------------------------

    def _ask_elsewhere(self, answer: Answer) -> None:
        """A node answered that says that it is at another address: it is no contact here, and what
        it sees of us is no vote for this address.  It is pinged there, if that may change anything.

        Only the holder of the key can say so, but it may be a liar who wants to aim us at somebody:
        so this is as any other request on hearsay, except that no former answer from there makes it
        free, and what comes of it leads nowhere else.
        """
        contact, body, now = answer.contact, answer.reply.body, self._now()
        self._proven(answer)
        self.displaced.note(contact, now)
        self.changed(self.table.displaced(contact.node_id, contact.endpoint, now))
        own = body.own if isinstance(body, Pong) else None
        if own is not None and self._may_ask_elsewhere(contact, own, now):
            there = Contact.at(contact.node_id, own, contact.key)
            self._probing[own] = None
            asking = self._requests.request(there, Ping(), retransmit=False)
            asking.addCallback(self._found_elsewhere).addBoth(self.probed, own, self._probing)

    def _may_ask_elsewhere(self, contact: Contact, own: Endpoint, now: float) -> bool:
        entry = self.table.get(contact.node_id)
        if entry is None:
            wanted = self.table.wants(contact.node_id, own)
        else:
            wanted = entry.contact.endpoint != own
        return (
            wanted
            and self.reach.believes(scope_of(contact.endpoint.host), own)
            and own not in self._probing
            and self.has_room(self._probing)
            and (self._first_contact is None or self._first_contact.may_ask(own, now))
        )

    def _found_elsewhere(self, answer: Answer) -> None:
        if not says_elsewhere(answer):
            self._answered(answer)

    # --- Who is silent -----------------------------------------------------------------------

    def _failed(
        self, failure: Failure, contact: Contact, asked_at: float, asked: type[RequestBody]
    ) -> Failure:
        """Silence is charged to the contact while others are heard; an error is an answer too."""
        now, error = self._now(), failure.value
        if isinstance(error, WrongReply | ErrorReply):
            self.uplink.heard(now)
        if isinstance(error, ErrorReply):
            self._admit(contact)
            if error.code == ErrorCode.UNKNOWN_METHOD:
                self.served.refused(contact.key, Of.METHODS, METHODS[asked], now)
        self._unanswered(failure, contact.endpoint)
        if failure.check(RequestTimedOut) and self.uplink.failed(contact.endpoint, asked_at):
            entry = self.table.get(contact.node_id)
            pinged = asked is Ping
            change = self.table.failed(contact.node_id, contact.endpoint, now, ping=pinged)
            gone = change.removed and contact.node_id not in self.table
            if entry is not None and gone and entry.had_session:
                self._observer.removed(entry.contact, entry.last_seen - entry.first_seen)
            self.changed(change)
        return failure

    def _unanswered(self, failure: Failure, endpoint: Endpoint) -> None:
        """It may be that nothing gets through: silence, or this machine's own firewall."""
        error = failure.value
        if isinstance(error, RequestTimedOut) or (
            isinstance(error, SendFailed) and error.forbidden
        ):
            self.uplink.unanswered(endpoint, self._now())

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
