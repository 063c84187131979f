"""What a sweep has found: for each point and case, the median of each figure over all seeds.

An interval around it says how far it can be trusted.  It is between two order statistics, so it
supposes nothing about the distribution but that the seeds are independent: from the l-th least to
the l-th greatest of n values lies the true median with a probability of 1 - 2 P(B < l), where B is
binomial with n trials of 1/2 (Hahn and Meeker 1991, "Statistical Intervals", section 5.2).  l is
the greatest for which that is at least 95 %.  With fewer than six seeds there is none; then the
interval is all that was found, and its probability is told.

Pure: nothing here reads files or depends on the order in which runs have ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import comb
from statistics import median
from typing import Any

from kadtwisted import __version__
from kadtwisted.errors import ConfigurationError
from kadtwisted.simulation.results.figures import rounded
from kadtwisted.simulation.results.swept import HIGH, LOW, SWEEP, case_columns, differing, figures
from kadtwisted.simulation.scenario.settings import described
from kadtwisted.simulation.sweeps.plan import MOST_MEASURES, Plan

CONFIDENCE = 0.95
DECIMALS = 2

Document = Mapping[str, Any]


def place(count: int) -> int:
    """l, for so many values; 1 for those that are too few for the confidence."""
    found = 1
    while found < (count + 1) // 2 and coverage(count, found + 1) >= CONFIDENCE:
        found += 1
    return found


def coverage(count: int, at: int) -> float:
    """The probability that the true median lies from the ``at``-th least to the ``at``-th greatest
    of ``count`` values."""
    outside = 2 * sum(comb(count, below) for below in range(at))
    return 1 - outside / (1 << count)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The two values between which the true median lies."""
    ordered, at = sorted(values), place(len(values))
    return ordered[at - 1], ordered[-at]


def summary(plan: Plan, documents: Mapping[int, Document], failed: Iterable[int] = ()) -> Document:
    """The document of a sweep, in the form of that of a single run.

    ``documents`` are those of the runs that are done, by their numbers; ``failed`` are the numbers
    of others.  :class:`~kadtwisted.errors.ConfigurationError` if the plan's measures or its axis
    are none.
    """
    by_point: dict[int, list[Document]] = {number: [] for number in range(len(plan.points))}
    for run in plan.runs():
        if run.number in documents:
            by_point[run.point].append(documents[run.number])
    rows = [row for point, found in by_point.items() for row in _rows(plan, point, found)]
    columns = dict.fromkeys(key for row in rows for key in row)
    rows = [dict.fromkeys(columns) | row for row in rows]
    known = figures(rows)
    for each in plan.measures if rows else ():
        if each not in known:
            raise ConfigurationError(
                f"measures: there is no figure {each!r}; choose from {', '.join(known)}"
            )
    cases = case_columns(rows)
    across = [*plan.points[0], *cases]
    if plan.x and rows and plan.x not in across:
        raise ConfigurationError(f"x: it is one of {', '.join(across)}, not {plan.x!r}")
    own = [key for key in known if key not in cases]
    chosen = tuple(differing(rows, own)) or own or known
    measures = plan.measures or chosen[:MOST_MEASURES]
    first = plan.scenarios[0]
    return {
        "kadtwisted": __version__,
        "experiment": SWEEP,
        "level": first.level,
        "scenario": {**described(first), "name": plan.name, "about": plan.about},
        "sweep": {
            "settings": list(plan.points[0]),
            "seeds": list(plan.seeds),
            "measures": list(measures),
            "x": plan.x,
            "runs": len(plan.points) * len(plan.seeds),
            "failed": len(list(failed)),
        },
        "rows": rows,
        "details": [],
        "notes": [*_about(rows), *_noted(documents)],
    }


def _rows(plan: Plan, point: int, found: Sequence[Document]) -> list[dict[str, Any]]:
    """A row for each case of a point; all runs of a point have the same cases."""
    settings = {
        key: value if isinstance(value, str | int | float | None) else str(value)
        for key, value in plan.points[point].items()
    }
    cases = zip(*(each["rows"] for each in found), strict=True)
    return [{**settings, "seeds": len(case), **_figures(case, settings)} for case in cases]


def _figures(case: Sequence[Document], settings: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key in case[0]:
        values = [each[key] for each in case]
        numbers = [each for each in values if _is_number(each)]
        if key in settings:
            continue
        if len(numbers) < len([each for each in values if each is not None]):
            row[key] = values[0] if values.count(values[0]) == len(values) else "differs"
        elif not numbers:
            row[key] = row[key + LOW] = row[key + HIGH] = None
        else:
            row[key] = _plain(median(numbers))
            row[key + LOW], row[key + HIGH] = map(_plain, interval(numbers))
    return row


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: float) -> float:
    """As a single run would have it: a whole number stays one."""
    return value if isinstance(value, int) else rounded(value)


def _about(rows: Sequence[Document]) -> list[str]:
    if not rows:
        return ["no run is done"]
    least = min(row["seeds"] for row in rows)
    chance = rounded(100 * coverage(least, place(least)))
    return [
        f"medians over the seeds; with {least} of them, the true one lies in the interval with a "
        f"probability of {round(chance, DECIMALS):g} % (order statistics)"
    ]


def _noted(documents: Mapping[int, Document]) -> list[str]:
    """What single runs note, once."""
    ordered = (documents[number] for number in sorted(documents))
    return list(dict.fromkeys(each for document in ordered for each in document["notes"]))
