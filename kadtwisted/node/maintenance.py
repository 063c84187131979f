"""A node's upkeep: the sole consumer of the schedule, one timer, one budget.

What is done, and why: tentative contacts are verified and suspects probed, so that the table tells
the truth; contacts not heard of for a while are pinged; buckets without a lookup are refreshed;
records are replicated, handed off, expired and, by their publishers, published again; an isolated
node tries to come back.  Each kind of work is a task that schedules its own next time, so that a
slow one delays itself only.  Failures are the ordinary case and end nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.contact import Address, Contact
from kadtwisted.model.messages import Ping
from kadtwisted.model.record import StorageKey
from kadtwisted.node.counters import FaultLog
from kadtwisted.node.joining import Joining
from kadtwisted.node.record_store import RecordStore
from kadtwisted.node.replication import Replication
from kadtwisted.node.searches import Surroundings, find_nodes
from kadtwisted.parameters import UpkeepSettings
from kadtwisted.upkeep.publishing import Publication, Publishing
from kadtwisted.upkeep.schedule import Budget, Schedule
from kadtwisted.upkeep.sessions import Sessions

LOOKUP_COST = 30.0
"""Datagrams that a refresh is charged: what a full lookup among honest nodes sends."""
PUBLICATION_COST = 50.0
"""...and a publication: a lookup and k STOREs."""

PASSES_A_PERIOD = 2
SKIP_WITHIN = 2 / 3
"""A holder looks through its records twice a period and skips what was confirmed within two thirds
of one: so with any number of holders copies are counted at least once a period."""


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
        reactor: Any,
        around: Surroundings,
        records: RecordStore,
        joining: Joining,
        replication: Replication,
        publishing: Publishing,
        faults: FaultLog,
        settings: UpkeepSettings,
        *,
        read_only: bool,
        republish: Callable[[Publication], Coroutine[Any, Any, bool]],
    ) -> None:
        self._reactor = reactor
        self._around = around
        self._now = around.world.now
        self._records = records
        self._joining = joining
        self._replication = replication
        self._publishing = publishing
        self._faults = faults
        self._settings = settings
        self._read_only = read_only
        self._republish = republish
        self._schedule = Schedule(around.world.random)
        self._budget = Budget(settings.rate, settings.burst, self._now())
        self._sessions = Sessions()
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._not_before = 0.0
        self._working: dict[Deferred[float], None] = {}
        self._known_addresses: dict[Address, None] = {}
        self._tries = 0
        self._cursor: StorageKey | None = None
        self._running = False

    # --- Life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; the first round of each kind of work comes at a random part of its period."""
        self._running = True
        now = self._now()
        random = self._around.world.random
        for task, period in (
            (self._tend_contacts, self._settings.contacts_every),
            (self._refresh, self._settings.refresh_check_every),
            (self._expire, self._settings.expire_every),
            (self._rejoin, self._settings.rejoin_check_every),
        ):
            self._schedule.at(task, now + period * random.random())
        if not self._read_only:
            self._schedule.at(self._replicate, now + self.replication_period() * random.random())
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
        """Addresses to come back through when isolated, at most as many as the settings say."""
        for address in addresses:
            if len(self._known_addresses) < self._settings.remembered_addresses:
                self._known_addresses[address] = None

    def was_told(self) -> bool:
        """Whether this node was ever told of another one."""
        return bool(self._known_addresses)

    def contact_added(self, contact: Contact) -> None:
        """A contact entered a table: if it stays, records may be for it to hold."""
        if self._running and not self._read_only:
            self._set(HandOff(contact), self._now() + self._settings.hand_off_after)

    def contact_removed(self, known_for: float) -> None:
        """A contact was dropped: a session ended."""
        self._sessions.ended(known_for)

    def publication_due(self, publication: Publication) -> None:
        """A record of our own is to be published at its next time."""
        wait = publication.next_at - self._around.world.unix_time()
        self._set(Republish(publication.where), self._now() + max(0.0, wait))

    def replication_period(self) -> float:
        """Seconds between two passes: follows the session length measured."""
        ages = [age for link in self._around.links.values() for age in link.contact_ages()]
        return self._sessions.period(ages, self._around.parameters.replication_period)

    # --- The timer ---------------------------------------------------------------------------

    def _set(self, task: Hashable, moment: float) -> None:
        self._schedule.at(task, moment)
        self._arm()

    def _arm(self) -> None:
        at = self._schedule.wakes_at()
        if at is None or not self._running:
            return
        at = max(at, self._not_before)
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._reactor.callLater(max(0.0, at - self._now()), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._now()
        task = self._schedule.take(now) if now >= self._not_before else None
        if task is not None:
            self._work(task)
        self._arm()

    def _work(self, task: Any) -> None:
        """Begin one task; what it cost delays whatever comes next."""
        if isinstance(task, HandOff):
            doing = self._hand_off(task)
        elif isinstance(task, Republish):
            doing = self._publish(task)
        else:
            doing = task()
        working = Deferred.fromCoroutine(doing)
        self._working[working] = None
        working.addBoth(self._worked, working)

    def _worked(self, result: float | Failure, working: Deferred[float]) -> None:
        self._working.pop(working, None)
        if isinstance(result, Failure):
            if not result.check(KadtwistedError, CancelledError):
                self._faults.report("upkeep", "a task of the upkeep failed", result)
            return
        now = self._now()
        self._not_before = now + self._budget.spend(result, now)
        self._arm()

    def _again(self, task: Hashable, period: float) -> None:
        """Schedule the next round; before the work begins, so that a failure does not end it."""
        self._schedule.after(task, self._now(), period)

    # --- Contacts ----------------------------------------------------------------------------

    async def _tend_contacts(self) -> float:
        """Verify, probe and ping: a few at a time, so that they vouch for our uplink together."""
        self._again(self._tend_contacts, self._settings.contacts_every)
        now = self._now()
        pings: list[Deferred[Any]] = []
        for link in self._around.links.values():
            due = link.table.verify_due(now, self._around.parameters.verification_quiet)
            due += link.table.probe_due(now)
            due += link.unheard_since(now - self._settings.ping_after)
            for contact in dict.fromkeys(due[: self._settings.pings_at_once]):
                pings.append(link.ask(contact, Ping(), known=True))
        await DeferredList(pings, consumeErrors=True)
        return float(len(pings))

    async def _refresh(self) -> float:
        """Look up an ID in the bucket that waits the longest, if any is due."""
        self._again(self._refresh, self._settings.refresh_check_every)
        now = self._now()
        for link in self._around.connected_links():
            due = link.table.refresh_due(now, self._around.parameters.refresh_period)
            if due:
                target = link.table.random_id_in(due[0], self._around.world.random)
                await find_nodes(self._around, link, target)
                return LOOKUP_COST
        return 0.0

    async def _rejoin(self) -> float:
        """While isolated, try one known address and one contact, less and less often."""
        settings = self._settings
        if not self.is_isolated():
            self._tries = 0
            self._again(self._rejoin, settings.rejoin_check_every)
            return 0.0
        wait = min(settings.rejoin_last, settings.rejoin_first * 2.0 ** min(self._tries, 16))
        self._tries += 1
        self._again(self._rejoin, wait)
        await DeferredList([self._try_contact(), self._try_address()], consumeErrors=True)
        return 2.0

    def is_isolated(self) -> bool:
        """Whether this node knows nobody though it was told of others, or hears nobody."""
        links = list(self._around.links.values())
        if any(len(link.table) and not link.is_down() for link in links):
            return False
        return self.was_told() or any(len(link.table) for link in links)

    def _try_contact(self) -> Deferred[Any]:
        """Ping the contacts of all tables in turn."""
        known = [
            (link, contact)
            for link in self._around.links.values()
            for contact in link.table.contacts()
        ]
        if not known:
            return Deferred.fromCoroutine(_nothing())
        link, contact = known[self._tries % len(known)]
        return link.ask(contact, Ping(), known=True)

    def _try_address(self) -> Deferred[Any]:
        """Bootstrap through the known addresses in turn."""
        known = list(self._known_addresses)
        if not known:
            return Deferred.fromCoroutine(_nothing())
        address = known[self._tries % len(known)]
        return Deferred.fromCoroutine(self._joining.bootstrap([address]))

    # --- Records -----------------------------------------------------------------------------

    async def _expire(self) -> float:
        """Forget expired records, a bounded number at a time."""
        self._again(self._expire, self._settings.expire_every)
        limit = self._settings.expire_at_once
        if await self._records.storage.expire(self._now(), limit) == limit:
            self._set(self._expire, self._now())  # more is waiting
        return 0.0

    async def _replicate(self) -> float:
        """One page of the pass through our records; then the next, or the next pass."""
        period = self.replication_period()
        self._again(self._replicate, period / PASSES_A_PERIOD)
        if self.is_isolated():
            return 0.0
        self._cursor, cost = await self._replication.step(self._cursor, period * SKIP_WITHIN)
        if self._cursor is not None:
            self._set(self._replicate, self._now())
        else:
            self._records.forget_vouchers(self._now() - period)
        return float(cost)

    async def _hand_off(self, task: HandOff) -> float:
        """Offer one page of records to a contact that has stayed."""
        link = self._around.links[task.contact.family]
        entry = link.table.get(task.contact.node_id)
        if entry is None or entry.contact != task.contact:
            return 0.0
        after, cost = await self._replication.hand_off(link, task.contact, task.after)
        if after is not None:
            self._set(HandOff(task.contact, after), self._now())
        return float(cost)

    async def _publish(self, task: Republish) -> float:
        """Publish one of our own records again."""
        publication = self._publishing.get(task.where)
        if publication is None:
            return 0.0
        unix_now = self._around.world.unix_time()
        later = self._publishing.failed(task.where, unix_now)
        if later is not None:
            self.publication_due(later)
        if await self._republish(publication):
            where, record, lifetime, _ = publication
            self.publication_due(self._publishing.published(where, record, lifetime, unix_now))
        return PUBLICATION_COST


async def _nothing() -> None:
    """There is nobody to try."""
