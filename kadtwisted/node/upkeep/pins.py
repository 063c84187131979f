"""Pins: records that this node keeps at no fewer than so many holders.

A pinned record is kept published, as others of our own are, and its holders are counted again and
again in between.  A count is a search of the k closest nodes.  It brings the record to those of
them that lack it; if fewer than the pin asks for had it, or none, the record is stored anew.

A pin of a record whose writer signs it may be a stranger's: when a newer version is found, that is
pinned in place of the old one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.logger import Logger

from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.publication import Audit, Publication
from kadtwisted.model.record import StorageKey
from kadtwisted.node.context import NodeContext
from kadtwisted.node.upkeep.auditing import Counted
from kadtwisted.node.upkeep.runner import TaskFor, UpkeepRunner
from kadtwisted.upkeep.publishing import PUBLICATION_COST, PublicationSchedule


class CountHolders(Protocol):
    """Counts the holders of a record, and stores it anew for ``lifetime`` seconds if fewer than
    ``pin`` hold it."""

    def __call__(self, record: bytes, lifetime: float, pin: int) -> Awaitable[Counted]:
        """See :meth:`~kadtwisted.node.upkeep.auditing.Auditing.count_holders`."""


class Pins:
    """Counts the holders of one node's pinned records, each about every ``pin_check_every``
    seconds.

    ``every`` is that number.  ``changed`` is called with the publication whenever it fell below its
    pin, or is back;
    ``beaten`` with a publication and the record that has taken its place.
    """

    _log = Logger(namespace="kadtwisted.node")

    def __init__(
        self,
        context: NodeContext,
        runner: UpkeepRunner,
        schedule: PublicationSchedule,
        count_holders: CountHolders,
    ) -> None:
        self._world = context.world
        self.every = context.settings.upkeep.pin_check_every
        self._runner = runner
        self._schedule = schedule
        self._count_holders = count_holders
        self.changed: Callable[[Publication], None] = lambda _: None
        self.beaten: Callable[[Publication, bytes], None] = lambda _publication, _winner: None

    def start(self) -> None:
        """Count the holders of all pinned records, each at a random moment of the next period."""
        for where in self._schedule.pinned():
            self.count_within(where, self.every)

    def count_within(self, where: StorageKey, seconds: float) -> None:
        """Count the holders of this record at a random moment of the next ``seconds``."""
        wait = seconds * self._world.random.random()
        self._runner.load_at(TaskFor(self._audit, where), self._world.now() + wait)

    def forget(self, where: StorageKey) -> None:
        """This record is not pinned any more; nothing happens if it was not."""
        self._runner.forget_load(TaskFor(self._audit, where))

    async def _audit(self, where: StorageKey) -> float:
        publication = self._schedule.get(where)
        if publication is None or not publication.pin or publication.lost:
            return 0.0
        self._runner.load_again(TaskFor(self._audit, where), self.every)
        self._runner.charge(PUBLICATION_COST)  # before it begins: the next load must wait
        record, lifetime, pin = publication.record, publication.lifetime, publication.pin
        counted = await self._count_holders(record, lifetime, pin)
        known = self._schedule.get(where)
        if known is None or known.record != record or not known.pin:
            return 0.0
        if counted.winner != record:
            self.beaten(publication, counted.winner)
            return 0.0
        self._note(known, counted)
        return 0.0

    def _note(self, publication: Publication, counted: Counted) -> None:
        """Remember a count, and tell if the record fell below its pin or is back."""
        where, pin = publication.where, publication.pin
        before = self._schedule.audit(where)
        audit = Audit(self._world.unix_time(), counted.found, counted.held)
        self._schedule.audited(where, audit)
        was_below = before is not None and before.held < pin
        if audit.held < pin and not was_below:
            self._log.warn(
                "the pinned record under {key} has {held} holders of {pin}: it is stored again "
                "and again until it has them",
                key=id_to_hex(where.key),
                held=audit.held,
                pin=pin,
            )
        if (audit.held < pin) != was_below:
            self.changed(publication)
