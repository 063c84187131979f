"""One picture: panels side by side, a title above them, and the scenario below.

This module decides all that makes pictures look alike: sizes, fonts, and how lines differ.  Lines
differ in dashes and markers as well as in colour, so that a page printed in grey loses nothing.
Other modules decide what is drawn.

matplotlib's settings are changed only while a picture is made or written.  pyplot and its global
figures are not used.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

WIDTH = 7.0
"""Inches: the width of the text on a printed page, A4 or letter."""
CAPTION_WIDTH = 104
"""Letters that fit into the width."""
CAPTION_LINE = 0.16
TITLE_LINE = 0.34
"""Inches for a line of the title."""
DOTS_PER_INCH = 120
FEW_DECADES = 50.0
"""An axis has marks at 2 and 5, too, if it ends at less than so many times its first number."""
MARKS = 8
"""Markers on a line of many points."""

_SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.labelsize": 9,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "0.88",
        "grid.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.5,
        "lines.markersize": 5,
        "legend.frameon": False,
        "savefig.dpi": DOTS_PER_INCH,
        "svg.hashsalt": "kadtwisted",
    }
)

_KINDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "png": {"metadata": {"Software": None}, "pil_kwargs": {"optimize": True}},
        "svg": {"metadata": {"Date": None}},
    }
)
"""The kinds of files of a picture, and how each is written."""

Place = Literal["best", "upper left", "lower left", "lower right", "center right"]
"""The places for the legend of a panel."""


class Look(NamedTuple):
    """How a line is drawn; any two looks differ in dashes and in marker."""

    color: str
    linestyle: str | tuple[int, tuple[float, ...]]
    marker: str


LOOKS = (
    Look("#000000", "solid", "o"),
    Look("#0072b2", "dashed", "s"),
    Look("#d55e00", "dotted", "^"),
    Look("#7a7a7a", "dashdot", "D"),
    Look("#5a3d7a", (0, (5.0, 1.0, 1.0, 1.0, 1.0, 1.0)), "v"),
    Look("#3d8f5f", (0, (1.0, 3.0)), "P"),
)
"""The looks of the lines of a picture, in order (colours: Okabe and Ito 2008, and darker ones)."""
REFERENCE = Look("#7a7a7a", (0, (1.0, 1.5)), "x")
"""The look of a line whose figures are not from this run."""


def look(number: int) -> Look:
    """The look of a line by its number; after the last look comes the first again."""
    return LOOKS[number % len(LOOKS)]


def settings() -> AbstractContextManager[None]:
    """matplotlib's settings for our pictures, whatever the user's settings are."""
    return style.context(["default", dict(_SETTINGS)])


class Sheet:
    """A picture of ``rows`` x ``columns`` panels, each ``height`` inches high.

    With ``shared_legend`` there is room for one legend of all panels.
    """

    def __init__(
        self,
        title: str,
        caption: str,
        rows: int,
        columns: int,
        *,
        height: float = 2.6,
        shared_legend: bool = False,
    ) -> None:
        lines = textwrap.wrap(caption, CAPTION_WIDTH, break_on_hyphens=False)
        below = CAPTION_LINE * (len(lines) + 0.5)
        above = TITLE_LINE * (2 if shared_legend else 1)
        tall = rows * height + above + below
        self.figure = figure = Figure(figsize=(WIDTH, tall))
        figure.set_layout_engine(
            "constrained", rect=(0, below / tall, 1, 1 - (above + below) / tall)
        )
        figure.text(
            0.5, 1 - 0.2 * TITLE_LINE / tall, title, size=12, weight="bold", ha="center", va="top"
        )
        figure.text(0.01, 0.3 * CAPTION_LINE / tall, "\n".join(lines), color="0.25", va="bottom")
        self._panels = figure.subplots(rows, columns, squeeze=False)
        self._legend_top = 1 - TITLE_LINE / tall

    def panel(self, row: int, column: int, *, title: str, x: str, y: str) -> Axes:
        """One of the panels, with its title and the quantities and units of its axes."""
        axes: Axes = self._panels[row][column]
        axes.set_title(title)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        return axes

    def legend(self, columns: int) -> None:
        """Put the legend of the first panel above all of them."""
        handles, names = self._panels[0][0].get_legend_handles_labels()
        self.figure.legend(
            handles,
            names,
            loc="upper center",
            bbox_to_anchor=(0.5, self._legend_top),
            ncols=columns,
            handlelength=3.5,
        )


def line(
    axes: Axes, number: int | Look, x: Sequence[float], y: Sequence[float | None], label: str
) -> None:
    """Draw a line with its name; it has a gap wherever ``y`` is ``None``."""
    chosen = number if isinstance(number, Look) else look(number)
    axes.plot(
        x,
        [float("nan") if each is None else each for each in y],
        color=chosen.color,
        linestyle=chosen.linestyle,
        marker=chosen.marker,
        # The markers of neighbouring lines are at different places.
        markevery=1 if len(x) <= 2 * MARKS else (_first(number, len(x)), len(x) // MARKS),
        markerfacecolor="white" if chosen.marker not in "x+" else chosen.color,
        label=label,
    )


def _first(number: int | Look, points: int) -> int:
    return 0 if isinstance(number, Look) else number * points // (4 * MARKS) % (points // MARKS)


def percent(axes: Axes) -> None:
    """Let the vertical axis show 0 to 100 per cent."""
    axes.set_ylim(-3, 103)
    axes.set_yticks(range(0, 101, 20))


def from_nothing(axes: Axes) -> None:
    """Let the vertical axis begin at 0; call this after all lines are drawn."""
    high = 1.04 * axes.get_ylim()[1]
    axes.set_ylim(-0.03 * high, high)


def whole_numbers(axes: Axes) -> None:
    """Let the horizontal axis have marks at whole numbers only."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7, min_n_ticks=1))


def logarithmic(axes: Axes, marks: Sequence[float] = ()) -> None:
    """Let the horizontal axis be logarithmic, with plain numbers, only those of ``marks`` if there
    are any; call this after all lines are drawn."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    between = (1.0, 2.0, 5.0) if high / low < FEW_DECADES else (1.0,)
    axes.xaxis.set_major_locator(FixedLocator(marks) if marks else LogLocator(subs=between))
    axes.xaxis.set_major_formatter(FuncFormatter(plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if marks:
        axes.xaxis.set_minor_locator(NullLocator())


def plain(value: float, _: object = None) -> str:
    """A number as people write it: no powers of ten."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def steps(count: int, whole: float) -> list[float]:
    """``count`` numbers from 0 to ``whole``: the vertical axis of a distribution."""
    return [whole * step / max(1, count - 1) for step in range(count)]


def legend(axes: Axes, place: Place = "best") -> None:
    """Put a legend into a panel."""
    axes.legend(loc=place)


def save(figures: Mapping[str, Figure], directory: Path) -> Iterator[Path]:
    """Write each figure as ``NAME.png`` and ``NAME.svg``, the same bytes for the same figures;
    ``OSError`` if that fails."""
    with settings():
        for name, figure in figures.items():
            for kind, options in _KINDS.items():
                path = directory / f"{name}.{kind}"
                figure.savefig(path, format=kind, **options)
                yield path
