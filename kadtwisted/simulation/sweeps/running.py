"""Runs what is missing of a sweep on an engine, and keeps each result as soon as it is there.

An engine executes runs and decides nothing.  Here is decided what is run next, what is tried again,
and when it is over.  A run that fails is told and tried again, at last for the :data:`TRIES`-th
time; the others go on.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from kadtwisted.errors import LocalError
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.sweeps.plan import Plan, Run
from kadtwisted.simulation.sweeps.shelf import Shelf
from kadtwisted.simulation.sweeps.summary import summary

TRIES = 3
"""MAGIC: a run whose process was ended from outside deserves another try; one that ends its process
by itself, as by needing too much memory, must not do so for ever."""
SLICE = 0.2
"""Seconds between two looks at whether the sweep should end."""


class Ended(NamedTuple):
    """A run has ended: with the ``text`` of its document, or with a ``trouble``, which may be
    ``hopeless`` for all others, too."""

    run: Run
    text: str = ""
    trouble: str = ""
    hopeless: bool = False


class Engine(Protocol):
    """What executes runs."""

    def room(self) -> int:
        """How many more runs it takes now."""

    def begin(self, run: Run) -> None:
        """Execute a run."""

    def ended(self, seconds: float) -> list[Ended]:
        """The runs that have ended; waits for one, but not longer than ``seconds``."""

    def close(self) -> None:
        """Give up what is under way."""


@dataclass(slots=True)
class Harvest:
    """What came of each run, by its number: the rows and notes of its document, or a trouble."""

    documents: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    troubles: dict[int, str] = field(default_factory=dict)


class Sweep:
    """One sweep.

    ``tell`` gets a sentence for whatever people should know, ``monitor`` a step for each run that
    is done.  It may end the sweep by raising.
    """

    def __init__(
        self, plan: Plan, shelf: Shelf, monitor: Monitor, tell: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._shelf = shelf
        self._monitor = monitor
        self._tell = tell
        self._tries: Counter[int] = Counter()

    def run(self, make_engine: Callable[[], Engine]) -> Harvest:
        """Run what is missing; an engine is made only if anything is.

        :class:`~kadtwisted.errors.ConfigurationError` as soon as a result shows that the plan names
        a figure that is none.
        """
        with self._shelf.open(self._tell):
            harvest = Harvest(self._shelf.found(self._tell))
            runs = self._plan.runs()
            if harvest.documents:
                summary(self._plan, harvest.documents)
            missing = [run for run in runs if run.number not in harvest.documents]
            done = len(runs) - len(missing)
            there = f", {done} of {len(runs)} are there already" if done else ""
            self._monitor.phase(f"running {len(missing)} simulations{there}", len(missing))
            if missing:
                engine = make_engine()
                try:
                    self._play(engine, deque(missing), harvest)
                finally:
                    engine.close()
            return harvest

    def _play(self, engine: Engine, waiting: deque[Run], harvest: Harvest) -> None:
        under_way = 0
        while waiting or under_way:
            for _ in range(min(len(waiting), engine.room())):
                engine.begin(waiting.popleft())
                under_way += 1
            for ended in engine.ended(SLICE):
                under_way -= 1
                self._settle(ended, waiting, harvest)
            self._monitor.step(0)

    def _settle(self, ended: Ended, waiting: deque[Run], harvest: Harvest) -> None:
        run = ended.run
        if not ended.trouble:
            harvest.documents[run.number] = self._shelf.put(run, ended.text)
            if len(harvest.documents) == 1:  # a slip in the plan is told now
                summary(self._plan, harvest.documents)
            self._monitor.step()
            return
        if ended.hopeless:
            raise LocalError(ended.trouble)
        self._tries[run.number] += 1
        again = self._tries[run.number] < TRIES
        whats_next = "it is tried again" if again else f"given up after {TRIES} tries"
        self._tell(f"the run {self._plan.said(run)} failed: {ended.trouble}; {whats_next}")
        if again:
            waiting.append(run)
        else:
            harvest.troubles[run.number] = ended.trouble
            self._monitor.step()
