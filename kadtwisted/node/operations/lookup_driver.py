"""Drives a pure lookup with real requests: asks whom it names, feeds it what comes back.

A callback object, not a coroutine: many requests are in flight and any may end first.  Cancelling
the driver's Deferred cancels every one of them.  When the lookup is over, those still in flight run
to their end for the routing table's sake; and who of the closest answers late is told by ``late``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import ErrorReply, KadtwistedError, NodeStopped, RequestTimedOut
from kadtwisted.lookup.attempts import UNSENT
from kadtwisted.lookup.disjoint import AnyLookup
from kadtwisted.lookup.latecomers import Latecomers
from kadtwisted.lookup.records import RecordSearch
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import FindNode, Nodes, RequestBody
from kadtwisted.model.networks import scope_of
from kadtwisted.model.observed import NODES, LookupBegan, LookupEnded
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.requests import Answer


class LookupDriver:
    """Runs one lookup over one link; :meth:`run` fires when it is over.

    It asks ``gently`` if nobody waits for it: see :meth:`Link.ask`.
    """

    wanted = NODES
    """What is looked up, in an observer's word."""

    def __init__(
        self,
        context: NodeContext,
        link: Link,
        lookup: AnyLookup | RecordSearch,
        *,
        gently: bool = False,
    ) -> None:
        self.lookup = lookup
        self.pings = 0
        """How many PINGs were sent before requests of the lookup."""
        self.late = Latecomers()
        """Who of the closest may answer, or has answered, since the lookup was over."""
        self._gently = gently
        self._link = link
        self._now = context.world.now
        self._observers = context.observers
        self._own_key = context.public_key
        self._asking: dict[Deferred[None], Contact] = {}
        self._judged: dict[int, dict[bytes, bool]] = {}
        self._changes = link.reach.changes
        self._done: Deferred[None] = Deferred(lambda _: self._abandon())
        self._advancing = False
        self._over = False
        self._number = 0

    def run(self) -> Deferred[None]:
        """Start; fires with ``None`` when the lookup has finished, fails with ``NodeStopped``."""
        self._link.table.looked_up(self.lookup.target, self._now())
        seeds = self._link.table.closest_to_ask(self.lookup.target, self.lookup.seeds)
        self.lookup.add(seeds, self._now())
        self._tell_beginning()
        self._advance()
        return self._done

    def hand_over(self) -> None:
        """Another driver goes on with the lookup, which never hears of the requests of this one
        that are left: they have failed, or they would hold their slots for ever."""
        for contact in list(self._asking.values()):
            self.lookup.failed(contact, self._now())

    def _advance(self) -> None:
        """Ask whom the lookup names, until it names nobody; end when it is finished."""
        if self._advancing or self._over:
            return  # a request that fails at once comes back here: the loop below goes on
        self._advancing = True
        try:
            while not self.lookup.finished and (contacts := self.lookup.next(self._now())):
                for contact in contacts:
                    self._ask(contact)
        except Exception:
            self._finish(Failure())
        finally:
            self._advancing = False
        if self._is_done():
            self._finish(None)

    def _is_done(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.lookup.finished

    def _body(self, contact: Contact) -> RequestBody:
        """What to ask a contact."""
        return FindNode(self.lookup.target)

    def _ask(self, contact: Contact) -> None:
        body = self._body(contact)
        patience = self._link.patience(contact, body)
        self.lookup.asked(contact, self._now(), patience.soft)
        entry = self._link.table.get(contact.node_id)
        known = entry is not None and entry.contact.endpoint == contact.endpoint
        self.pings += self._gently and not known and self._link.would_ping(contact)
        asking = self._link.ask(
            contact,
            body,
            on_soft=self._advance,
            known=known,
            gently=self._gently,
        )
        self._watch(asking, self._take, self._lose, contact)

    def _watch(
        self,
        asking: Deferred[Answer],
        take: Callable[[Answer], None],
        lose: Callable[[Failure, Contact], None],
        contact: Contact,
    ) -> None:
        """Take what comes back; when the lookup is over it is of use to the table, and to those
        whom latecomers concern."""

        def hear(answer: Answer) -> None:
            if not self._over:
                take(answer)
            elif contact in self.late:
                self.late.answered(contact, self._versions(answer))

        watching = asking.addCallback(hear).addErrback(lose, contact)
        if not watching.called:
            self._asking[watching] = contact
            watching.addBoth(self._forget, watching, contact)

    def _forget(self, _: object, watching: Deferred[None], contact: Contact) -> None:
        self._asking.pop(watching, None)
        self.late.settled(contact)
        self._advance()

    def _versions(self, answer: Answer) -> list[bytes]:
        """The versions of the records in a late answer; none, if it is nodes that are looked up."""
        return []

    def _take(self, answer: Answer) -> None:
        """A contact answered: its contacts go to the lookup."""
        body = answer.reply.body
        contacts = body.contacts if isinstance(body, Nodes) else ()
        self.lookup.replied(answer.contact, self._usable(answer.contact, contacts), self._now())

    def _usable(self, giver: Contact, contacts: Sequence[Contact]) -> list[Contact]:
        """Contacts of our family that are not ourselves and may be written to: no martians, and
        nobody where it said that it is not.

        Most replies name the same contacts, so each is judged once for each kind of giver, until we
        learn that our own address is public, or is not.
        """
        link = self._link
        if link.reach.changes != self._changes:
            self._changes = link.reach.changes
            self._judged.clear()
        scope = scope_of(giver.endpoint.host)
        judged = self._judged.setdefault(scope, {})
        usable = []
        for each in contacts:
            good = judged.get(each.packed)
            if good is None:
                good = judged[each.packed] = self._is_good(each, scope)
            if good:
                usable.append(each)
        return (
            [each for each in usable if not link.is_displaced(each)] if link.displaced else usable
        )

    def _is_good(self, contact: Contact, scope: int) -> bool:
        link = self._link
        if contact.family is not link.family or not link.reach.believes(scope, contact.endpoint):
            return False
        if contact.key != self._own_key:
            return True
        link.hint_at_twin(contact.endpoint)
        return False

    def _lose(self, failure: Failure, contact: Contact) -> None:
        if failure.check(NodeStopped):
            self._finish(failure)
        elif failure.check(KadtwistedError, CancelledError):
            if not self._over:
                self.lookup.failed(contact, self._now(), _outcome(failure))
        else:
            self._finish(failure)

    def _finish(self, result: Failure | None) -> None:
        if not self._over:
            self._over = True
            self._tell(completed=result is None)
            if result is None:
                self.late = Latecomers.of(self.lookup, self._asking.values())
            self._done.callback(None) if result is None else self._done.errback(result)

    def _tell_beginning(self) -> None:
        """Observers hear that the lookup begins, and may look at its path meanwhile."""
        if self._observers.callbacks:
            self._number = number = self._observers.next_lookup()
            lookup, now = self.lookup, self._now
            told = LookupBegan(
                self._link.family, lookup.target, self.wanted, number, lambda: lookup.trace(now())
            )
            self._observers.tell(told)

    def _tell(self, *, completed: bool) -> None:
        """Observers hear how the lookup went."""
        if self._observers.callbacks:
            trace = self.lookup.trace(self._now())
            told = LookupEnded(
                self._link.family, self.lookup.target, self.wanted, trace, completed, self._number
            )
            self._observers.tell(told)

    def _abandon(self) -> None:
        """Our caller cancelled: nothing in flight outlives it."""
        self._over = True
        self._tell(completed=False)
        for asking in list(self._asking):
            asking.cancel()


def _outcome(failure: Failure) -> str:
    """What a trace calls this failure."""
    if failure.check(RequestTimedOut):
        return "silent"
    return "refused" if failure.check(ErrorReply) else UNSENT
