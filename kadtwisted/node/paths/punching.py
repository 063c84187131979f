"""Punching: one node behind a NAT is told of us, and we send it a PING where others hear it.

The nodes nearest to the target's ID are asked to introduce us, one after the other.  When one of
them has told the target, the target has sent us a PING, which opens its own NAT for us, and our
PING follows.  A request that comes from the target at another endpoint, as through a symmetric NAT,
is where it is for us: a PING goes there, too.

The word of an introducer is worth one PING.  So one that lies makes us send one short datagram, and
:data:`MOST_PINGS` bounds what all of them can do together.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.dialects.door import Received
from kadtwisted.errors import ErrorReply, InvalidAddress, KadtwistedError, NoPath
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import ErrorCode, Punch, Punched
from kadtwisted.model.networks import scope_of
from kadtwisted.model.results import Path
from kadtwisted.nat.kind import NatKind
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.requests import Answer

STEP = 0.3
"""Seconds after which the next introducer is asked, or at once when the one before has refused.
Each makes the target send one more PING: the first may have come too early for our own NAT.  MAGIC:
longer than most round trips; eight introducers have had their turn within 2.5 s."""
AT_MOST = 6.0
"""Seconds for one attempt.  MAGIC: twice what people wait for gladly; what has not come through by
then hardly ever does."""
MOST_PINGS = 6
"""PINGs in all, wherever they go."""


class Punching:
    """One attempt over one link, through ``introducers``, the nearest first."""

    def __init__(
        self, context: NodeContext, link: Link, key: bytes, introducers: Sequence[Contact]
    ) -> None:
        self._reactor = context.reactor
        self._identify = context.dialect.identify
        self._now = context.world.now
        self._link = link
        self._key = key
        self._introducers = list(introducers)
        self._asked = len(introducers)
        self._theirs: NatKind | None = None
        self._busy = 0
        self._deadline: IDelayedCall | None = None
        self._pings = 0
        self._there: dict[Endpoint, Contact | None] = {}
        self._running: dict[Deferred[None], None] = {}
        self._timer: IDelayedCall | None = None
        self._over = False
        self._done: Deferred[Path] = Deferred(lambda _: self._finish())

    def run(self) -> Deferred[Path]:
        """The path when it is open; fails with :class:`~kadtwisted.errors.NoPath`."""
        self._link.protocol.begin_overhearing(self._heard)
        self._deadline = self._reactor.callLater(AT_MOST, self._too_late)
        self._step()
        return self._done

    # --- Introducers -------------------------------------------------------------------------

    def _step(self) -> None:
        """Ask the next introducer, and the others from time to time."""
        self._timer = None
        self._ask_next()
        if self._introducers:
            self._timer = self._reactor.callLater(STEP, self._step)

    def _ask_next(self) -> None:
        if not self._introducers or self._pings >= MOST_PINGS:
            return
        introducer = self._introducers.pop(0)
        asking = self._link.ask(introducer, Punch(self._key, self._link.nat_kind))
        self._wait_for(asking.addCallback(self._punched, introducer))

    def _punched(self, answer: Answer, introducer: Contact) -> None:
        """The target was told of us, and has sent us its PING."""
        said: Punched = answer.reply.body  # type: ignore[assignment]
        self._theirs = NatKind.of(said.kind)
        if self._link.reach.believes(scope_of(introducer.endpoint.host), said.endpoint):
            self._ping(said.endpoint, introducer)

    # --- The target --------------------------------------------------------------------------

    def _heard(self, received: Received, now: float) -> None:
        """A request came in: if it is the target's, it is there for us."""
        if received.key == self._key:
            endpoint = Endpoint(*received.endpoint)
            if endpoint not in self._there:
                self._ping(endpoint, None)

    def _ping(self, endpoint: Endpoint, introducer: Contact | None) -> None:
        if self._pings >= MOST_PINGS or self._over:
            return
        try:
            contact = Contact.at(self._identify(self._key), endpoint, self._key)
        except InvalidAddress:
            return
        self._pings += 1
        self._there[endpoint] = introducer or self._there.get(endpoint)
        sent = self._now()
        pinging = self._link.ping_once(contact)
        self._wait_for(pinging.addCallback(self._answered, sent))

    def _answered(self, answer: Answer, sent: float) -> None:
        if self._over:
            return
        contact = answer.contact
        introducer = self._there.get(contact.endpoint)
        rtt = answer.round_trip(self._now() - sent)
        self._finish()
        self._done.callback(Path(contact, rtt, introducer))

    # --- The end -----------------------------------------------------------------------------

    def _wait_for(self, asking: Deferred[None]) -> None:
        """One more request is under way; when it ends, the next introducer may be asked."""
        self._running[asking] = None
        asking.addErrback(self._failed).addBoth(self._ended, asking)

    def _failed(self, failure: Failure) -> None:
        """That one refuses or is silent is ordinary."""
        failure.trap(KadtwistedError, CancelledError)
        error = failure.value
        self._busy += isinstance(error, ErrorReply) and error.code == ErrorCode.BUSY

    def _ended(self, fault: Failure | None, asking: Deferred[None]) -> None:
        del self._running[asking]
        if self._over:
            return
        if isinstance(fault, Failure):
            self._finish()
            self._done.errback(fault)
            return
        if not self._running and self._introducers:
            self._ask_next()
        if not self._running:
            self._finish()
            self._done.errback(self._no_path())

    def _too_late(self) -> None:
        self._deadline = None
        self._finish()
        self._done.errback(self._no_path())

    def _finish(self) -> None:
        """Ask nobody any more, and wait for nobody."""
        self._over = True
        self._link.protocol.end_overhearing(self._heard)
        self._introducers.clear()
        for timer in (self._timer, self._deadline):
            if timer is not None:
                timer.cancel()
        self._timer = self._deadline = None
        for each in list(self._running):
            each.cancel()

    def _no_path(self) -> NoPath:
        if self._theirs is None and self._busy:
            return NoPath(
                f"the nodes nearest to that node have too much of this to do ({self._busy} of "
                f"{self._asked}); try again in a few seconds"
            )
        if self._theirs is None:
            return NoPath(
                f"nobody hears from that node, of the nodes nearest to it ({self._asked}): it does "
                "not run, is in another network, or has just started"
            )
        ours, theirs = self._link.nat_kind.words, self._theirs.words
        return NoPath(
            f"no datagram came through: here is {ours}, there {theirs}", ours=ours, theirs=theirs
        )
