"""Drives a pure lookup with real requests: asks whom it names, feeds it what comes back.

A callback object, not a coroutine: many requests are in flight and any may end first.  Cancelling
the driver's Deferred cancels every one of them.  When the lookup is over, those still in flight run
to their end for the routing table's sake; nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import (
    ClockSkew,
    ErrorReply,
    InvalidRecord,
    KadtwistedError,
    NodeStopped,
    RequestTimedOut,
)
from kadtwisted.lookup.disjoint import AnyLookup, AnyValueLookup
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import FindNode, FindValue, Nodes, Records, RequestBody, StoredItem
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.requests import Answer
from kadtwisted.records.kinds import RecordKind


class LookupDriver:
    """Runs one lookup over one link; :meth:`run` fires with the lookup when it is over."""

    def __init__(self, context: NodeContext, link: Link, lookup: AnyLookup) -> None:
        self.lookup = lookup
        self._link = link
        self._now = context.world.now
        self._own_key = context.public_key
        self._asking: dict[Deferred[None], None] = {}
        self._judged: dict[bytes, bool] = {}
        self._seen_at = link.reach.own
        self._done: Deferred[None] = Deferred(lambda _: self._abandon())
        self._advancing = False
        self._over = False

    def run(self) -> Deferred[None]:
        """Start; fires with ``None`` when the lookup has finished, fails with ``NodeStopped``."""
        self._link.table.looked_up(self.lookup.target, self._now())
        seeds = self._link.table.closest(self.lookup.target, self.lookup.seeds)
        self.lookup.add(seeds, self._now())
        self._advance()
        return self._done

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
        if self.lookup.finished:
            self._finish(None)

    def _body(self, contact: Contact) -> RequestBody:
        """What to ask a contact."""
        return FindNode(self.lookup.target)

    def _ask(self, contact: Contact) -> None:
        body = self._body(contact)
        patience = self._link.patience(contact, body)
        self.lookup.asked(contact, self._now(), patience.soft)
        known = self._link.table.get(contact.node_id)
        asking = self._link.ask(
            contact,
            body,
            on_soft=self._advance,
            known=known is not None and known.contact.endpoint == contact.endpoint,
        )
        watching = asking.addCallback(self._hear).addErrback(self._lose, contact)
        if not watching.called:
            self._asking[watching] = None
            watching.addBoth(self._forget, watching)

    def _forget(self, _: object, watching: Deferred[None]) -> None:
        self._asking.pop(watching, None)
        self._advance()

    def _hear(self, answer: Answer) -> None:
        """A contact answered; once the lookup is over, that was of use to the table only."""
        if not self._over:
            self._take(answer)

    def _take(self, answer: Answer) -> None:
        """A contact answered: its contacts go to the lookup."""
        body = answer.reply.body
        contacts = body.contacts if isinstance(body, Nodes) else ()
        self.lookup.replied(answer.contact, self._usable(contacts), self._now())

    def _usable(self, contacts: Sequence[Contact]) -> list[Contact]:
        """Contacts of our family that are not ourselves and may be written to: no martians.

        Most replies name the same contacts, so each endpoint is judged once, until we learn of
        another address of our own.
        """
        own, link = self._own_key, self._link
        if link.reach.own is not self._seen_at:
            self._seen_at = link.reach.own
            self._judged.clear()
        judged = self._judged
        usable = []
        for each in contacts:
            good = judged.get(each.compact)
            if good is None:
                good = each.family is link.family and link.reach.admits(each.endpoint)
                judged[each.compact] = good
            if good and each.key != own:
                usable.append(each)
        return usable

    def _lose(self, failure: Failure, contact: Contact) -> None:
        if failure.check(NodeStopped):
            self._finish(failure)
        elif failure.check(KadtwistedError, CancelledError):
            self.lookup.failed(contact, self._now(), _outcome(failure))
        else:
            self._finish(failure)

    def _finish(self, result: Failure | None) -> None:
        if not self._over:
            self._over = True
            self._done.callback(None) if result is None else self._done.errback(result)

    def _abandon(self) -> None:
        """Our caller cancelled: nothing in flight outlives it."""
        self._over = True
        for asking in list(self._asking):
            asking.cancel()


def _outcome(failure: Failure) -> str:
    """What a trace calls this failure."""
    if failure.check(RequestTimedOut):
        return "silent"
    return "refused" if failure.check(ErrorReply) else "failed"


class Best(NamedTuple):
    """The winning record of a search, the seconds it has left at its freshest holder, and who
    holds it."""

    record: bytes
    version: bytes
    remaining: int
    holders: tuple[Contact, ...] = ()


class ValueDriver(LookupDriver):
    """Runs a search for the records of one kind under one key; :meth:`best` is what it found.

    What a holder returns is verified here: a record that is invalid or of another key counts as
    none.  One published in the future by our clock counts only if more than half of the closest
    nodes have it: then it is our clock that is wrong, else it is their word against ours.
    """

    lookup: AnyValueLookup

    def __init__(
        self, context: NodeContext, link: Link, lookup: AnyValueLookup, rules: RecordKind
    ) -> None:
        super().__init__(context, link, lookup)
        self._rules = rules
        self._unix_time = context.world.unix_time
        self._longest = int(context.parameters.max_remaining)
        self._best_known: Best | None = None
        self._named: dict[Contact, bytes] = {}
        self._plausible: dict[bytes, StoredItem] = {}
        self._doubtful: dict[bytes, StoredItem] = {}
        self._doubters: dict[bytes, list[Contact]] = {}

    def _body(self, contact: Contact) -> RequestBody:
        """Ask for the records; a holder of the best one known only says so and names contacts."""
        known = self._best_known.version if self._best_known is not None else b""
        if known:
            self._named[contact] = known
        return FindValue(self.lookup.target, self._rules.number, known)

    def _take(self, answer: Answer) -> None:
        body = answer.reply.body
        if not isinstance(body, Records):
            super()._take(answer)
            return
        contacts = self._usable(body.contacts)
        if body.unchanged:
            self._take_unchanged(answer.contact, contacts)
            return
        item = next(iter(body.items), None)  # a kind with many records a key reads by cursor
        if item is not None:
            item = item._replace(remaining=min(item.remaining, self._longest))
        if item is None or not self._is_of_this_key(item.record):
            self.lookup.replied(answer.contact, contacts, self._now())
            return
        held = self._rules.version(item.record)
        if self._is_from_the_future(item.record):
            _keep_longest(self._doubtful, held, item)
            self._doubters.setdefault(held, []).append(answer.contact)
            self.lookup.replied(answer.contact, contacts, self._now())
        else:
            _keep_longest(self._plausible, held, item)
            best = self._best_known
            if best is None or self._rules.supersedes(item.record, best.record):
                self._best_known = Best(item.record, held, item.remaining)
            self.lookup.found(answer.contact, held, contacts, self._now())

    def _take_unchanged(self, contact: Contact, contacts: list[Contact]) -> None:
        """The holder has the version that we named when we asked."""
        held = self._named.get(contact)
        if held is None:
            self.lookup.replied(contact, contacts, self._now())
        else:
            self.lookup.found(contact, held, contacts, self._now(), "unchanged")

    def best(self) -> Best | None:
        """The winning record of all that holders returned, with who holds it."""
        holders = {each: self.lookup.holders(each) for each in self._plausible}
        records = dict(self._plausible)
        for held in self._believed():
            holders[held], records[held] = self._doubters[held], self._doubtful[held]
        winner: Best | None = None
        for held, item in records.items():
            if winner is None or self._rules.supersedes(item.record, winner.record):
                winner = Best(item.record, held, item.remaining, tuple(holders[held]))
        return winner

    def _believed(self) -> list[bytes]:
        """The versions from the future that most of the closest nodes hold.

        None where the search ended at its first record: the few that have answered by then are not
        the closest nodes, and two liars among three no majority.
        """
        if self._plausible and self.lookup.mode == "first":
            return []
        closest = set(self.lookup.closest())
        return [
            held
            for held, doubters in self._doubters.items()
            if 2 * len(closest.intersection(doubters)) > len(closest)
        ]

    def _is_of_this_key(self, record: bytes) -> bool:
        try:
            where = self._rules.identify(record)
        except InvalidRecord:
            return False
        return where.key == self.lookup.target

    def _is_from_the_future(self, record: bytes) -> bool:
        try:
            self._rules.check(record, self._unix_time())
        except ClockSkew:
            return True
        return False


def _keep_longest(items: dict[bytes, StoredItem], held: bytes, item: StoredItem) -> None:
    """Remember the item of each version that has the most time left."""
    known = items.get(held)
    if known is None or item.remaining > known.remaining:
        items[held] = item
