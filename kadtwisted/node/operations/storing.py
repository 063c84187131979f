"""Storing one record on the closest nodes, and on this one if it is among them.

Every node's outcome is told: an acknowledgement or a failure.  This node holds a copy only if some
other node does, or if it knows no other one: a record that nobody else can read was not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import (
    CasConflict,
    ClockSkew,
    ErrorReply,
    InvalidRecord,
    KadtwistedError,
    NoContacts,
    NodeStopped,
    NotStored,
    RequestTimedOut,
    Superseded,
    Uncertain,
)
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, distance
from kadtwisted.model.messages import ErrorCode, Store, Stored
from kadtwisted.model.results import Acknowledgement
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.patience import ask_patiently
from kadtwisted.node.operations.searches import Found, all_of
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.links import Links
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.records.findings import Finding
from kadtwisted.records.kinds import RecordKind, Sender

NO_SUCH_KIND = "it does not know this kind of record"
CONFLICT = "another sequence number is stored than the one that the record was to replace"


class Refusal(NamedTuple):
    """Where a record was not stored, and why."""

    where: str
    error: KadtwistedError


Outcome = Acknowledgement | Refusal


class Storing:
    """Stores records for one node."""

    def __init__(self, context: NodeContext, records: RecordStore) -> None:
        self._context = context
        self._records = records

    async def store(self, founds: Sequence[Found], key: NodeID, body: Store) -> list[Outcome]:
        """Store a record on the nodes that a search of its key found for it; every node's outcome,
        the closest acknowledgement first.  What they say fails by :func:`check_stored`.
        """
        return await self._store(founds, key, body, None)

    async def store_nearest(
        self, founds: Sequence[Found], key: NodeID, body: Store
    ) -> list[Outcome]:
        """The same on the k closest alone, who decide on a conditional write."""
        return await self._store(founds, key, body, self._context.parameters.k)

    async def store_farther(
        self, founds: Sequence[Found], key: NodeID, body: Store
    ) -> list[Outcome]:
        """The same on all others; not here."""
        k = self._context.parameters.k
        return await all_of(
            [
                self._store_at(found.link, contact, body, key)
                for found in founds
                for contact in found.keepers(self._context)[k:]
            ]
        )

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
        if self._is_holder(key, founds):
            await self._store_here(key, body)

    async def _store(
        self, founds: Sequence[Found], key: NodeID, body: Store, most: int | None
    ) -> list[Outcome]:
        storing = [
            self._store_at(found.link, contact, body, key)
            for found in founds
            for contact in found.keepers(self._context)[:most]
        ]
        outcomes: list[Outcome] = await all_of(storing)
        alone = not founds
        if self._is_holder(key, founds) and (alone or is_acknowledged(outcomes)):
            outcomes.append(await self._store_here(key, body))
        outcomes.sort(key=lambda each: each[1] if isinstance(each, Acknowledgement) else 0)
        return outcomes

    def passed_over(self, found: Found) -> list[Contact]:
        """Who would keep a record of the kind that was searched, if it knew that kind."""
        return found.passed_over(found.keepers(self._context))

    def _is_holder(self, key: NodeID, founds: Sequence[Found]) -> bool:
        """Whether this node is among the k closest of any family, by the search just made."""
        if self._context.read_only:
            return False
        k = self._context.parameters.k
        own = distance(key, self._context.node_id)
        closest = [found.closest for found in founds] or [()]
        return any(
            len(contacts) < k or own < distance(key, contacts[k - 1].node_id)
            for contacts in closest
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
    ) -> Deferred[Outcome]:
        longest = int(self._context.parameters.max_remaining)

        def take(answer: Answer) -> Outcome:
            reply = answer.reply.body
            kept = min(reply.remaining, longest) if isinstance(reply, Stored) else 0
            if not kept:
                return Refusal(str(contact), NotStored("it keeps the record for 0 seconds", {}))
            return Acknowledgement(contact, distance(key, contact.node_id), kept)

        def lose(failure: Failure) -> Outcome:
            error = failure.value
            if not isinstance(error, KadtwistedError) or isinstance(error, NodeStopped):
                failure.raiseException()
            assert isinstance(error, KadtwistedError)
            return Refusal(str(contact), error)

        asking = ask_patiently(self._context, lambda: link.ask(contact, body, known=True))
        return asking.addCallbacks(take, lose)


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


def check_stored(outcomes: Sequence[Outcome], founds: Sequence[Found], body: Store) -> None:
    """Fails with ``NotStored``, ``Superseded``, ``ClockSkew``, ``CasConflict`` or ``NoContacts`` if
    nobody acknowledged.  A conditional store needs more than half of all nodes that store such
    records: it fails with ``CasConflict`` if some say that another record stands there, and with
    ``Uncertain`` if none says so, and some did not answer.
    """
    if body.cas is not None:
        _check_condition(outcomes)
    if not is_acknowledged(outcomes):
        raise _not_stored(outcomes, founds)


def is_contested(outcomes: Sequence[Outcome]) -> bool:
    """Whether some node said that the record is superseded, and no more than half took it."""
    acknowledged = sum(isinstance(each, Acknowledgement) for each in outcomes)
    refusals = (each for each in outcomes if isinstance(each, Refusal))
    return 2 * acknowledged <= len(outcomes) and any(map(_is_superseded, refusals))


def _check_condition(outcomes: Sequence[Outcome]) -> None:
    acknowledged = sum(isinstance(each, Acknowledgement) for each in outcomes)
    holders = sum(not _is_no_holder(each) for each in outcomes)
    refusals = [each for each in outcomes if isinstance(each, Refusal)]
    if 2 * acknowledged > holders:
        return
    if any(_is_conflict(each) or _is_superseded(each) for each in refusals):
        raise CasConflict(CONFLICT)
    if acknowledged or any(isinstance(each.error, RequestTimedOut) for each in refusals):
        raise Uncertain(
            f"only {acknowledged} of {holders} nodes took the record: read it to find out whether "
            "it stands"
        )


def _is_no_holder(outcome: Outcome) -> bool:
    """Whether a node said that it is not for it to hold this record."""
    error = outcome.error if isinstance(outcome, Refusal) else None
    return isinstance(error, ErrorReply) and error.code == ErrorCode.NOT_ACCEPTED


def _is_conflict(refusal: Refusal) -> bool:
    error = refusal.error
    if isinstance(error, ErrorReply):
        return error.code == ErrorCode.CAS_CONFLICT
    return isinstance(error, CasConflict)


def _is_superseded(refusal: Refusal) -> bool:
    error = refusal.error
    if isinstance(error, ErrorReply):
        return error.code == ErrorCode.SUPERSEDED
    return isinstance(error, Superseded)


def is_acknowledged(outcomes: Sequence[Outcome]) -> bool:
    """Whether any node keeps the record."""
    return any(isinstance(each, Acknowledgement) for each in outcomes)


def _not_stored(outcomes: Sequence[Outcome], founds: Sequence[Found]) -> KadtwistedError:
    """The error of a put that nobody acknowledged."""
    refusals = [each for each in outcomes if isinstance(each, Refusal)]
    if not refusals and not founds:
        return NoContacts("no other node is known: bootstrap first")
    if not refusals and any(found.answered for found in founds):
        passed = {str(e): NO_SUCH_KIND for f in founds for e in f.search.passed_over()}
        return NotStored(f"none of the {len(passed)} nodes that answered knows this kind", passed)
    if not refusals:
        silent = {str(step.contact): step.outcome for f in founds for step in f.trace.steps}
        return NotStored(f"none of the {len(silent)} nodes asked answered", silent)
    if all(_is_superseded(each) for each in refusals):
        return Superseded("a newer record is stored already, or was until lately")
    codes = {each.error.code for each in refusals if isinstance(each.error, ErrorReply)}
    if codes == {ErrorCode.CLOCK_SKEW}:
        return ClockSkew(
            "every node refused the record as published in the future: set this machine's clock"
        )
    reasons = {each.where: str(each.error) for each in refusals}
    return NotStored(f"none of {len(reasons)} nodes stored the record", reasons)
