"""The pictures of each experiment, drawn and saved.

A picture is made of the document alone (:func:`kadtwisted.simulation.results.results.document`), so
a saved document gives the same picture again, and the same bytes with the same matplotlib.
matplotlib is imported only when something is drawn; call :func:`require` before a long run whose
pictures you want.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kadtwisted.errors import ConfigurationError
from kadtwisted.simulation.results.saved import Unreadable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHARTS: Mapping[str, str] = MappingProxyType(
    {
        "hops": "lookups:hops",
        "latency": "lookups:latency",
        "waiting": "lookups:waiting",
        "churn": "failures:churn",
        "crash": "failures:crash",
        "partition": "failures:partition",
        "sybil": "attacks:sybil",
        "eclipse": "attacks:eclipse",
        "nat": "attacks:nat",
        "sweep": "sweeps:sweep",
    }
)
"""What draws the pictures of each experiment, and of a sweep: a module beside this one, and its
function."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")


class NoPictures(ConfigurationError):
    """matplotlib is not installed."""


def require() -> None:
    """:class:`NoPictures` if nothing can be drawn here."""
    try:
        import_module("matplotlib.figure")
    except ImportError:
        raise NoPictures("pictures need matplotlib: pip install matplotlib") from None


def draw(found: Mapping[str, Any]) -> dict[str, Figure]:
    """The pictures of a document, by the names of their files without an ending.

    :class:`NoPictures` without matplotlib; :class:`Unreadable` if the document is none.
    """
    require()
    place = _CHARTS.get(found.get("experiment", ""))
    if place is None:
        raise Unreadable(f"there is no picture of the experiment {found.get('experiment')!r}")
    module, _, function = place.partition(":")
    chart = getattr(import_module(f"kadtwisted.simulation.pictures.{module}"), function)
    sheet = import_module("kadtwisted.simulation.pictures.sheet")
    try:
        with sheet.settings():
            return {_stem(found) + ending: each.figure for ending, each in chart(found).items()}
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as wrong:
        raise Unreadable(
            f"this is no result that can be drawn: {type(wrong).__name__} {wrong}; "
            "was it made by another version?"
        ) from wrong


def _stem(found: Mapping[str, Any]) -> str:
    """The name of the scenario if it can be a file's name, else that of the experiment."""
    name = found["scenario"]["name"]
    return str(name if _PLAIN_NAME.fullmatch(name) else found["experiment"])


def save(figures: Mapping[str, Figure], directory: Path) -> list[Path]:
    """Write each picture as ``NAME.png`` (for screens) and ``NAME.svg`` (for print) into a
    directory; ``OSError`` if that fails."""
    sheet = import_module("kadtwisted.simulation.pictures.sheet")
    return list(sheet.save(figures, directory))
