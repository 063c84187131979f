"""Members that leave and come, by the distributions of ``models/churn.py``.

This module decides who leaves and comes when, and nothing else.  Its draws have a stream of their
own, so that the same members come and go in scenarios that differ in something else.

A member that comes back as the same node has its old key and address.  If it left in good order it
still has its records, as if its storage had been on a disk.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed

from kadtwisted.parameters import Bounds
from kadtwisted.simulation.models.churn import ChurnSettings, SessionModel
from kadtwisted.simulation.population.population import Population
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.inspect import storage_of
from kadtwisted.testing.nodes import Member, NodeParts


class Disk(MemoryStorage):
    """A storage that outlives the node that closes it."""

    def close(self) -> Deferred[None]:
        """Keep all records."""
        return succeed(None)

    def erase(self) -> None:
        """Forget all records."""
        super().close()


class ChangingPopulation(Population):
    """A population whose members may come back with their old identity."""

    def parts_of(self, number: int) -> NodeParts:
        """Every member has a disk."""
        bounds = Bounds()
        return {"storage": Disk(bounds.stored_records, bounds.stored_bytes)}

    def come_back(self, member: Member, *, erased: bool) -> None:
        """Start a crashed member again; it knows nobody and, if ``erased``, stores nothing."""
        disk = storage_of(member.node)
        if erased and isinstance(disk, Disk):
            disk.erase()
        self.enter(member)


class Turnover:
    """Lets members of a population come and go from now on, until :meth:`end`.

    The members in ``staying`` never leave.
    """

    def __init__(
        self,
        population: ChangingPopulation,
        churn: ChurnSettings,
        model: SessionModel,
        staying: Sequence[Member] = (),
    ) -> None:
        self.left = 0
        self.came = 0
        self._population = population
        self._churn = churn
        self._model = model
        self._drawing = random.Random(f"churn {population.scenario.seed}")
        self._joining: dict[int, None] = {}
        self._ended = False
        stay = {each.number for each in staying}
        for member in population.members:
            if member.number not in stay:
                self._later(model.session.draw_rest(self._drawing), self._leave, member)
        if churn.returns != "never":
            self._have_others_away(len(population.members) - len(stay))

    def _have_others_away(self, present: int) -> None:
        """Let as many members be away as usually are when ``present`` are there."""
        session, offline = self._model
        for _ in range(round(present * offline.mean / session.mean)):
            self._later(offline.draw_rest(self._drawing), self._come, None)

    def _later(self, seconds: float, what: Any, member: Member | None) -> None:
        self._population.clock.callLater(seconds, what, member)

    def _leave(self, member: Member) -> None:
        if self._ended:
            return
        self.left += 1
        self._joining.pop(member.number, None)
        self._population.crash(member)
        if self._churn.returns == "never":
            self._come(None)
        else:
            same = member if self._churn.returns == "same" else None
            self._later(self._model.offline.draw(self._drawing), self._come, same)

    def _come(self, known: Member | None) -> None:
        if self._ended:
            return
        self.came += 1
        population = self._population
        if known is None:
            member = population.add()
        else:
            member = known
            erased = self._drawing.random() >= self._churn.orderly
            population.come_back(member, erased=erased)
        self._joining[member.number] = None
        joining = population.join(member)
        joining.addBoth(lambda _: self._joining.pop(member.number, None))
        self._later(self._model.session.draw(self._drawing), self._leave, member)

    def draw(self) -> Member:
        """A random living member that is not just joining; any member if all are joining."""
        population = self._population
        members = population.members
        ready = [each for each in members if each.number not in self._joining] or members
        return ready[int(len(ready) * population.random.random())]

    def end(self) -> None:
        """From now on nobody comes or leaves."""
        self._ended = True
