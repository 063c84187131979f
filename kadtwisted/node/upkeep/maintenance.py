"""A node's upkeep: when what is done, with one timer and one budget.

There are two kinds of work.  *Chores* are small and come in time, whatever else is going on: the
care for contacts (``tending`` says what that is) and the expiry of records.  *Loads* are records
that move: replicated, handed to new contacts and, by their publishers, published again.  Loads wait
for the budget, which chores are charged to as well, and a few at most are under way at once; so a
node with thousands of records to announce neither floods the network nor loses touch with it.

Each task schedules its own next time before it begins.  Failures are the ordinary case and end
nothing.  The faster nodes come and go, the sooner records are replicated and handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.contact import Address, Contact
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.links import Links
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.upkeep.contacts import Tending
from kadtwisted.node.upkeep.persistence import Remembering
from kadtwisted.node.upkeep.replication import Replication
from kadtwisted.parameters import HAVE_LIMIT
from kadtwisted.upkeep.publishing import Publishing
from kadtwisted.upkeep.schedule import JITTER, Budget, Schedule
from kadtwisted.upkeep.sessions import Sessions

PUBLICATION_COST = 50.0
"""Datagrams that a publication is charged: a lookup and k STOREs."""

PASSES_A_PERIOD = 2
SKIP_WITHIN = 2 / 3
"""A holder looks through its records twice a period and skips what was confirmed within two thirds
of one: so with any number of holders copies are counted at least once a period."""

HAND_OFFS_A_PERIOD = 6
"""A new contact must stay for this part of a period at most before records are handed to it."""

LOADS_AT_ONCE = 4
"""MAGIC: more would spend the budget's burst at once, fewer would wait for each slow node alone."""

SEEK_EVERY = 60.0
"""Seconds between two searches for contacts that were lost, or never met."""


class HandOff(NamedTuple):
    """The task of offering records to a contact that is new among the closest."""

    contact: Contact
    after: StorageKey | None = None


class Republish(NamedTuple):
    """The task of publishing one of our own records again."""

    where: StorageKey


