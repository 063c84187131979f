"""How late a timer is in a busy reactor."""

from __future__ import annotations

import time
from typing import Any

TICK = 0.005
"""The timer's period in seconds."""


def percentile(values: list[float], part: float) -> float:
    """By nearest rank; 0 of no values."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0


class Lag:
    """How late a timer is, which is how long the reactor did nothing else."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._late: list[float] = []
        self._due = time.perf_counter()
        self._tick()

    def _tick(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, now - self._due) * 1000)
        self._due = now + TICK
        self._reactor.callLater(TICK, self._tick)

    def take(self) -> dict[str, float]:
        """The lag in milliseconds since the last call."""
        late, self._late = self._late, []
        return {"lag_p99_ms": percentile(late, 0.99), "lag_worst_ms": max(late, default=0.0)}
