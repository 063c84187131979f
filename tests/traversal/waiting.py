"""Waiting in real time, in one place.

A daemon's control socket tells how the node is only when it is asked, so whoever waits for that has
to look again; and what a node sends while nobody wants anything of it is counted over a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_EVERY = 0.2
"""Seconds between two looks at a daemon: more looks would take its processor."""


def until(happened: Callable[[], bool], within: float, every: float = LOOK_EVERY) -> bool:
    """Look until something has happened; whether it has, within so many seconds."""
    ends = time.monotonic() + within
    while not happened():
        if time.monotonic() > ends:
            return False
        let_pass(every)
    return True


def let_pass(seconds: float) -> None:
    """So much time goes by."""
    time.sleep(seconds)
