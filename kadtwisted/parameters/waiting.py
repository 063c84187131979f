"""How long a reply is waited for."""

from __future__ import annotations

from dataclasses import dataclass

from kadtwisted.model.settings.fields import brief, setting
from kadtwisted.model.settings.scales import (
    FACTOR,
    PATIENCE,
)
from kadtwisted.model.settings.value_kinds import (
    WholeNumber,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a node waits for a reply. The time adapts to measured round trips (RTT)."""

    __repr__ = brief

    initial: float = setting(
        1.0,
        PATIENCE,
        "Timeout of the first requests, while no RTT has been measured (RFC 6298, section 2.1).",
    )
    floor: float = setting(
        0.05,
        PATIENCE,
        "Shortest timeout. If it is too short for a busy node nearby, that costs one "
        "retransmission.",
    )
    ceiling: float = setting(2.0, PATIENCE, "Longest timeout, however slow a node was before.")
    unknown_factor: float = setting(
        1.0,
        FACTOR,
        "Timeout for a node that was never asked: this factor times the 95th percentile of recent "
        "RTTs. Its request fails by their 99th. Larger factors gained nothing: with 3, lookups "
        "among dead contacts took more than twice as long in simulations.",
    )
    samples: int = setting(
        256, WholeNumber(1, 65536), "Recent RTTs from which the percentiles are taken."
    )
    store_floor: float = setting(
        2.0,
        PATIENCE,
        "A STORE fails after hard_factor times this at the earliest: a disk may be slow.",
    )
    ping_floor: float = setting(
        1.0,
        PATIENCE,
        "Shortest timeout of a PING. It decides whether a node is there at all, so it waits longer "
        "than a lookup does.",
    )
    hard_factor: float = setting(
        3.0,
        FACTOR,
        "A request is sent again after one timeout. It fails after this many timeouts.",
    )
    hard_floor: float = setting(
        0.2,
        PATIENCE,
        "A request never fails sooner than this: a busy node may pause for so long (the shortest "
        "TCP timeout of Linux).",
    )
