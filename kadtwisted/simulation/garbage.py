"""Garbage collection during a simulation: seldom, and not of what lives as long as the network.

A simulated network is millions of objects that live to the end.  Python's collector looks through
all of them again and again, and finds nothing: that took a quarter of the time with 10,000 nodes.
Here it is told at each phase that what there is will stay, and until then it looks more seldom.
A run may play with one network after the other.  So when twice as much was put away as was found
alive the last time, all of it is looked through: of networks that are over nothing stays.

Only while a run goes on: a program that runs a simulation gets its collector back as it was.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from kadtwisted.simulation.monitor import Monitor

THRESHOLDS = (50_000, 20, 100)
"""For :func:`gc.set_threshold`; Python's own are (700, 10, 10).  MAGIC: measured with 10,000 nodes;
what 50,000 new objects can hold back is about 5 MB."""


class _Freezing:
    """A monitor that first lets the collector put away what lives, and then passes all on."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._alive = 0

    def phase(self, text: str, total: int) -> None:
        gc.collect(1)  # the young ones: what is garbage now would stay
        gc.freeze()
        if gc.get_freeze_count() > 2 * self._alive:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            self._alive = gc.get_freeze_count()
        self._monitor.phase(text, total)

    def step(self, count: int = 1) -> None:
        self._monitor.step(count)

    def exchanged(self, rpcs: int) -> None:
        self._monitor.exchanged(rpcs)


@contextmanager
def collecting_seldom(monitor: Monitor) -> Iterator[Monitor]:
    """What runs inside is a simulation that tells its phases to the monitor given here.

    A caller that has frozen objects itself keeps them frozen, and nothing is added to them.
    """
    thresholds = gc.get_threshold()
    freezes = not gc.get_freeze_count()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield _Freezing(monitor) if freezes else monitor
    finally:
        if freezes:
            gc.unfreeze()
        gc.set_threshold(*thresholds)
