"""Figures made of many measured numbers: means, percentiles, histograms, distributions.

All of them are rounded (:func:`rounded`), so that the last bits of a sum, which may depend on the
order of its parts, are never printed.  Percentiles are by nearest rank, so each is a number that
was really measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

DIGITS = 6
"""Digits after the point: microseconds, if the numbers are seconds."""

CDF_POINTS = 100
"""Steps of a distribution, of one per cent each."""


def rounded(value: float) -> float:
    """The number as it is printed; never a negative zero."""
    return round(value, DIGITS) + 0.0


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; ``None`` of nothing."""
    return rounded(math.fsum(values) / len(values)) if values else None


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The least value that so many per cent of the values do not exceed; ``None`` of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = math.ceil(percent / 100 * len(ordered))
    return rounded(ordered[max(rank, 1) - 1])


def histogram(values: Sequence[int]) -> dict[str, int]:
    """How often each whole number occurs, from the least to the greatest, without gaps."""
    if not values:
        return {}
    counts = dict.fromkeys(range(min(values), max(values) + 1), 0)
    for each in values:
        counts[each] += 1
    return {str(value): count for value, count in counts.items()}


def cdf(values: Sequence[float]) -> list[float]:
    """The distribution as 101 numbers: the percentiles 0 (the least value) to 100 (the greatest);
    an empty list of nothing."""
    if not values:
        return []
    ordered = sorted(values)
    last = len(ordered) - 1
    return [
        rounded(ordered[math.ceil(last * percent / CDF_POINTS)])
        for percent in range(CDF_POINTS + 1)
    ]


def spread(name: str, values: Sequence[float]) -> dict[str, float | None]:
    """Median, 95th percentile and mean under ``NAME_p50``, ``NAME_p95`` and ``NAME_mean``."""
    return {
        f"{name}_p50": percentile(values, 50),
        f"{name}_p95": percentile(values, 95),
        f"{name}_mean": mean(values),
    }
