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
from kadtwisted.lookup.iterative import Lookup
from kadtwisted.lookup.values import ValueLookup
from kadtwisted.model.contact import Contact
from kadtwisted.model.messages import FindNode, FindValue, Nodes, Records, RequestBody, StoredItem
from kadtwisted.node.link import Link
from kadtwisted.node.protocol import Answer
from kadtwisted.node.world import World
from kadtwisted.records.kinds import RecordKinds
from kadtwisted.records.value import version


class LookupDriver:
    """Runs one lookup over one link; :meth:`run` fires with the lookup when it is over."""

    def __init__(self, link: Link, world: World, lookup: Lookup, own_key: bytes) -> None:
        self.lookup = lookup
        self._link = link
        self._now = world.now
        self._own_key = own_key
        self._body: RequestBody = FindNode(lookup.target)
        self._asking: dict[Deferred[None], None] = {}
        self._done: Deferred[None] = Deferred(lambda _: self._abandon())
        self._advancing = False
        self._over = False

    def run(self) -> Deferred[None]:
        """Start; fires with ``None`` when the lookup has finished, fails with ``NodeStopped``."""
        self._link.table.looked_up(self.lookup.target, self._now())
        seeds = self._link.table.closest(self.lookup.target)
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
        finally:
            self._advancing = False
        if self.lookup.finished:
            self._finish(None)

    def _ask(self, contact: Contact) -> None:
        patience = self._link.protocol.patience(contact.endpoint, self._body)
        self.lookup.asked(contact, self._now(), patience.soft)
        known = self._link.table.get(contact.node_id)
        asking = self._link.ask(
            contact,
            self._body,
            on_soft=self._advance,
            known=known is not None and known.contact.endpoint == contact.endpoint,
        )
        watching = asking.addCallback(self._take).addErrback(self._lose, contact)
        if not watching.called:
            self._asking[watching] = None
            watching.addBoth(self._forget, watching)

    def _forget(self, _: object, watching: Deferred[None]) -> None:
        self._asking.pop(watching, None)
        self._advance()

    def _take(self, answer: Answer) -> None:
        """A contact answered: its contacts go to the lookup."""
        body = answer.reply.body
        contacts = body.contacts if isinstance(body, Nodes) else ()
        self.lookup.replied(answer.contact, self._usable(contacts), self._now())

    def _usable(self, contacts: Sequence[Contact]) -> list[Contact]:
        """Contacts of our family that are not ourselves and could be written to."""
        family = self._link.family
        own = self._own_key
        return [
            each
            for each in contacts
            if each.key != own and each.endpoint.port and each.family is family
        ]

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
    """The winning record of a search, and the seconds it has left at its freshest holder."""

    record: bytes
    version: bytes
    remaining: int


class ValueDriver(LookupDriver):
    """Runs a search for the records of one kind under one key; ``best`` is the winner so far.

    What a holder returns is verified here: a record that is invalid, of another key, or published
    in the future counts as none.
    """

    lookup: ValueLookup

    def __init__(
        self,
        link: Link,
        world: World,
        lookup: ValueLookup,
        own_key: bytes,
        kinds: RecordKinds,
        kind: int,
    ) -> None:
        super().__init__(link, world, lookup, own_key)
        self._body = FindValue(lookup.target, kind)
        self._kinds = kinds
        self._kind = kind
        self._unix_time = world.unix_time
        self.best: Best | None = None

    def _take(self, answer: Answer) -> None:
        body = answer.reply.body
        if not isinstance(body, Records):
            super()._take(answer)
            return
        contacts = self._usable(body.contacts)
        valid = [item for item in body.items if self._is_valid(item.record)]
        if not valid:
            self.lookup.replied(answer.contact, contacts, self._now())
            return
        for item in valid:
            held = self._consider(item)
            self.lookup.found(answer.contact, held, contacts, self._now())

    def _is_valid(self, record: bytes) -> bool:
        try:
            where = self._kinds.identify(record)
            self._kinds.check(record, self._unix_time())
        except (InvalidRecord, ClockSkew):
            return False
        return where.kind == self._kind and where.key == self.lookup.target

    def _consider(self, item: StoredItem) -> bytes:
        """Compare a holder's record with the best so far; its version."""
        held = version(item.record)
        best = self.best
        if best is None or self._kinds.supersedes(item.record, best.record):
            self.best = Best(item.record, held, item.remaining)
        elif held == best.version and item.remaining > best.remaining:
            self.best = best._replace(remaining=item.remaining)
        return held
