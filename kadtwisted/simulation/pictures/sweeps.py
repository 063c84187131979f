"""The picture of a sweep: each measure against one setting, with intervals, a line for each choice
of the other settings and each case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from kadtwisted.simulation.pictures import sheet
from kadtwisted.simulation.pictures.captions import caption
from kadtwisted.simulation.pictures.sheet import Sheet, line
from kadtwisted.simulation.results.swept import case_columns, differing, interval

Document = Mapping[str, Any]

_WIDE = 50.0
"""An axis is logarithmic if its last number is so many times its first."""
_ACROSS = 2
"""Panels in a row."""


def sweep(found: Document) -> dict[str, Sheet]:
    """A panel for each measure."""
    rows, measures = found["rows"], found["sweep"]["measures"]
    settings = found["sweep"]["settings"]
    names = [*settings, *(key for key in case_columns(rows) if key not in settings)]
    varied = list(differing(rows, names))
    across = found["sweep"]["x"] or _first_number(rows, varied)
    others = [key for key in varied if key != across]
    columns = min(_ACROSS, len(measures))
    made = Sheet(
        found["scenario"]["about"] or found["scenario"]["name"], caption(found),
        -(-len(measures) // _ACROSS), columns, shared_legend=bool(others),
    )  # fmt: skip
    for number, measure in enumerate(measures):
        title = measure.replace("_", " ")
        place = divmod(number, _ACROSS)
        axes = made.panel(*place, title=title, x=across.replace("_", " "), y=title)
        for which, (name, own) in enumerate(_lines(rows, others).items()):
            _draw(axes, which, own, across, measure, name)
        _marks(axes, rows, across)
    if others:
        made.legend(_ACROSS)
    return {"": made}


def _first_number(rows: Sequence[Document], varied: Sequence[str]) -> str:
    return next((key for key in varied if all(_is_number(row[key]) for row in rows)), "")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lines(rows: Sequence[Document], others: Sequence[str]) -> dict[str, list[Document]]:
    """The rows of each line, by its name."""
    found: dict[str, list[Document]] = {}
    for row in rows:
        name = ", ".join(f"{key.replace('_', ' ')} {row[key]}" for key in others)
        found.setdefault(name, []).append(row)
    return found


def _draw(
    axes: Axes, number: int, rows: list[Document], across: str, measure: str, name: str
) -> None:
    numeric = bool(across) and all(_is_number(row[across]) for row in rows)
    own = sorted(rows, key=lambda row: row[across]) if numeric else rows
    x = [row[across] for row in own] if numeric else list(range(len(own)))
    line(axes, number, x, [row[measure] for row in own], name)
    whole = [(at, *interval(row, measure)) for at, row in zip(x, own, strict=True)]
    known = [each for each in whole if None not in each]
    # Bars instead of bands: those of several lines can be told apart in grey, too.
    axes.vlines(
        [at for at, _, _ in known], [low for _, low, _ in known], [high for *_, high in known],
        color=sheet.look(number).color, linewidth=1.0,
    )  # fmt: skip


def _marks(axes: Axes, rows: Sequence[Document], across: str) -> None:
    """Marks at the values that were tried."""
    values = list(dict.fromkeys(row[across] for row in rows)) if across else []
    if not values or not all(map(_is_number, values)):
        axes.set_xticks(range(len(values)), [str(each) for each in values])
        return
    values.sort()
    if values[0] > 0 and values[-1] / values[0] >= _WIDE:
        sheet.logarithmic(axes, values)
    else:
        axes.set_xticks(values)
