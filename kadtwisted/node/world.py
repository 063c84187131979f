"""A node's contacts with the world besides the reactor: clocks, randomness, names, own addresses.

They are handed in, so that the whole real stack also runs on a simulated network.  Two clocks: the
monotonic ``now`` is for all that is in flight, ``unix_time`` for what is published or shown.

A world may also tell from which address of this machine the system would send to an endpoint.
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

from kadtwisted.model.contact import WILDCARDS, Endpoint, Family
from kadtwisted.model.ids import RandomBits
from kadtwisted.node.names import Names
from kadtwisted.node.routes import default_way, source_address

Resolve = Callable[[str], Deferred[Sequence[str]]]
"""Turns a host name or IP address into IP addresses; fails with
:class:`~kadtwisted.errors.Unavailable`."""
SourceAddress = Callable[[Endpoint], str | None]
"""From which address of this machine the system would send to an endpoint; ``None`` if there is no
way there.  Never raises, and sends nothing."""
DefaultWay = Callable[[Family], str]
"""Over which gateway and interface everywhere is reached, as a text to compare; empty if that
cannot be told.  Never raises, and sends nothing."""


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


def cannot_tell(endpoint: Endpoint) -> str | None:
    """The answer of a world that knows nothing of addresses."""
    return None


def no_way_known(family: Family) -> str:
    """The answer of a world that knows nothing of routes."""
    return ""


@dataclass(frozen=True, slots=True)
class World:
    """What a node may ask of its surroundings.

    ``source_address`` is for worlds that can tell (see :attr:`tells_sources`); else nothing is made
    of it that it says ``None``.
    """

    now: Callable[[], float]
    unix_time: Callable[[], float]
    resolve: Resolve
    secure_random: Callable[[int], bytes]
    random: RandomBits
    source_address: SourceAddress = cannot_tell
    default_way: DefaultWay = no_way_known

    @property
    def tells_sources(self) -> bool:
        """Whether ``None`` for a source address means that there is no route."""
        return self.source_address is not cannot_tell

    def source_of(self, bound: Endpoint | None, towards: Endpoint | None) -> str | None:
        """From which address a port that is ``bound`` there sends ``towards`` an endpoint, as far
        as that can be told."""
        if bound is not None and bound.host not in WILDCARDS:
            return bound.host
        return None if towards is None else self.source_address(towards)


def real_world(reactor: Any) -> World:
    """The world of a node on a real reactor."""
    return World(
        now=steady_seconds,
        unix_time=time.time,
        resolve=Names(reactor).resolve,
        secure_random=os.urandom,
        random=random.SystemRandom(),
        source_address=source_address,
        default_way=default_way,
    )
