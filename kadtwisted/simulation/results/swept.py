"""The form of the document of a sweep, for those who make it and those who show it.

It is that of a single run.  Its rows begin with the settings that differ.  Each figure is the
median over the seeds, and has two more columns for the ends of its interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

SWEEP = "sweep"
"""The word in a document under ``experiment``."""
LOW, HIGH = "_low", "_high"
"""Ends of the names of the columns for the ends of intervals."""

Row = Mapping[str, Any]


def figures(rows: Sequence[Row]) -> list[str]:
    """The columns that have an interval."""
    every = dict.fromkeys(key for row in rows for key in row)
    return [key for key in every if key + LOW in every]


def case_columns(rows: Sequence[Row]) -> list[str]:
    """The first figures of a row that no seed changes: by them an experiment names its cases."""
    found: list[str] = []
    for key in figures(rows):
        if any(not row[key + LOW] == row[key] == row[key + HIGH] for row in rows):
            break
        found.append(key)
    return found


def differing(rows: Sequence[Row], keys: Iterable[str]) -> Iterator[str]:
    """Those of the columns that do not have the same value in all rows."""
    return (key for key in keys if len(list(dict.fromkeys(row[key] for row in rows))) > 1)


def interval(row: Row, key: str) -> tuple[Any, Any]:
    """The ends of a figure's interval."""
    return row[key + LOW], row[key + HIGH]
