"""The publisher of a node: keeps its own records published until they are withdrawn.

A record is published again at half its lifetime, as a load of the upkeep.  The schedule of that
(:class:`~kadtwisted.upkeep.publishing.PublicationSchedule`) is in memory; with a node state it is
also saved, so that a restart publishes what is due and nothing else.  A record of any kind can be
kept: the publisher handles bytes.

* A record is replaced or withdrawn at its place (``where``), and only there.
* When another record wins at the same place, the one kept is withdrawn.
* A publication that no node acknowledges is tried again soon.  The next try is scheduled before
  the first one begins, so nothing that happens meanwhile can lose it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from kadtwisted.errors import StorageError, Superseded, Unavailable
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.upkeep.persistence import Persistence
from kadtwisted.node.upkeep.runner import TaskFor, UpkeepRunner
from kadtwisted.upkeep.publishing import PUBLICATION_COST, PublicationSchedule

PublishAgain = Callable[[bytes, float], Awaitable[None]]
"""Stores a record anew, unchanged, for a lifetime in seconds; fails with
:class:`~kadtwisted.errors.Superseded` if another record has won, with
:class:`~kadtwisted.errors.Unavailable` if no node acknowledged it."""


class Publisher:
    """Keeps records of one node published.

    ``schedule`` outlives the runs of a node; without a node state, nothing else does.
    """

    def __init__(
        self,
        context: NodeContext,
        runner: UpkeepRunner,
        schedule: PublicationSchedule,
        persistence: Persistence,
        publish_again: PublishAgain,
    ) -> None:
        self._world = context.world
        self._faults = context.faults
        self._rate = context.settings.upkeep.rate
        self._runner = runner
        self._schedule = schedule
        self._persistence = persistence
        self._publish_again = publish_again

    def __len__(self) -> int:
        """How many records are kept published."""
        return len(self._schedule)

    def keeps_up(self) -> bool:
        """Whether the budget of the upkeep suffices to publish all records in time."""
        return self._schedule.keeps_up(self._rate)

    # --- Start -------------------------------------------------------------------------------

    def restore(self, saved: Iterable[Publication]) -> None:
        """Take over what an earlier run saved, in place of all others."""
        self._schedule.restore(saved, self._world.unix_time())

    def start(self) -> None:
        """Schedule all publications; what became due while the node was down is spread."""
        kept = self._schedule.publications()
        for publication in self._schedule.restore(kept, self._world.unix_time()):
            self._due(publication)

    # --- What the owner of a record wants ----------------------------------------------------

    async def keep(self, where: StorageKey, record: bytes, lifetime: float) -> None:
        """Keep a record published that was just stored, in place of the one kept there before.

        Fails with :class:`~kadtwisted.errors.TooManyRequests` if there is no room, and with
        :class:`~kadtwisted.errors.StorageError` if it cannot be saved; then nothing is kept there.
        """
        self.withdraw(where)
        unix_now = self._world.unix_time()
        publication = self._schedule.published(where, record, lifetime, unix_now)
        # Scheduled before it is saved: a caller who stops waiting for that withdraws nothing.
        self._due(publication)
        state = self._persistence.open_state
        if state is None:
            return
        try:
            await state.keep(publication)
        except StorageError as error:
            self._forget(where)
            raise StorageError(f"stored, but it will not be published again: {error}") from error

    def withdraw(self, where: StorageKey) -> None:
        """Stop republishing the record at this place, now and after a restart."""
        if self._forget(where):
            self._save(where)

    def _forget(self, where: StorageKey) -> bool:
        """Stop republishing, in memory alone; whether a record was kept there."""
        self._runner.forget_load(TaskFor(self._publish, where))
        return self._schedule.withdraw(where)

    # --- When it is due ----------------------------------------------------------------------

    def _due(self, publication: Publication) -> None:
        """Publish a record at its next time."""
        wait = publication.next_at - self._world.unix_time()
        load = TaskFor(self._publish, publication.where)
        self._runner.load_at(load, self._world.now() + max(0.0, wait))

    async def _publish(self, where: StorageKey) -> float:
        """Publish the record at this place again, and schedule the next time."""
        publication = self._schedule.get(where)
        if publication is None:
            return 0.0
        self._runner.charge(PUBLICATION_COST)  # before it begins: the next load must wait
        unix_now = self._world.unix_time()
        later = self._schedule.failed(where, unix_now)
        if later is not None:
            self._due(later)
        if await self._was_published(publication) and self._schedule.keeps(publication):
            _, record, lifetime, _ = publication
            self._due(self._schedule.published(where, record, lifetime, unix_now))
        self._save(where)
        return 0.0

    async def _was_published(self, publication: Publication) -> bool:
        """Publish a record again; whether a node acknowledged it."""
        try:
            await self._publish_again(publication.record, publication.lifetime)
        except Superseded:
            # If it was replaced meanwhile, then by a record of our own, which has won.
            if self._schedule.keeps(publication):
                self.withdraw(publication.where)
            return False
        except Unavailable:
            return False
        return True

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
