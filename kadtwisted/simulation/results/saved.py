"""Reading results that were saved (``kad simulate --output FILE.json``).

This module checks whether a file is such a document at all.  The names of an experiment's own
figures are known to the code that draws them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kadtwisted.errors import LocalError, reason_of
from kadtwisted.storage.guard import read_file

_PARTS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "kadtwisted": str,
        "experiment": str,
        "level": str,
        "scenario": dict,
        "rows": list,
        "details": list,
        "notes": list,
    }
)
"""The parts of every document, and their types."""
RESULT_BYTES = 256 * 1024 * 1024
"""MAGIC: all figures of the largest experiments have a few megabytes."""
_FACTS = ("name", "about", "seed", "start", "nodes")
"""What every scenario in a document has."""


class Unreadable(LocalError):
    """A file is no result of a simulation, or none that this version understands."""


def read_result(path: Path) -> dict[str, Any]:
    """The document in a file; :class:`Unreadable` if there is none."""
    try:
        data = read_file(path, RESULT_BYTES)
        if len(data) > RESULT_BYTES:
            raise Unreadable(f"{path} is no result of kad simulate: it is larger than 256 MiB")
        found = json.loads(data.decode("utf-8"))
    except RecursionError:
        raise Unreadable(f"{path} is no result of kad simulate: it is nested too deeply") from None
    except OSError as error:
        raise Unreadable(f"cannot read {path}: {reason_of(error)}") from None
    except ValueError as wrong:  # no UTF-8, or no JSON
        raise Unreadable(f"{path} is no result of kad simulate: {wrong}") from None
    missing = "an object" if not isinstance(found, dict) else _missing(found)
    if missing:
        raise Unreadable(f"{path} is no result of kad simulate: {missing} is missing")
    return dict(found)


def _missing(found: Mapping[str, Any]) -> str | None:
    """The first part that is missing in a document."""
    for name, kind in _PARTS.items():
        if not isinstance(found.get(name), kind):
            return name
    for name in _FACTS:
        if name not in found["scenario"]:
            return f"scenario.{name}"
    rows = found["rows"]
    if not all(isinstance(each, dict) and each.keys() == rows[0].keys() for each in rows):
        return "a figure in some of the rows"
    return None