class Maintenance:
    """The upkeep of one node, from :meth:`start` to :meth:`stop`.

    ``republish`` publishes a record and fires with whether anybody acknowledged it.
    """

    def __init__(
        self,
        context: NodeContext,
        links: Links,
        records: RecordStore,
        tending: Tending,
        publishing: Publishing,
        remembering: Remembering,
        republish: Callable[[Publication], Coroutine[Any, Any, bool]],
    ) -> None:
        self._context = context
        self._links = links
        self._now = context.world.now
        self._records = records
        self._tending = tending
        self._replication = Replication(context, links, records)
        self._publishing = publishing
        self._remembering = remembering
        self._settings = settings = context.settings.upkeep
        self._republish = republish
        self._chores = Schedule(context.world.random)
        self._loads = Schedule(context.world.random)
        self._budget = Budget(settings.rate, settings.burst, self._now())
        self._sessions = Sessions()
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._not_before = 0.0
        self._working: dict[Deferred[float], None] = {}
        self._loading: dict[Deferred[float], None] = {}
        self._cursor: StorageKey | None = None
        self._running = False

    # --- Life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; the first round of each kind of work comes at a random part of its period.

        Nothing happens if it has begun already.
        """
        if self._running:
            return
        self._running = True
        now = self._now()
        random = self._context.world.random
        for task, period in (
            (self._ping_contacts, self._settings.contacts_every),
            (self._refresh, self._settings.refresh_check_every),
            (self._expire, self._settings.expire_every),
            (self._come_back, self._settings.rejoin_check_every),
            (self._seek_others, SEEK_EVERY),
        ):
            self._chores.at(task, now + period * random.random())
        if self._remembering.lasts:
            self._again(self._save_contacts, self._settings.save_check_every)
        if not self._context.read_only:
            self._loads.at(self._replicate, now + self.replication_period() * random.random())
        kept = self._publishing.publications()
        for publication in self._publishing.restore(kept, self._context.world.unix_time()):
            self.publication_due(publication)
        self._arm()

    def stop(self) -> None:
        """End what is going on; nothing is scheduled any more."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for working in list(self._working):
            working.cancel()

    # --- What others tell --------------------------------------------------------------------

    def remember(self, addresses: list[Address]) -> None:
        """Addresses to come back through when isolated."""
        self._tending.remember(addresses)

    def recall(self, contacts: Sequence[Contact]) -> None:
        """Ask those an earlier run knew whether they are there."""
        if contacts:
            self._begin(self._tending.recall(contacts), is_load=False)

    def was_told(self) -> bool:
        """Whether this node was ever told of another one."""
        return self._tending.was_told()

    def contact_added(self, contact: Contact) -> None:
        """A contact entered a table: if it stays, records may be for it to hold."""
        if self._running and not self._context.read_only:
            longest = self.replication_period() / HAND_OFFS_A_PERIOD
            self._load_at(
                HandOff(contact), self._now() + min(self._settings.hand_off_after, longest)
            )

    def contact_removed(self, known_for: float) -> None:
        """A contact was dropped: a session ended."""
        self._sessions.ended(known_for, self._now())

    def publication_due(self, publication: Publication) -> None:
        """A record of our own is to be published at its next time."""
        wait = publication.next_at - self._context.world.unix_time()
        self._load_at(Republish(publication.where), self._now() + max(0.0, wait))

    def replication_period(self) -> float:
        """Seconds between two passes: follows the session length measured."""
        stays, gone = self._tending.stays()
        longest = self._context.parameters.replication_period
        return self._sessions.period(stays, gone, longest, self._now())

    def keeps_up(self, records: int) -> bool:
        """Whether the budget suffices to offer so many records to their k nodes once a period, if
        most offers are full; else copies may be missing for longer than a period."""
        offers = records * self._context.parameters.k / HAVE_LIMIT
        return offers <= self._settings.rate * self.replication_period()

    def tasks(self) -> int:
        """How many tasks wait for their time."""
        return len(self._chores) + len(self._loads)

    # --- The timer ---------------------------------------------------------------------------

    def _load_at(self, task: Hashable, moment: float) -> None:
        self._loads.at(task, moment)
        self._arm()

    def _arm(self) -> None:
        at = self._wakes_at()
        if at is None or not self._running:
            return
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._context.reactor.callLater(max(0.0, at - self._now()), self._wake)

    def _wakes_at(self) -> float | None:
        """When there is something to begin: a chore, or a load that may be begun."""
        chore, load = self._chores.wakes_at(), self._loads.wakes_at()
        if load is None or len(self._loading) >= LOADS_AT_ONCE:
            return chore
        load = max(load, self._not_before)
        return load if chore is None else min(chore, load)

    def _wake(self) -> None:
        self._timer = None
        now = self._now()
        task: Any = self._chores.take(now)
        if task is not None:
            self._begin(task(), is_load=False)
        elif now >= self._not_before and len(self._loading) < LOADS_AT_ONCE:
            task = self._loads.take(now)
            if task is not None:
                self._begin(self._load(task), is_load=True)
        self._arm()

    def _begin(self, doing: Coroutine[Any, Any, float], *, is_load: bool) -> None:
        working = Deferred.fromCoroutine(doing)
        self._working[working] = None
        if is_load:
            self._loading[working] = None
        working.addBoth(self._worked, working)

    def _load(self, task: Any) -> Coroutine[Any, Any, float]:
        if isinstance(task, HandOff):
            return self._hand_off(task)
        if isinstance(task, Republish):
            return self._publish(task)
        return self._replicate()

    def _worked(self, result: float | Failure, working: Deferred[float]) -> None:
        """What a task cost delays the loads that come next."""
        self._working.pop(working, None)
        self._loading.pop(working, None)
        if isinstance(result, Failure):
            if not result.check(KadtwistedError, CancelledError):
                self._context.faults.report("upkeep", "a task of the upkeep failed", result)
        else:
            self._charge(result)
        self._arm()

    def _charge(self, cost: float) -> None:
        now = self._now()
        self._not_before = now + self._budget.spend(cost, now)

    def _again(self, chore: Hashable, period: float) -> None:
        """Schedule the next round; before the work begins, so that a failure does not end it."""
        self._chores.after(chore, self._now(), period)

    # --- Contacts ----------------------------------------------------------------------------

    async def _ping_contacts(self) -> float:
        self._again(self._ping_contacts, self._settings.contacts_every)
        period = self.replication_period()
        self._hasten(period)
        return await self._tending.ping_contacts(period)

    def _hasten(self, period: float) -> None:
        """If sessions have become shorter, the next pass must not wait as long as was right when
        it was scheduled."""
        between = period / PASSES_A_PERIOD
        at, now = self._loads.due_at(self._replicate), self._now()
        if at is not None and at > now + between * (1 + JITTER):
            self._loads.at(self._replicate, now + between * self._context.world.random.random())

    async def _refresh(self) -> float:
        self._again(self._refresh, self._settings.refresh_check_every)
        return await self._tending.refresh()

    async def _seek_others(self) -> float:
        self._again(self._seek_others, SEEK_EVERY)
        return await self._tending.seek_others()

    async def _come_back(self) -> float:
        """While isolated, try to come back, less and less often."""
        wait = self._tending.comes_back_in()
        self._again(self._come_back, self._settings.rejoin_check_every if wait is None else wait)
        return await self._tending.come_back() if wait is not None else 0.0

    async def _save_contacts(self) -> float:
        self._again(self._save_contacts, self._settings.save_check_every)
        await self._remembering.save_contacts()
        return 0.0

    # --- Records -----------------------------------------------------------------------------

    async def _expire(self) -> float:
        """See whether a storage that failed works again, and forget expired records, a bounded
        number at a time."""
        self._again(self._expire, self._settings.expire_every)
        with suppress(KadtwistedError):
            await self._records.try_again()
        limit = self._settings.expire_at_once
        if await self._records.expire(limit) == limit:
            self._chores.at(self._expire, self._now())  # more is waiting
        return 0.0

    async def _replicate(self) -> float:
        """One page of the pass through our records; then the next, or the next pass."""
        period = self.replication_period()
        self._loads.after(self._replicate, self._now(), period / PASSES_A_PERIOD)
        if self._tending.is_isolated():
            return 0.0
        self._cursor, cost = await self._replication.step(self._cursor, period * SKIP_WITHIN)
        if self._cursor is not None:
            self._load_at(self._replicate, self._now())
        else:
            self._records.forget_vouchers(self._now() - period)
        return float(cost)

    async def _hand_off(self, task: HandOff) -> float:
        """Offer one page of records to a contact that has stayed."""
        link = self._links[task.contact.family]
        entry = link.table.get(task.contact.node_id)
        if entry is None or entry.contact != task.contact:
            return 0.0
        after, cost = await self._replication.hand_off(link, task.contact, task.after)
        if after is not None:
            self._load_at(HandOff(task.contact, after), self._now())
        return float(cost)

    async def _publish(self, task: Republish) -> float:
        """Publish one of our own records again."""
        publication = self._publishing.get(task.where)
        if publication is None:
            return 0.0
        self._charge(PUBLICATION_COST)  # at once: the next one must wait, however long this takes
        unix_now = self._context.world.unix_time()
        later = self._publishing.failed(task.where, unix_now)
        if later is not None:
            self.publication_due(later)
        if await self._republish(publication) and self._publishing.keeps(publication):
            where, record, lifetime, _ = publication
            self.publication_due(self._publishing.published(where, record, lifetime, unix_now))
        self._remembering.rescheduled(task.where)
        return 0.0
