"""A node's contacts with the world besides the reactor: clocks, randomness, name resolution.

They are handed in, so that the whole real stack also runs on a simulated network.  Two clocks: the
monotonic ``now`` is for all that is in flight, ``unix_time`` for what is published or shown.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.model.ids import RandomBits
from kadtwisted.node.names import Names

Resolve = Callable[[str], Deferred[Sequence[str]]]
"""Turns a host name or IP address into IP addresses; fails with
:class:`~kadtwisted.errors.Unavailable`."""


def _steady() -> Callable[[], float]:
    """The clock that goes on while the machine sleeps, where the system has it (Linux: BOOTTIME;
    the monotonic clocks of others do it by themselves, or have no such clock)."""
    number = getattr(time, "CLOCK_BOOTTIME", None)
    if number is not None:
        with suppress(OSError):
            time.clock_gettime(number)
            return partial(time.clock_gettime, number)
    return time.monotonic


steady_seconds: Callable[[], float] = _steady()
"""Seconds of a clock that nobody sets, and that goes on while the machine sleeps: what was to end
meanwhile has ended when it wakes, and what is overdue is done."""


def slept_seconds() -> float:
    """How long the machine has slept, up to a constant; it never changes where nobody can tell."""
    return steady_seconds() - time.monotonic()


@dataclass(frozen=True, slots=True)
class World:
    """What a node may ask of its surroundings."""

    now: Callable[[], float]
    unix_time: Callable[[], float]
    resolve: Resolve
    secure_random: Callable[[int], bytes]
    random: RandomBits


def real_world(reactor: Any) -> World:
    """The world of a node on a real reactor."""
    return World(
        now=steady_seconds,
        unix_time=time.time,
        resolve=Names(reactor).resolve,
        secure_random=os.urandom,
        random=random.SystemRandom(),
    )
