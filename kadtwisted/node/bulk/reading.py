"""Reading many values: straight from those who should keep them, where neighbours have told who.

A record is stored when three quarters of its keepers have acknowledged it.  So when more than half
of the keepers answer with one and the same version, no other one was stored on half of them or
more, and that is the latest.  The nearest tells the record, the others only that they have it.

Whoever does not hold it, or holds another version, makes the answer doubtful: then all the other
keepers are asked, too, as a whole search would, and the newest version is brought to those that
lack it.  What is still not found is searched.  On a network without a secret all keepers are asked
at once: half of the nearest may be liars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError, NodeStopped, RequestTimedOut
from kadtwisted.lookup.records import Mode
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import FindValue, Records, ReplyBody, Store
from kadtwisted.model.reference import Reference
from kadtwisted.model.results import GetResult
from kadtwisted.node.bulk.neighbourhoods import Batch, Neighbourhoods
from kadtwisted.node.bulk.pace import Pace
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.records import Read, RecordOperations
from kadtwisted.node.operations.searches import FIRST_WAVE, all_of
from kadtwisted.node.operations.storing import Home, repair
from kadtwisted.node.operations.values import Values, reference_to, usual_mode
from kadtwisted.node.port.link import Link
from kadtwisted.node.port.requests import Answer
from kadtwisted.records.findings import Finding, Findings
from kadtwisted.records.kinds import RecordKind

Keeper = tuple[Link, Contact]


class BulkReading:
    """Reads values, one at a time, of which it knows the neighbours."""

    def __init__(
        self,
        context: NodeContext,
        operations: RecordOperations,
        values: Values,
        neighbourhoods: Neighbourhoods,
        pace: Pace,
    ) -> None:
        self._context = context
        self._operations = operations
        self._values = values
        self._neighbourhoods = neighbourhoods
        self._pace = pace

    async def get(
        self, asked: str | bytes | Reference, mode: Mode | None, batch: Batch
    ) -> GetResult:
        """The value that the caller asked for; fails as a single get does."""
        reference = reference_to(asked)
        mode = mode or usual_mode(reference)
        read = await self._directly(reference, mode, batch)
        self._context.counters.add("bulk.get_alone" if read is None else "bulk.get_directly")
        if read is None:
            return await self._values.get(asked, mode)
        return self._values.result_of(asked, read)

    async def _directly(self, reference: Reference, mode: Mode, batch: Batch) -> Read | None:
        """What this node and the keepers hold; ``None`` if that leaves a doubt."""
        rules = self._operations.rules(reference.kind).remembering()
        local = await self._operations.local(rules, reference.key)
        if local and mode == "first":
            return Read(local, (), local)
        homes = await self._neighbourhoods.homes(reference.key, batch)
        if homes is None:
            return None
        began = self._context.world.now()
        asking = _Asking(self._context, rules, reference.key, homes)
        found = await asking.first() if mode == "first" else await asking.latest()
        now = self._context.world.now()
        for link, contact in asking.silent:
            self._neighbourhoods.lost(link, contact, began)
            self._pace.lost(began, now)
        if not asking.silent:
            self._pace.took(began, now)
        if found is None or any(rules.supersedes(each.record, found.record) for each in local):
            return None
        return Read((found,), (), local)


class _Heard(NamedTuple):
    """What one keeper answered: the versions that it holds."""

    keeper: Keeper
    versions: tuple[bytes, ...]


class _Asking:
    """One record, and its keepers."""

    def __init__(
        self,
        context: NodeContext,
        rules: RecordKind,
        key: NodeID,
        homes: Sequence[Home],
    ) -> None:
        self._context = context
        self._key = key
        self._rules = rules
        self._findings = Findings(rules, key, context.parameters.max_remaining)
        self._families = [[(home.link, each) for each in home.keepers] for home in homes]
        self._heard: list[_Heard] = []
        self.silent: list[Keeper] = []

    async def first(self) -> Finding | None:
        """The first sound record of one of the nearest; ``None`` if there is none.  As many are
        tried, one after the other, as a search asks at once."""
        for family in self._families:
            for keeper in family[:FIRST_WAVE]:
                await self._ask([keeper])
                if found := self._winner():
                    return found
        return None

    async def latest(self) -> Finding | None:
        """The newest record that its keepers hold; ``None`` if they leave that in doubt."""
        everybody = [each for family in self._families for each in family]
        if not self._context.open_network:
            majorities = [family[: len(family) // 2 + 1] for family in self._families]
            await self._ask([each[0] for each in majorities])
            await self._ask([keeper for each in majorities for keeper in each[1:]])
            if self._agree(sum(map(len, majorities))):
                return self._winner()
        asked = {*self.silent, *(each.keeper for each in self._heard)}
        await self._ask([each for each in everybody if each not in asked])
        found = self._winner()
        if found is None or 2 * len(self._heard) < len(everybody):
            return None
        self._repair(found)
        return found

    def _agree(self, wanted: int) -> bool:
        """Whether so many hold one and the same version."""
        versions = {each.versions for each in self._heard}
        return len(self._heard) >= wanted and len(versions) == 1 and () not in versions

    async def _ask(self, keepers: Sequence[Keeper]) -> None:
        await all_of([self._ask_one(each) for each in keepers])

    def _ask_one(self, keeper: Keeper) -> Deferred[None]:
        link, contact = keeper
        named = self._findings.known_version()
        body = FindValue(self._key, self._rules.number, named, alone=True)

        def take(answer: Answer) -> None:
            self._heard.append(_Heard(keeper, self._versions(contact, answer.reply.body, named)))

        def lose(failure: Failure) -> None:
            if failure.check(NodeStopped) or not failure.check(KadtwistedError):
                failure.raiseException()
            if failure.check(RequestTimedOut):
                self.silent.append(keeper)

        return link.ask(contact, body, known=True).addCallback(take).addErrback(lose)

    def _versions(self, holder: Contact, body: ReplyBody, named: bytes) -> tuple[bytes, ...]:
        """The versions that a holder turns out to have."""
        if not isinstance(body, Records):
            return ()
        if body.unchanged:
            return (named,) if named else ()
        unix_now = self._context.clock.network_time()
        judged = [self._findings.take(e, holder, unix_now) for e in body.items if e.remaining]
        return tuple(e.version for e in judged if e is not None and not e.doubtful)

    def _winner(self) -> Finding | None:
        def holders(version: bytes) -> list[Contact]:
            return [each.keeper[1] for each in self._heard if version in each.versions]

        heard = [each.keeper[1] for each in self._heard]
        winners = self._findings.winners(holders, heard, ended_early=False)
        return winners[0] if winners else None

    def _repair(self, winner: Finding) -> None:
        """Bring the newest record to those that lack it: one write each, unawaited."""
        if winner.remaining < 1:
            return
        body = Store(winner.record, winner.remaining)
        for (link, contact), versions in self._heard:
            if winner.version not in versions:
                repair(self._context, link, contact, body)
