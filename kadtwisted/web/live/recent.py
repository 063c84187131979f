"""Requests that have ended lately: how many, how, and how long the answers took.

Pure: the clock is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from kadtwisted.api.describe import Described
from kadtwisted.model.observed import ANSWERED, RequestEnded

MOST_SAMPLES: Final = 1000
"""MAGIC: times that are kept of one message until they are taken: those of a thousand requests
tell a 95th percentile well enough, and what comes after them is counted only."""


class RecentRequests:
    """The requests that have ended since they were taken last.  There is one entry for each message
    of the protocol and way to end, so they are as few as these."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self._results: dict[str, dict[str, int]] = {}
        self._seconds: dict[str, list[float]] = {}

    def hear(self, told: RequestEnded) -> None:
        """One has ended."""
        results = self._results.setdefault(told.rpc, {})
        results[told.result] = results.get(told.result, 0) + 1
        if told.result == ANSWERED:
            seconds = self._seconds.setdefault(told.rpc, [])
            if len(seconds) < MOST_SAMPLES:
                seconds.append(told.seconds)

    def take(self) -> Described:
        """All of them; from now on it begins anew."""
        since, self._since = self._since, self._now()
        results, self._results = self._results, {}
        seconds, self._seconds = self._seconds, {}
        return {
            "seconds": round(self._since - since, 3),
            "rpcs": [
                {"rpc": rpc, "results": ended, **_times(seconds.get(rpc, ()))}
                for rpc, ended in sorted(results.items())
            ],
            **_times([each for times in seconds.values() for each in times]),
        }


def _times(seconds: Sequence[float]) -> Described:
    return {"median_seconds": quantile(seconds, 0.5), "p95_seconds": quantile(seconds, 0.95)}


def quantile(seconds: Sequence[float], share: float) -> float | None:
    """The least time that so great a share does not exceed; ``None`` of none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return round(ordered[math.ceil(share * len(ordered)) - 1], 6)
