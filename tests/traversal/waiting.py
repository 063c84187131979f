"""Waiting for daemons, in one place: for what they tell only when they are asked, and for time to
go by.  Each wait is one for the end of a process, too, so a daemon that dies ends it at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait

from tests.traversal.daemons import Daemon

LOOK_EVERY = 0.2
"""Seconds between two looks at a daemon: more looks would take its processor."""


def until(
    happened: Callable[[], bool],
    within: float,
    daemons: Sequence[Daemon],
    every: float = LOOK_EVERY,
) -> bool:
    """Look until something has happened at these daemons; whether it has, within so many seconds.

    ``RuntimeError`` as :func:`watch`.
    """
    ends = time.monotonic() + within
    while not happened():
        if time.monotonic() > ends:
            return False
        watch(daemons, every)
    return True


def watch(daemons: Sequence[Daemon], seconds: float) -> None:
    """For so long all of these run; ``RuntimeError`` as soon as one of them ends."""
    running = {daemon.sentinel: daemon for daemon in daemons}
    for ended in wait(running, seconds):
        raise RuntimeError(f"{running[ended].namespace} has ended")
