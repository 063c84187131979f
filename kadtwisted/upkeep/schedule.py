"""When tasks are due: a heap of moments, with jitter, so that nodes do not act at the same time.

Every task of a node's upkeep waits in a schedule, so one timer serves them all, and one budget
covers what they send.  A task is any hashable value.  It is due once at most: setting it again
moves it.  The schedule decides when, never what: it runs nothing and has no clock; ``now`` is an
argument, in seconds of a monotonic clock.

Bounded by the tasks that exist: the heap holds at most twice as many entries and a few more.
"""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heapify, heappop, heappush

from kadtwisted.model.ids import RandomBits

JITTER = 0.25
"""A period is drawn from its length plus or minus this fraction of it."""

LOOKUP_COST = 30.0
"""Datagrams that a lookup is charged: what a full lookup among honest nodes sends.  In simulated
networks with k = 20 that is 21 among 60 nodes, and 25 (35 at most) among 200; a lookup among dead
contacts sends more.  The PINGs that come before requests to endpoints that were never heard are
charged besides: 4 in a lookup among 60 nodes that have just met, 10 among 120, and hardly any when
they have met."""

SLACK = 64
"""Stale heap entries that are tolerated.  MAGIC: any small number makes compaction rare."""

_Due = tuple[float, int, Hashable]
"""When a task is due, a number that goes up from one to the next, and the task: so no two tasks are
ever compared."""


class Schedule:
    """The tasks of one node and when they are due; ``random`` draws the jitter."""

    def __init__(self, random: RandomBits) -> None:
        self._random = random
        self._due: dict[Hashable, _Due] = {}
        """The entry of the heap that counts for each task; all others are stale."""
        self._heap: list[_Due] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, task: Hashable) -> bool:
        return task in self._due

    def at(self, task: Hashable, moment: float) -> None:
        """The task is due at this moment, and not at the one it was set to before."""
        self.forget(task)
        self._count += 1
        self._due[task] = due = (moment, self._count, task)
        heappush(self._heap, due)
        if len(self._heap) > 2 * len(self._due) + SLACK:
            self._heap = list(self._due.values())
            heapify(self._heap)

    def after(self, task: Hashable, now: float, period: float) -> None:
        """The task is due in about ``period`` seconds."""
        self.at(task, now + self.jittered(period))

    def jittered(self, period: float) -> float:
        """A length of time drawn evenly from ``period`` plus or minus :data:`JITTER` of it."""
        return period * (1 - JITTER + 2 * JITTER * self._random.random())

    def forget(self, task: Hashable) -> None:
        """The task is not due any more; nothing happens if it was not."""
        self._due.pop(task, None)

    def due_at(self, task: Hashable) -> float | None:
        """When this task is due; ``None`` if it is not scheduled."""
        due = self._due.get(task)
        return due[0] if due is not None else None

    def wakes_at(self) -> float | None:
        """When the next task is due, or ``None``."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> Hashable | None:
        """Take out the task that has been due for the longest; ``None`` if none is due."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        task = heappop(self._heap)[2]
        del self._due[task]
        return task

    def _drop_stale(self) -> None:
        heap, due = self._heap, self._due
        while heap and due.get(heap[0][2]) is not heap[0]:
            heappop(heap)


class Budget:
    """A token bucket: ``rate`` a second, at most ``burst`` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now

    def spend(self, amount: float, now: float) -> float:
        """Take ``amount`` out, even into debt; the seconds until the debt is paid."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - amount
        self._at = now
        return max(0.0, -self._left / self._rate)
