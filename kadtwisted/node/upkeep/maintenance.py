"""The tasks of a node's upkeep: what is done, and how often.

The :class:`~kadtwisted.node.upkeep.runner.UpkeepRunner` begins each task when it is due.

========================  ======  ==============================================================
ping contacts             chore   verify, probe and ping (:mod:`~kadtwisted.node.upkeep.contacts`)
refresh                   chore   look up an ID in a bucket without a lookup
come back                 chore   while the node is isolated: try to join again
seek others               chore   ask contacts that were lost whether they are back
look for twins            chore   ask whether another node lives under our key
look at addresses         chore   is this machine where it was
                                  (:mod:`~kadtwisted.node.upkeep.addresses`)
expire                    chore   remove expired records from the storage
save contacts             chore   (:mod:`~kadtwisted.node.upkeep.persistence`)
bring back                chore   at a start: store own records here that the storage has lost
replicate                 load    offer stored records to the k closest nodes, page by page; many
                                  records of one network take turns with all others
hand off                  load    offer stored records to a new contact that has stayed
publish again             load    own records (:mod:`~kadtwisted.node.upkeep.publisher`)
count holders             load    of pinned records (:mod:`~kadtwisted.node.upkeep.pins`)
========================  ======  ==============================================================

Each task schedules its own next time before it begins.  The shorter the sessions of other nodes
are, the sooner records are replicated and handed off.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from kadtwisted.constants import HAVE_LIMIT
from kadtwisted.errors import KadtwistedError
from kadtwisted.model.contact import Contact, Endpoint, Family
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.operations.searches import all_of
from kadtwisted.node.port.links import Links
from kadtwisted.node.serving.record_store import RecordStore
from kadtwisted.node.upkeep.addresses import AddressWatch
from kadtwisted.node.upkeep.announcements import Announcements
from kadtwisted.node.upkeep.contacts import ContactUpkeep
from kadtwisted.node.upkeep.persistence import Persistence
from kadtwisted.node.upkeep.publisher import Publisher
from kadtwisted.node.upkeep.replication import EVERYBODY, PASSES_A_PERIOD, Lane, Replication
from kadtwisted.node.upkeep.runner import TaskFor, UpkeepRunner, Work
from kadtwisted.upkeep.schedule import JITTER
from kadtwisted.upkeep.sessions import Sessions

HAND_OFFS_A_PERIOD = 6
"""A new contact must stay for this part of a period at most before records are handed to it."""

TWINS_EVERY = 3.0
"""MAGIC: seconds between two looks whether our key was seen elsewhere; mostly it was not, and
nothing is sent."""

SEEK_EVERY = 60.0
"""Seconds between two searches for contacts that were lost, or never met."""

BROUGHT_BACK_AT_ONCE = 64
"""MAGIC: so many writes take a few milliseconds in memory, and share one flush of a disk."""


@dataclass(frozen=True, slots=True)
class Workers:
    """The parts that do the work of the upkeep."""

    contacts: ContactUpkeep
    records: RecordStore
    replication: Replication
    persistence: Persistence
    publisher: Publisher
    announcements: Announcements
    addresses: AddressWatch


class HandOff(NamedTuple):
    """Offering records to a contact that is new among the closest, from ``after`` on."""

    contact: Contact
    after: StorageKey | None = None


class Maintenance:
    """The upkeep of one node, from :meth:`start` to :meth:`stop`."""

    def __init__(
        self, context: NodeContext, links: Links, runner: UpkeepRunner, workers: Workers
    ) -> None:
        self._links = links
        self._runner = runner
        self._workers = workers
        self._now = context.world.now
        self._random = context.world.random
        self._settings = context.settings.upkeep
        self._parameters = context.parameters
        self._sessions = Sessions()
        self._all_others = TaskFor(self._replicate, EVERYBODY)
        self._missing: list[Publication] = []

    # --- Life --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; the first round of each task comes at a random part of its period.

        Nothing happens if it has begun already.
        """
        if self._runner.running:
            return
        now, settings = self._now(), self._settings
        for chore, period in (
            (self._ping_contacts, settings.contacts_every),
            (self._refresh, settings.refresh_check_every),
            (self._expire, settings.expire_every),
            (self._come_back, settings.rejoin_check_every),
            (self._seek_others, SEEK_EVERY),
            (self._look_for_twins, TWINS_EVERY),
        ):
            self._runner.chore_at(chore, now + period * self._random.random())
        if self._workers.addresses.start():
            self._runner.chore_at(self._look_at_addresses, now)
        if self._workers.persistence.lasts:
            self._runner.chore_again(self._save_contacts, settings.save_check_every)
        if not self._links.read_only:
            self._begin_replicating()
        self._workers.publisher.start()
        self._runner.start()

    def recall(self, contacts: Sequence[Contact]) -> None:
        """Ask the contacts of an earlier run whether they are there, and store our own records here
        again that the storage has lost meanwhile."""
        if contacts:
            self._runner.begin(self._workers.contacts.recall(contacts))
        if not self._links.read_only:
            is_lost = self._workers.records.is_empty()
            self._missing = self._workers.publisher.missing(everything=is_lost)
            self._runner.begin(self._bring_back())

    def _begin_replicating(self) -> None:
        first = self._now() + self.replication_period() * self._random.random()
        self._runner.load_at(self._all_others, first)

    def serves(self, family: Family, serves: bool) -> None:
        """Others can reach this node in a family from now on, and are told; or cannot any more."""
        if not (serves and self._runner.running):
            return
        if self._runner.load_due_at(self._all_others) is None:
            self._begin_replicating()
        self._runner.begin(self._workers.contacts.settle(family))

    def stop(self) -> None:
        """Cancel what is going on, and begin nothing more."""
        self._runner.stop()

    # --- What happens to contacts ------------------------------------------------------------

    def contact_added(self, contact: Contact) -> None:
        """A contact entered a table: if it stays, it may be a holder of some records."""
        if self._runner.running and not self._links.read_only:
            longest = self.replication_period() / HAND_OFFS_A_PERIOD
            wait = min(self._settings.hand_off_after, longest)
            self._runner.load_at(TaskFor(self._hand_off, HandOff(contact)), self._now() + wait)

    def moved(self, endpoint: Endpoint) -> None:
        """Others see this node at another endpoint now."""
        if self._runner.running:
            self._workers.announcements.moved(endpoint)

    def contact_removed(self, known_for: float) -> None:
        """A contact was dropped: a session ended."""
        self._sessions.ended(known_for, self._now())

    # --- Status ------------------------------------------------------------------------------

    def replication_period(self) -> float:
        """Seconds in which all copies of a record are counted once: follows the sessions seen."""
        stays, gone = self._workers.contacts.stays()
        longest = self._parameters.replication_period
        return self._sessions.period(stays, gone, longest, self._now())

    def keeps_up(self, records: int) -> bool:
        """Whether the budget suffices to offer so many records to their k nodes once a period, if
        most offers are full; if not, copies may be missing for longer than a period."""
        offers = records * self._parameters.k / HAVE_LIMIT
        return offers <= self._settings.rate * self.replication_period()

    def tasks(self) -> int:
        """How many tasks wait for their time."""
        return len(self._runner)

    # --- Chores ------------------------------------------------------------------------------

    async def _ping_contacts(self) -> float:
        self._runner.chore_again(self._ping_contacts, self._settings.contacts_every)
        period = self.replication_period()
        self._hasten(period)
        return await self._workers.contacts.ping_contacts(period)

    def _hasten(self, period: float) -> None:
        """Bring the next pass forward if sessions became shorter after it was scheduled."""
        between = period / PASSES_A_PERIOD
        at, now = self._runner.load_due_at(self._all_others), self._now()
        if at is not None and at > now + between * (1 + JITTER):
            self._runner.load_at(self._all_others, now + between * self._random.random())

    async def _refresh(self) -> float:
        self._runner.chore_again(self._refresh, self._settings.refresh_check_every)
        return await self._workers.contacts.refresh()

    async def _seek_others(self) -> float:
        self._runner.chore_again(self._seek_others, SEEK_EVERY)
        return await self._workers.contacts.seek_others()

    def _look_for_twins(self) -> Work | float:
        self._runner.chore_again(self._look_for_twins, TWINS_EVERY)
        return self._workers.contacts.look_for_twins()

    def _look_at_addresses(self) -> Work | float:
        watch = self._workers.addresses
        work = watch.look()
        self._runner.chore_again(self._look_at_addresses, watch.pause)
        return work

    def _come_back(self) -> Work | float:
        """While the node is isolated, try to join again, less and less often."""
        wait = self._workers.contacts.comes_back_in()
        period = self._settings.rejoin_check_every if wait is None else wait
        self._runner.chore_again(self._come_back, period)
        return self._workers.contacts.come_back() if wait is not None else 0.0

    async def _save_contacts(self) -> float:
        self._runner.chore_again(self._save_contacts, self._settings.save_check_every)
        await self._workers.persistence.save_contacts()
        return 0.0

    async def _expire(self) -> float:
        """Try a storage that failed again, and remove expired records, so many at a time."""
        self._runner.chore_again(self._expire, self._settings.expire_every)
        records, limit = self._workers.records, self._settings.expire_at_once
        with suppress(KadtwistedError):
            await records.try_again()
        if await records.expire(limit) == limit:
            self._runner.chore_at(self._expire, self._now())  # there are more
        return 0.0

    async def _bring_back(self) -> float:
        """Store some of our own records here, so that they can be read at once; others are sent
        nothing.  They are published when they are due."""
        some = self._missing[-BROUGHT_BACK_AT_ONCE:]
        del self._missing[-BROUGHT_BACK_AT_ONCE:]
        records = self._workers.records
        writing = [records.store(each.record, each.lifetime) for each in some]
        for each in writing:
            each.addErrback(lambda failure: failure.trap(KadtwistedError))
        await all_of(writing)
        if self._missing:
            self._runner.chore_at(self._bring_back, self._now())
        return 0.0

    # --- Loads -------------------------------------------------------------------------------

    async def _replicate(self, lane: Lane) -> float:
        """One page of a pass along a lane of stored records; then the next page.  The lane of all
        others is begun again and again, and begins the lanes of networks with many records."""
        period, replication = self.replication_period(), self._workers.replication
        if lane == EVERYBODY:
            self._runner.load_again(self._all_others, period / PASSES_A_PERIOD)
        if self._links.read_only or self._workers.contacts.is_isolated():
            replication.give_up(lane)
            return 0.0
        if lane == EVERYBODY and not replication.is_under_way(lane):
            self._begin_lanes()
        try:
            more, cost = await replication.step(lane, period)
        except BaseException:
            replication.give_up(lane)
            raise
        if more:
            self._runner.load_at(TaskFor(self._replicate, lane), self._now())
        elif lane == EVERYBODY:
            self._workers.records.forget_vouchers(period)
        return cost

    def _begin_lanes(self) -> None:
        """Begin passes along the lanes in which none is under way."""
        for lane in self._workers.replication.lanes():
            if not self._workers.replication.is_under_way(lane):
                self._runner.load_at(TaskFor(self._replicate, lane), self._now())

    async def _hand_off(self, task: HandOff) -> float:
        """Offer one page of records to a contact that has stayed."""
        link = self._links[task.contact.family]
        entry = link.table.get(task.contact.node_id)
        if entry is None or entry.contact != task.contact:
            return 0.0
        offer = self._workers.replication.hand_off(link, task.contact, task.after)
        after, cost = await offer
        if after is not None:
            next_page = TaskFor(self._hand_off, HandOff(task.contact, after))
            self._runner.load_at(next_page, self._now())
        return float(cost)
