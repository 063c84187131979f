"""Pictures of lookups: how far they go (``hops``), and how long they take (``latency``,
``waiting``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from kadtwisted.simulation.pictures import sheet
from kadtwisted.simulation.pictures.captions import caption
from kadtwisted.simulation.pictures.sheet import REFERENCE, Sheet, line

Document = Mapping[str, Any]
Cases = Sequence[tuple[Document, Document]]
"""Rows of a result, each with its details."""


class Ideal(NamedTuple):
    """A number of nodes, and the mean hops and RPCs of a lookup in an idealised network."""

    nodes: int
    hops: float
    rpcs: float


IDEAL = (Ideal(1_000, 1.9, 21), Ideal(10_000, 2.5, 23), Ideal(100_000, 3.0, 24))
"""From a separate program that has only tables and round trips, and in which everybody answers."""
IDEAL_FOR = (20, 3)
"""The k and alpha of these figures."""


def hops(found: Document) -> dict[str, Sheet]:
    """The distributions of hops and RPCs, and how their means grow with the network."""
    made = Sheet("How far a lookup goes", caption(found), 2, 2, shared_legend=True)
    for column, (key, what) in enumerate((("hops", "hops"), ("rpcs", "RPCs"))):
        axes = made.panel(
            0, column, title=f"{what[0].upper()}{what[1:]} of a lookup", x=what, y="lookups, %"
        )
        counts = [each[f"{key}_histogram"] for each in found["details"]]
        values = sorted({int(value): None for each in counts for value in each})
        for number, each in enumerate(found["details"]):
            _histogram(axes, number, values, counts[number], f"N = {each['nodes']:,}")
        sheet.whole_numbers(axes)
        sheet.from_nothing(axes)
        axes = made.panel(
            1, column, title=f"Mean {what} against N", x="nodes N", y=f"{what} a lookup, mean"
        )
        _growth(axes, found, key)
    made.legend(4)
    return {"": made}


def _histogram(
    axes: Axes, number: int, values: Sequence[int], counts: Mapping[str, int], name: str
) -> None:
    """The share of each value in per cent; the keys of ``counts`` are texts, as in JSON."""
    total = sum(counts.values())
    shares = [100 * counts.get(str(value), 0) / total for value in values]
    line(axes, number, values, shares, name)


def _growth(axes: Axes, found: Document, key: str) -> None:
    rows = sorted(found["rows"], key=lambda row: int(row["nodes"]))
    sizes = [row["nodes"] for row in rows]
    line(axes, 0, sizes, [row[f"{key}_mean"] for row in rows], "this run")
    parameters = found["scenario"]["parameters"]
    if (parameters["k"], parameters["alpha"]) == IDEAL_FOR:
        ideal = [each.nodes for each in IDEAL]
        line(axes, REFERENCE, ideal, [getattr(each, key) for each in IDEAL], "idealised")
    axes.margins(x=0.12)
    sheet.logarithmic(axes)
    sheet.from_nothing(axes)
    sheet.legend(axes, "lower right")


def latency(found: Document) -> dict[str, Sheet]:
    """How long lookups take: a picture for each number of nodes, a panel for each part of dead
    ones, a line for each rule."""
    return _for_each_size(found, _latency_of)


def _for_each_size(
    found: Document, draw: Callable[[Document, int, Cases], Sheet]
) -> dict[str, Sheet]:
    """A picture for each number of nodes, of its rows and their details."""
    sizes: dict[int, list[tuple[Document, Document]]] = {}
    for row, detail in zip(found["rows"], found["details"], strict=True):
        sizes.setdefault(row["nodes"], []).append((row, detail))
    return {
        "" if len(sizes) == 1 else f"-{size}": draw(found, size, cases)
        for size, cases in sizes.items()
    }


def _latency_of(found: Document, size: int, cases: Cases) -> Sheet:
    parts = list(dict.fromkeys(row["dead_percent"] for row, _ in cases))
    title = "How long a lookup takes when nodes have just crashed"
    made = Sheet(title, caption(found, size), 2, len(parts), height=2.4, shared_legend=True)
    for upper, (kind, what) in enumerate((("first", "First value"), ("full", "Full lookup"))):
        for column, dead in enumerate(parts):
            axes = made.panel(
                upper, column, title=f"{what}, {dead} % dead",
                x="seconds, log scale", y="" if column else "lookups done, %",
            )  # fmt: skip
            _distributions(axes, [case for case in cases if case[0]["dead_percent"] == dead], kind)
    _share_range(made)
    made.legend(3)
    return made


def _distributions(axes: Axes, cases: Cases, kind: str) -> None:
    """A line for each rule; one ends below 100 % if lookups failed."""
    for number, (row, detail) in enumerate(cases):
        times = detail[f"{kind}_seconds_cdf"]
        good = 1 - row[f"{kind}_failed"] / row["lookups"]
        line(axes, number, times, sheet.steps(len(times), 100 * good), row["rule"])
    sheet.percent(axes)


_MOMENTS = (
    ("first", "First value"),
    ("latest", "Latest value"),
    ("missing", "Missing key"),
    ("full", "Full lookup"),
    ("receipt", "Put: receipt"),
    ("complete", "Put: all STOREs ended"),
)
"""What is waited for, and the titles of the panels."""


def waiting(found: Document) -> dict[str, Sheet]:
    """What callers wait for: a picture for each number of nodes, a panel for each kind of
    operation, a line for each part of dead ones."""
    return _for_each_size(found, _waiting_of)


def _waiting_of(found: Document, size: int, cases: Cases) -> Sheet:
    title = "What a caller waits for when nodes have just crashed"
    made = Sheet(title, caption(found, size), 2, 3, height=2.4, shared_legend=True)
    for place, (kind, what) in enumerate(_MOMENTS):
        row, column = divmod(place, 3)
        axes = made.panel(
            row, column, title=what, x="seconds, log scale", y="" if column else "done, %"
        )
        for number, (figures, detail) in enumerate(cases):
            times = detail[f"{kind}_seconds_cdf"]
            failed = figures["receipt_failed" if kind == "complete" else f"{kind}_failed"]
            good = 100 * (1 - failed / figures["operations"])
            name = f"{figures['dead_percent']} % dead"
            line(axes, number, times, sheet.steps(len(times), good), name)
        sheet.percent(axes)
    _share_range(made)
    made.legend(len(cases))
    return made


def _share_range(made: Sheet) -> None:
    """Let all panels show the same range of time, so that they can be compared at a glance."""
    panels = made.figure.axes
    for axes in panels:
        axes.set_xscale("log")
    low = min(axes.get_xlim()[0] for axes in panels)
    high = max(axes.get_xlim()[1] for axes in panels)
    for axes in panels:
        axes.set_xlim(low, high)
        sheet.logarithmic(axes)
