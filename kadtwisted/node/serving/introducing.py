"""Introductions: who asks for a PING of a third node gets it, and nodes behind NATs hear of others.

This node has three parts in it.  As an *introducer* it answers PROBE and PUNCH: it tells a third
node, or the one that is wanted, where the asker has proven that it receives.  As the node that is
told it answers INTRODUCE, and sends the asker one PING.  And it sends a PING later to who asks for
that, to learn how long the mapping of its NAT lasts.

Nobody can name an address of its own choice but an introducer, which must be a verified contact of
ours, and gains no more by it than one that lies in a contact list.  The budgets are in
:mod:`~kadtwisted.rpc.introductions`.  What comes of the PINGs changes no routing table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.dialects.door import BUSY_RETRY_MS, Received
from kadtwisted.errors import InvalidAddress, KadtwistedError, RequestTimedOut
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.generations import Generations
from kadtwisted.model.messages import (
    Error,
    ErrorCode,
    Introduce,
    Introduced,
    Method,
    Probe,
    Probed,
    Punch,
    Punched,
    Purpose,
    ReplyBody,
)
from kadtwisted.model.networks import provider_of, scope_of
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.routing.liveness import Entry
from kadtwisted.rpc.introductions import (
    ASKER_BURST,
    ASKER_SECONDS,
    AT_ONCE,
    INTRODUCER_BURST,
    INTRODUCER_SECONDS,
    LATER,
    LONGEST_AFTER,
    NAMED_BURST,
    NAMED_SECONDS,
    REMEMBERED,
    Book,
    Places,
)

THIRDS = 2
"""So many third nodes are asked before an introducer gives up."""
AGAIN_WITHIN = 5.0
"""Seconds.  MAGIC: an INTRODUCE that comes again so soon is a repeat, and brings no second PING."""

BUSY = Error(ErrorCode.BUSY, "too many introductions", BUSY_RETRY_MS)
NOBODY = Error(ErrorCode.NOT_ACCEPTED, "no third node is known here")
NOT_HERE = Error(ErrorCode.NOT_ACCEPTED, "that node is not known here")
NO_WAY = Error(ErrorCode.NOT_ACCEPTED, "that node does not answer here")
NOT_FROM_YOU = Error(ErrorCode.NOT_ACCEPTED, "this node is not introduced by you")
NOT_THERE = Error(ErrorCode.NOT_ACCEPTED, "nothing is sent there now")
TOO_LATE = Error(ErrorCode.BAD_REQUEST, "at most 300 seconds")

Reply = ReplyBody | Deferred[ReplyBody] | None


class Introducing:
    """The introductions of one node, for one run of it."""

    def __init__(self, context: NodeContext, links: Links) -> None:
        self._links = links
        self._reactor = context.reactor
        self._now = context.world.now
        self._random = context.world.random
        self._identify = context.dialect.identify
        self._public_key = context.public_key
        self._counts = context.counters.counts
        self._faults = context.faults
        self._askers = Book(ASKER_BURST, ASKER_SECONDS)
        self._introducers = Book(INTRODUCER_BURST, INTRODUCER_SECONDS)
        self._named = Book(NAMED_BURST, NAMED_SECONDS)
        # As often as they themselves would listen to us.
        self._targets = Book(INTRODUCER_BURST, INTRODUCER_SECONDS, each_port=True)
        self._under_way: dict[tuple[Endpoint, bytes], None] = {}
        self._room = Places(AT_ONCE, fair=context.open_network)
        self._later: dict[Endpoint, IDelayedCall] = {}
        self._owed = Places(LATER, fair=context.open_network)
        self._told: Generations[tuple[Endpoint, bytes, Endpoint], float] = Generations(REMEMBERED)

    def stop(self) -> None:
        """Send no PING any more that was promised for later."""
        for endpoint, ping in self._later.items():
            ping.cancel()
            self._owed.give_back(endpoint)
        self._later.clear()

    # --- The introducer ----------------------------------------------------------------------

    def probe(self, received: Received) -> Reply:
        """The answer to a PROBE of a proven sender."""
        body: Probe = received.body  # type: ignore[assignment]
        endpoint = Endpoint(*received.endpoint)
        if body.after > LONGEST_AFTER:
            return TOO_LATE
        if (endpoint, b"") in self._under_way:
            return None  # a repeat: the first one will be answered
        if not self._askers.spend(endpoint, self._now()):
            return self._busy()
        link = self._links[endpoint.family]
        if body.after:
            return self._ping_later(link, received.key, endpoint, body.after)
        thirds = self._thirds(link, endpoint)
        third = next(thirds, None)
        if third is None:
            return NOBODY
        if not self._room.take(endpoint):
            return self._busy()
        told = Introduce(received.key, endpoint, Purpose.PROBE)
        return self._begun(endpoint, b"", self._ask_thirds(link, third, thirds, told))

    def punch(self, received: Received) -> Reply:
        """The answer to a PUNCH of a proven sender."""
        body: Punch = received.body  # type: ignore[assignment]
        endpoint = Endpoint(*received.endpoint)
        if (endpoint, body.key) in self._under_way:
            return None
        if not self._askers.spend(endpoint, self._now()):
            return self._busy()
        link = self._links[endpoint.family]
        target = self._target(link, body.key)
        if target is None or target.endpoint == endpoint:
            return NOT_HERE
        if scope_of(target.endpoint.host) != scope_of(endpoint.host):
            return NOT_HERE  # neither would believe us, and a private address is nobody's business
        if not self._targets.spend(target.endpoint, self._now()) or not self._room.take(endpoint):
            return self._busy()
        told = Introduce(received.key, endpoint, Purpose.PATH, body.kind)
        telling = link.tell(target, told, retransmit=False)  # others will tell it, too
        asking: Deferred[ReplyBody] = telling.addCallback(self._punched, target)
        asking.addErrback(self._not_punched, link, target)
        return self._begun(endpoint, body.key, asking)

    def _busy(self) -> Error:
        self._counts["introductions.refused"] += 1
        return BUSY

    def _begun(
        self, endpoint: Endpoint, wanted: bytes, asking: Deferred[ReplyBody]
    ) -> Deferred[ReplyBody]:
        """One more is under way, until this fires; it has a place.  ``wanted`` is the key of the
        node that the asker wants to talk to, if it wants any."""
        self._counts["introductions"] += 1
        self._under_way[endpoint, wanted] = None

        def ended(result: ReplyBody | Failure) -> ReplyBody | Failure:
            del self._under_way[endpoint, wanted]
            self._room.give_back(endpoint)
            return result

        return asking.addBoth(ended)

    def _thirds(self, link: Link, asker: Endpoint) -> Iterator[Contact]:
        """A few good contacts of other networks than the asker's and our own, at random, that may
        know of introductions.  Whoever is drawn from these has paid for being told."""
        taken = {provider_of(asker.host)}
        if link.observed is not None:
            taken.add(provider_of(link.observed.host))
        found, chosen = link.table.entries(), 0
        while found and chosen < THIRDS:
            entry = found.pop(self._random.getrandbits(32) % len(found))
            if self._may_be_third(link, entry, asker, taken):
                chosen += 1
                yield entry.contact

    def _may_be_third(self, link: Link, entry: Entry, asker: Endpoint, taken: set[bytes]) -> bool:
        endpoint = entry.contact.endpoint
        return (
            entry.good
            and scope_of(endpoint.host) == scope_of(asker.host)
            and provider_of(endpoint.host) not in taken
            and link.may_serve(entry.contact, Method.INTRODUCE)
            and self._targets.spend(endpoint, self._now())
        )

    def _ask_thirds(
        self, link: Link, third: Contact, others: Iterator[Contact], told: Introduce
    ) -> Deferred[ReplyBody]:
        """Tell one after the other until one has sent its PING."""

        def refused(failure: Failure) -> ReplyBody | Deferred[ReplyBody]:
            failure.trap(KadtwistedError)
            another = next(others, None)
            return NO_WAY if another is None else self._ask_thirds(link, another, others, told)

        asking = link.ask(third, told, known=True)
        return asking.addCallbacks(lambda _: Probed(third.key), refused)

    def _target(self, link: Link, key: bytes) -> Contact | None:
        """The node that is wanted, where it was heard from lately or is known to be."""
        node_id = self._identify(key)
        endpoint = link.attached.find(key, self._now())
        if endpoint is not None:
            return Contact.at(node_id, endpoint, key)
        entry = link.table.get(node_id)
        return None if entry is None or entry.contact.key != key else entry.contact

    def _punched(self, answer: Answer, target: Contact) -> ReplyBody:
        said: Introduced = answer.reply.body  # type: ignore[assignment]
        return Punched(target.endpoint, said.kind)

    def _not_punched(self, failure: Failure, link: Link, target: Contact) -> ReplyBody:
        failure.trap(KadtwistedError)
        if failure.check(RequestTimedOut):
            link.attached.silent(target.key)
        return NO_WAY

    # --- Who is told -------------------------------------------------------------------------

    def introduce(self, received: Received) -> Reply:
        """The answer to an INTRODUCE of a proven sender: a PING is sent, or it is refused."""
        body: Introduce = received.body  # type: ignore[assignment]
        sender, now = Endpoint(*received.endpoint), self._now()
        link = self._links[sender.family]
        if not self._is_introducer(link, received.key, sender, body.purpose):
            return NOT_FROM_YOU
        told = sender, body.key, body.endpoint
        told_at = self._told.find(told)
        if told_at is not None and now - told_at < AGAIN_WITHIN:
            return Introduced(link.nat_kind)
        if not self._introducers.spend(sender, now):
            return BUSY
        if not self._knock(link, sender, body):
            self._counts["introductions.unsent"] += 1
            return NOT_THERE
        self._told.keep(told, now)
        self._counts["introductions.taken"] += 1
        return Introduced(link.nat_kind)

    def _is_introducer(self, link: Link, key: bytes, sender: Endpoint, purpose: int) -> bool:
        entry = link.table.get(self._identify(key))
        if entry is None or entry.contact.endpoint != sender:
            return False
        if purpose == Purpose.PATH:
            known = link.introducers
            return not entry.tentative if known is None else sender in known
        return purpose == Purpose.PROBE  # in a young network all contacts are tentative

    def _knock(self, link: Link, sender: Endpoint, body: Introduce) -> bool:
        """Send the asker its one PING, if an endpoint on hearsay may be asked now."""
        there = body.endpoint
        if there.family is not link.family or body.key == self._public_key:
            return False
        if not link.reach.believes(scope_of(sender.host), there):
            return False
        try:
            contact = Contact.at(self._identify(body.key), there, body.key)
        except InvalidAddress:
            return False
        # Only those that this node chose itself may have it send more than one a minute.
        chosen = body.purpose == Purpose.PATH and link.introducers is not None
        # A probe must not come through what the asker's NAT has opened for this port.
        aside = body.purpose == Purpose.PROBE
        return self._named.spend(there, self._now()) and link.knock(
            contact, waits=chosen, aside=aside
        )

    # --- PINGs for later ---------------------------------------------------------------------

    def _ping_later(self, link: Link, key: bytes, endpoint: Endpoint, after: int) -> Reply:
        """Promise a PING, one for each endpoint: a newer promise takes the place of an older."""
        earlier = self._later.get(endpoint)
        if earlier is not None:
            earlier.cancel()
        elif not self._owed.take(endpoint):
            return self._busy()
        contact = Contact.at(self._identify(key), endpoint, key)
        ping = partial(self._ping, link, contact)
        self._later[endpoint] = self._reactor.callLater(after, ping)
        return Probed(self._public_key)

    def _ping(self, link: Link, contact: Contact) -> None:
        del self._later[contact.endpoint]
        self._owed.give_back(contact.endpoint)
        link.knock(contact, proven=True)
