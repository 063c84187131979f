"""Storing one record on the closest nodes, and on this one if it is among them.

Every node's outcome is told: an acknowledgement or a failure.  This node holds a copy only if some
other node does, or if it knows no other one: a record that nobody else can read was not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import InvalidRecord, KadtwistedError, NodeStopped, NotStored
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, distance
from kadtwisted.model.messages import Store, Stored
from kadtwisted.model.results import Acknowledgement
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.patience import ask_patiently
from kadtwisted.node.operations.searches import Found, all_of
from kadtwisted.node.operations.writes.outcomes import Outcome, Refusal
from kadtwisted.node.operations.writes.spread import Sent, Spread
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.records.findings import Finding
from kadtwisted.records.kinds import RecordKind, Sender


class Home(NamedTuple):
    """Who should keep a record in one address family, closest first."""

    link: Link
    keepers: Sequence[Contact]


class Storing:
    """Stores records for one node."""

    def __init__(self, context: NodeContext, links: Links, records: RecordStore) -> None:
        self._context = context
        self._links = links
        self._records = records

    async def store(self, founds: Sequence[Found], key: NodeID, body: Store) -> Spread:
        """Store a record on the nodes that a search of its key found for it, until enough hold it
        or all have decided.  What they say fails by :func:`check_stored`.
        """
        families = [self._sent(each, key, body) for each in founds]
        late = [sent for each in founds for sent in self._sent_later(each, key, body)]
        closest = [each.closest for each in founds]
        return await self._enough(Spread(families, self._here(closest, key, body), late=late))

    async def store_nearest(self, founds: Sequence[Found], key: NodeID, body: Store) -> Spread:
        """Store it on the k closest alone, who decide on a conditional write; all are heard."""
        k = self._context.parameters.k
        families = [self._sent(each, key, body, slice(k)) for each in founds]
        closest = [each.closest for each in founds]
        return await self._enough(Spread(families, self._here(closest, key, body), early=False))

    async def store_farther(self, founds: Sequence[Found], key: NodeID, body: Store) -> Spread:
        """Store it on all others, until enough hold it; not here."""
        k = self._context.parameters.k
        families = [self._sent(each, key, body, slice(k, None)) for each in founds]
        return await self._enough(Spread(families))

    async def store_known(self, homes: Sequence[Home], key: NodeID, body: Store) -> Spread:
        """Store it on all of whom it is known that they should keep it, without a search."""
        here = self._here([home.keepers for home in homes], key, body)
        return await self._enough(Spread(self._sent_home(homes, key, body), here))

    async def store_also(self, homes: Sequence[Home], key: NodeID, body: Store) -> Spread:
        """Store it on these, too; not here."""
        return await self._enough(Spread(self._sent_home(homes, key, body)))

    def _sent_home(self, homes: Sequence[Home], key: NodeID, body: Store) -> list[list[Sent]]:
        return [
            [Sent(each, self._store_at(home.link, each, body, key)) for each in home.keepers]
            for home in homes
        ]

    @staticmethod
    async def _enough(spread: Spread) -> Spread:
        await spread.enough()
        return spread

    def _sent(
        self, found: Found, key: NodeID, body: Store, which: slice | None = None
    ) -> list[Sent]:
        keepers = found.keepers(self._context)
        keepers = keepers if which is None else keepers[which]
        return [Sent(each, self._store_at(found.link, each, body, key)) for each in keepers]

    def _sent_later(self, found: Found, key: NodeID, body: Store) -> list[Sent]:
        """The STOREs for those of the closest that were too slow for the search."""
        late = [each for each in found.late.contacts if each not in found.closest]
        return [Sent(each, self._store_later(found, each, body, key)) for each in late]

    def _store_later(
        self, found: Found, contact: Contact, body: Store, key: NodeID
    ) -> Deferred[Outcome | None]:
        """Store it there when it answers the search; ``None`` if it does not."""

        def store(versions: Sequence[bytes] | None) -> Deferred[Outcome | None]:
            if versions is None:
                return succeed(None)
            return self._store_at(found.link, contact, body, key)

        answering: Deferred[Sequence[bytes] | None] = Deferred()
        found.late.when(contact, answering.callback)
        return answering.addCallback(store)

    def _here(
        self, closest: Sequence[Sequence[Contact]], key: NodeID, body: Store
    ) -> Callable[[], Deferred[Outcome | None]] | None:
        """How to store it on this node, if it should hold it."""
        if not self._is_holder(key, closest):
            return None
        return lambda: Deferred.fromCoroutine(self._store_here(key, body))

    async def bring(self, founds: Sequence[Found], key: NodeID, held: Finding) -> None:
        """Bring a record that was found to those of the k closest that lack it."""
        body = Store(held.record, held.remaining)
        if not held.remaining:
            return
        bringing = [
            self._store_at(found.link, contact, body, key)
            for found in founds
            for contact in found.lacking(held.version)
        ]
        await all_of(bringing)
        if self._is_holder(key, [each.closest for each in founds]):
            await self._store_here(key, body)

    def passed_over(self, found: Found) -> list[Contact]:
        """Who would keep a record of the kind that was searched, if it knew that kind."""
        return found.passed_over(found.keepers(self._context))

    def _is_holder(self, key: NodeID, closest: Sequence[Sequence[Contact]]) -> bool:
        """Whether this node is among the k closest of any family, by who else was found."""
        if self._links.read_only:
            return False
        k = self._context.parameters.k
        own = distance(key, self._context.node_id)
        return any(
            len(contacts) < k or own < distance(key, contacts[k - 1].node_id)
            for contacts in closest or [()]
        )

    async def _store_here(self, key: NodeID, body: Store) -> Outcome:
        try:
            kept = await self._records.store(body.record, body.remaining, body.cas)
        except NodeStopped:
            raise
        except KadtwistedError as error:
            return Refusal("this node", error)
        return Acknowledgement(None, distance(key, self._context.node_id), kept)

    def _store_at(
        self, link: Link, contact: Contact, body: Store, key: NodeID
    ) -> Deferred[Outcome | None]:
        longest = int(self._context.parameters.max_remaining)

        def take(answer: Answer) -> Outcome | None:
            reply = answer.reply.body
            kept = min(reply.remaining, longest) if isinstance(reply, Stored) else 0
            if not kept:
                return Refusal(str(contact), NotStored("it keeps the record for 0 seconds", {}))
            return Acknowledgement(contact, distance(key, contact.node_id), kept)

        def lose(failure: Failure) -> Outcome | None:
            error = failure.value
            if not isinstance(error, KadtwistedError) or isinstance(error, NodeStopped):
                failure.raiseException()
            assert isinstance(error, KadtwistedError)
            return Refusal(str(contact), error)

        asking = ask_patiently(self._context, lambda: link.ask(contact, body, known=True))
        return asking.addCallbacks(take, lose)


def repair(context: NodeContext, link: Link, contact: Contact, body: Store) -> None:
    """Bring a record to somebody that turned out to lack it: one write, unawaited."""
    context.counters.add("repair.stored")
    repairing = link.ask(contact, body, known=True)
    repairing.addErrback(lambda failure: failure.trap(KadtwistedError, CancelledError))


def check_owner(rules: RecordKind, record: bytes, links: Links, public_key: bytes) -> None:
    """:class:`InvalidRecord` if no holder would take a record from this node, for it is another's:
    judged by where others see us."""
    refused: InvalidRecord | None = None
    for link in links.values():
        for seen in (link.observed, link.told):
            if seen is None:
                continue
            try:
                rules.admit(record, Sender(seen, public_key))
            except InvalidRecord as error:
                refused = error
            else:
                return
    if refused is not None:
        raise refused
