"""The publisher of a node: keeps its own records published until they are withdrawn.

A record is published again at half its lifetime, as a load of the upkeep.  The schedule of that
(:class:`~kadtwisted.upkeep.publishing.PublicationSchedule`) is in memory; with a node state it is
also saved, so that a restart publishes what is due and nothing else.  A record of any kind can be
kept: the publisher handles bytes.

* A record is replaced or withdrawn at its place (``where``), and only there.
* When another record wins at the same place, the one kept is lost: it is published no more, and
  its owner is told, in the log, in the status and through the watchers.  It stays on the list, over
  restarts, too.  If it was kept with ``put_back``, it is put back when the other record is gone.
* A publication that no node acknowledges is tried again soon.  The next try is scheduled before
  the first one begins, so nothing that happens meanwhile can lose it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from kadtwisted.errors import InvalidInput, StorageError, Superseded, Unavailable
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.printable import described
from kadtwisted.model.publication import Keeping, OwnRecord, Publication, own_record
from kadtwisted.model.record import StorageKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.upkeep.persistence import Persistence
from kadtwisted.node.upkeep.pins import CountHolders, Pins
from kadtwisted.node.upkeep.runner import TaskFor, UpkeepRunner
from kadtwisted.upkeep.publishing import PUBLICATION_COST, PublicationSchedule

Watcher = Callable[[OwnRecord], None]
"""Is called with a record of our own that was lost, or is published again, or is pinned and fell
below its pin, or is back."""

FIRST_COUNT = 30.0
"""MAGIC: seconds within which the holders of a record are counted first after it was pinned: soon,
and not all at once if many are."""


def watching(watchers: list[Watcher], watcher: Watcher) -> Callable[[], None]:
    """Add a watcher; what is returned removes it, once or more often."""
    if not callable(watcher):
        raise InvalidInput(f"a watcher is a function of one argument, not {described(watcher)}")
    entry = partial(watcher)  # the same function may watch twice
    watchers.append(entry)

    def remove() -> None:
        if entry in watchers:
            watchers.remove(entry)

    return remove


class PublishAgain(Protocol):
    """Stores a record anew for a lifetime in seconds; the bytes that were stored."""

    def __call__(
        self, record: bytes, lifetime: float, *, put_back: bool = False
    ) -> Awaitable[bytes]:
        """With ``put_back`` it is dated anew if its place is free again; otherwise it stays as it
        is.

        Fails with :class:`~kadtwisted.errors.Superseded` if another record has its place, with
        :class:`~kadtwisted.errors.Unavailable` if no node acknowledged it.
        """


class Publisher:
    """Keeps records of one node published.

    ``schedule`` outlives the runs of a node; without a node state, nothing else does.
    ``watchers`` are told what becomes of the records.
    """

    _log = Logger(namespace="kadtwisted.node")

    def __init__(
        self,
        context: NodeContext,
        runner: UpkeepRunner,
        schedule: PublicationSchedule,
        persistence: Persistence,
        publish_again: PublishAgain,
        count_holders: CountHolders,
    ) -> None:
        self._world = context.world
        self._faults = context.faults
        self._counters = context.counters
        self._rate = context.settings.upkeep.rate
        self._kinds = context.dialect.kinds
        self._runner = runner
        self._schedule = schedule
        self._persistence = persistence
        self._publish_again = publish_again
        self._pins = Pins(context, runner, schedule, count_holders)
        self._pins.changed = self._tell_watchers
        self._pins.beaten = self._beaten
        self.watchers: list[Watcher] = []
        self._overdue: dict[StorageKey, None] = {}

    def __len__(self) -> int:
        """How many records are kept published."""
        return len(self._schedule)

    @property
    def lost(self) -> int:
        """How many records have lost their place to others."""
        return self._schedule.lost

    def page(self, after: StorageKey | None, limit: int) -> tuple[OwnRecord, ...]:
        """At most ``limit`` of our own records by their places, from just behind ``after``."""
        page = self._schedule.page(after, limit)
        return tuple(own_record(each, self._schedule.audit(each.where)) for each in page)

    def records(self, kind: int) -> list[Publication]:
        """All of one kind that are kept published."""
        return [each for each in self._schedule.publications() if each.where.kind == kind]

    def hurry(self, where: StorageKey) -> None:
        """Publish the record at this place again now, and not when it is due."""
        publication = self._schedule.get(where)
        if publication is not None:
            self._due(publication._replace(next_at=self._world.unix_time()))

    def retry(self, where: StorageKey) -> None:
        """What is kept at this place was not stored yet: try again soon."""
        later = self._schedule.failed(where, self._world.unix_time())
        if later is not None:
            self._due(later)
            self._save(where)

    def keeps_up(self) -> bool:
        """Whether the budget of the upkeep suffices to publish all records in time."""
        return self._schedule.keeps_up(self._rate, self._pins.every)

    # --- Start -------------------------------------------------------------------------------

    def restore(self, saved: Iterable[Publication]) -> None:
        """Take over what an earlier run saved, in place of all others."""
        self._take_over(tuple(saved))

    def start(self) -> None:
        """Schedule all publications; what became due while the node was down is spread."""
        for publication in self._take_over(self._schedule.publications()):
            self._due(publication)
        self._pins.start()

    def _take_over(self, saved: Sequence[Publication]) -> list[Publication]:
        restored = self._schedule.restore(saved, self._world.unix_time())
        pairs = zip(saved, restored, strict=True)
        self._overdue |= {new.where: None for old, new in pairs if new is not old}
        return restored

    def missing(self, *, everything: bool) -> list[Publication]:
        """What may have left our storage while the node was down: records that became due, since
        they may have expired, too; or ``everything``, if the storage has been lost."""
        return [
            each
            for each in self._schedule.publications()
            if not each.lost and (everything or each.where in self._overdue)
        ]

    # --- What the owner of a record wants ----------------------------------------------------

    async def keep(
        self, where: StorageKey, record: bytes, lifetime: float, keeping: Keeping
    ) -> None:
        """Keep a record published that was just stored, in place of the one kept there before.

        Fails with :class:`~kadtwisted.errors.TooManyRequests` if there is no room, and with
        :class:`~kadtwisted.errors.StorageError` if it cannot be saved; then nothing is kept there.
        """
        before = self._schedule.get(where)
        self.withdraw(where)
        wanted = Publication(
            where,
            record,
            lifetime,
            0.0,
            put_back=keeping.put_back,
            # A newer record of our own takes over the pin of the one before.
            pin=keeping.pin or (before.pin if before is not None else 0),
            for_pin=not keeping.keep,
        )
        publication = self._schedule.published(wanted, self._world.unix_time())
        # Scheduled before it is saved: a caller who stops waiting for that withdraws nothing.
        self._due(publication)
        self._watch_over(publication)
        state = self._persistence.open_state
        if state is None:
            return
        try:
            await state.keep(publication)
        except StorageError as error:
            self._forget(where)
            raise StorageError(f"stored, but it will not be published again: {error}") from error

    async def pin(self, where: StorageKey, holders: int) -> bool:
        """The record that is kept published at this place must have so many holders from now on; 0
        ends that.  Whether one is kept there; one that has lost its place is not.

        Fails with :class:`~kadtwisted.errors.StorageError` if it cannot be saved: a restart would
        forget it.
        """
        known = self._schedule.get(where)
        if known is None or known.lost:
            return False
        publication = self._schedule.pin(where, holders)
        assert publication is not None, "it is there, as was just seen"
        self._watch_over(publication)
        state = self._persistence.open_state
        if state is not None:
            await state.keep(publication)
        return True

    async def unpin(self, where: StorageKey) -> bool:
        """Count the holders of this record no more, and keep it no longer if that was for its pin
        alone; whether it was pinned.  Fails as :meth:`pin` does."""
        publication = self._schedule.get(where)
        if publication is None or not publication.pin:
            return False
        if publication.for_pin:
            self.withdraw(where)
            return True
        return await self.pin(where, 0)

    def told(self, where: StorageKey) -> OwnRecord | None:
        """What is told of the record that is kept published at this place."""
        publication = self._schedule.get(where)
        return publication and own_record(publication, self._schedule.audit(where))

    def withdraw(self, where: StorageKey) -> None:
        """Stop republishing the record at this place, now and after a restart."""
        if self._forget(where):
            self._save(where)

    def _forget(self, where: StorageKey) -> bool:
        """Stop republishing, in memory alone; whether a record was kept there."""
        self._runner.forget_load(TaskFor(self._publish, where))
        self._pins.forget(where)
        return self._schedule.withdraw(where)

    def _watch_over(self, publication: Publication) -> None:
        """Count the holders of a record that was just stored or pinned, soon and then again and
        again; or no more."""
        self._pins.forget(publication.where)
        if publication.pin and not publication.lost:
            self._pins.count_within(publication.where, FIRST_COUNT)

    # --- When it is due ----------------------------------------------------------------------

    def _due(self, publication: Publication) -> None:
        """Publish a record at its next time, if it has one."""
        if publication.rests:
            return
        wait = publication.next_at - self._world.unix_time()
        load = TaskFor(self._publish, publication.where)
        self._runner.load_at(load, self._world.now() + max(0.0, wait))

    async def _publish(self, where: StorageKey) -> float:
        """Publish the record at this place again, and schedule the next time."""
        publication = self._schedule.get(where)
        if publication is None or publication.rests:
            return 0.0
        self._runner.charge(PUBLICATION_COST)  # before it begins: the next load must wait
        unix_now = self._world.unix_time()
        later = self._schedule.failed(where, unix_now)
        if later is not None:
            self._due(later)
        record = await self._published(publication)
        kept = self._schedule.get(where)  # meanwhile it may have been pinned, or kept for longer
        if record is not None and kept is not None and kept.record == publication.record:
            again = self._schedule.published(kept._replace(record=record), unix_now)
            self._due(again)
            if publication.lost:
                self._watch_over(again)
                self._tell(again, "has its place back: the record that had taken it is gone")
        self._save(where)
        return 0.0

    async def _published(self, publication: Publication) -> bytes | None:
        """Publish a record again; what was stored, or ``None`` if no node acknowledged it."""
        record, lifetime = publication.record, publication.lifetime
        try:
            stored = await self._publish_again(record, lifetime, put_back=publication.lost)
        except Superseded:
            self._counters.add("republish.superseded")
            # If it was replaced meanwhile, then by a record of our own, which has won.
            if self._schedule.keeps(publication):
                self._superseded(publication)
            return None
        except Unavailable:
            self._counters.add("republish.unavailable")
            return None
        self._counters.add("republish.stored")
        return stored

    def _superseded(self, publication: Publication) -> None:
        """Another record has the place of this one.  If it is pinned and its kind's records prove
        where they belong, count at once: that finds the newest, which is pinned from then on."""
        if publication.pin and self._kinds.is_verifiable(publication.where.kind):
            self._pins.count_within(publication.where, 0.0)
        else:
            self._lose(publication)

    def _beaten(self, publication: Publication, winner: bytes) -> None:
        """Another record was found at the place of a pinned one.

        If the kind's records prove where they belong, what was pinned is the newest one, whoever
        published it; unless that says that the record was deleted.
        """
        where = publication.where
        known = self._schedule.get(where)
        if known is None or known.record != publication.record or not known.pin:
            return  # it was withdrawn, replaced or unpinned meanwhile
        rules = self._kinds.get(where.kind)
        if rules is None or not rules.verifiable or rules.is_deletion(winner):
            self._lose(known)
        else:
            newer = known._replace(record=winner)
            made = self._schedule.published(newer, self._world.unix_time())
            self._due(made)
            self._pins.count_within(where, FIRST_COUNT)
            self._tell_watchers(made)
        self._save(where)

    def _lose(self, publication: Publication) -> None:
        """Another record has taken the place of this one."""
        where = publication.where
        self._runner.forget_load(TaskFor(self._publish, where))
        self._pins.forget(where)
        lost = self._schedule.taken(where, self._world.unix_time())
        if lost is None:
            return
        self._due(lost)
        if not publication.lost:
            then = (
                "it is put back when that is gone"
                if lost.put_back
                else "it is published no more; store it again to take the place back"
            )
            self._tell(lost, f"was replaced or deleted by another writer: {then}")

    def _tell(self, publication: Publication, what: str) -> None:
        """Tell the log and the watchers what became of a record of our own."""
        self._log.warn(
            "the record that this node keeps published under {key} {what}",
            key=id_to_hex(publication.where.key),
            what=what,
        )
        self._tell_watchers(publication)

    def _tell_watchers(self, publication: Publication) -> None:
        told = own_record(publication, self._schedule.audit(publication.where))
        for watcher in tuple(self.watchers):
            try:
                watcher(told)
            except Exception:
                self._log.failure("a watcher of this node's own records failed")

    # --- Saving ------------------------------------------------------------------------------

    def _save(self, where: StorageKey) -> None:
        """Save what is scheduled at this place now, without waiting for it."""
        state = self._persistence.open_state
        if state is None:
            return
        publication = self._schedule.get(where)
        saving = state.withdraw(where) if publication is None else state.keep(publication)
        saving.addErrback(self._not_saved)

    def _not_saved(self, failure: Failure) -> None:
        failure.trap(StorageError, CancelledError)
        self._faults.report("state", "the time of a publication could not be saved", failure)
