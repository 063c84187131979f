"""The runner of a node's upkeep: one timer, and one budget for what the upkeep sends.

It knows two kinds of work:

* A *chore* is small.  It begins on time, whatever else is going on.
* A *load* moves records.  It begins only when the budget allows it, and only
  :data:`LOADS_AT_ONCE` of them run at the same time.  So a node with thousands of records to send
  neither floods the network nor loses touch with it.

Each piece of work returns the datagrams that it cost.  The cost of chores and loads comes out of
the same budget, and delays the next loads.  A failure ends one piece of work and nothing else: that
other nodes fail to answer is ordinary, and any other failure is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError
from kadtwisted.node.context import NodeContext
from kadtwisted.upkeep.schedule import Budget, Schedule

LOADS_AT_ONCE = 4
"""MAGIC: more would spend the budget's burst at once, fewer would wait for each slow node alone."""

Work = Coroutine[Any, Any, float]
"""One piece of work; its result is the number of datagrams that it cost."""

Task = Callable[[], Work | float]
"""Makes the work when it is due; where there is nothing to wait for it does it, and returns its
cost: a look that finds nothing to do is far cheaper so.  A task is hashable, and is due once at
most: a method, or a :class:`TaskFor`."""


@dataclass(frozen=True, slots=True)
class TaskFor:
    """The task of doing something for one subject; equal tasks have equal subjects."""

    work: Callable[[Any], Work | float]
    subject: Hashable

    def __call__(self) -> Work | float:
        """The work for this subject."""
        return self.work(self.subject)


class UpkeepRunner:
    """Begins the chores and loads of one node when they are due, from :meth:`start` to
    :meth:`stop`."""

    def __init__(self, context: NodeContext) -> None:
        settings = context.settings.upkeep
        self._reactor = context.reactor
        self._faults = context.faults
        self._now = context.world.now
        self._chores = Schedule(context.world.random)
        self._loads = Schedule(context.world.random)
        self._budget = Budget(settings.rate, settings.burst, self._now())
        self._no_load_before = 0.0
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._working: dict[Deferred[float], None] = {}
        self._loading: dict[Deferred[float], None] = {}
        self.running = False

    def __len__(self) -> int:
        """How many tasks wait for their time."""
        return len(self._chores) + len(self._loads)

    def start(self) -> None:
        """Begin what is due from now on."""
        self.running = True
        self._arm()

    def stop(self) -> None:
        """Cancel the work under way, and begin no more; what was scheduled stays so."""
        self.running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for working in list(self._working):
            working.cancel()

    # --- Scheduling --------------------------------------------------------------------------

    def chore_at(self, chore: Task, moment: float) -> None:
        """A chore is due at this moment."""
        self._chores.at(chore, moment)
        self._arm()

    def chore_again(self, chore: Task, period: float) -> None:
        """A chore that begins now is due again in about ``period`` seconds.

        Call this before the work of the chore, so that a failure does not end its rounds.
        """
        self._chores.after(chore, self._now(), period)

    def load_at(self, load: Task, moment: float) -> None:
        """A load is due at this moment."""
        self._loads.at(load, moment)
        self._arm()

    def load_again(self, load: Task, period: float) -> None:
        """As :meth:`chore_again`, for a load."""
        self._loads.after(load, self._now(), period)

    def load_due_at(self, load: Task) -> float | None:
        """When this load is due; ``None`` if it is not scheduled."""
        return self._loads.due_at(load)

    def forget_load(self, load: Task) -> None:
        """The load is not due any more; nothing happens if it was not."""
        self._loads.forget(load)

    # --- Working -----------------------------------------------------------------------------

    def begin(self, work: Work) -> None:
        """Do this at once, as a chore."""
        self._begin(work, is_load=False)

    def charge(self, cost: float) -> None:
        """Take datagrams out of the budget: the next load waits until they are paid for."""
        now = self._now()
        self._no_load_before = now + self._budget.spend(cost, now)

    def _arm(self) -> None:
        """Set the timer for what is due next."""
        if not self.running:
            return
        at = self._wakes_at()
        if at is None:
            return
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._reactor.callLater(max(0.0, at - self._now()), self._wake)

    def _wakes_at(self) -> float | None:
        """When there is something to begin: a chore, or a load that is allowed to begin."""
        chore, load = self._chores.wakes_at(), self._loads.wakes_at()
        if load is None or len(self._loading) >= LOADS_AT_ONCE:
            return chore
        load = max(load, self._no_load_before)
        return load if chore is None else min(chore, load)

    def _wake(self) -> None:
        self._timer = None
        now = self._now()
        task: Any = self._chores.take(now)
        if task is not None:
            self._do(task, is_load=False)
        elif now >= self._no_load_before and len(self._loading) < LOADS_AT_ONCE:
            task = self._loads.take(now)
            if task is not None:
                self._do(task, is_load=True)
        self._arm()

    def _do(self, task: Task, *, is_load: bool) -> None:
        try:
            work = task()
        except Exception:
            self._failed(Failure())
            return
        if isinstance(work, float):
            self.charge(work)
        else:
            self._begin(work, is_load=is_load)

    def _begin(self, work: Work, *, is_load: bool) -> None:
        working = Deferred.fromCoroutine(work)
        self._working[working] = None
        if is_load:
            self._loading[working] = None
        working.addBoth(self._ended, working)

    def _ended(self, result: float | Failure, working: Deferred[float]) -> None:
        self._working.pop(working, None)
        self._loading.pop(working, None)
        if isinstance(result, Failure):
            self._failed(result)
        else:
            self.charge(result)
        self._arm()

    def _failed(self, failure: Failure) -> None:
        if not failure.check(KadtwistedError, CancelledError):
            self._faults.report("upkeep", "a task of the upkeep failed", failure)
