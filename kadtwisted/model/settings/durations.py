"""Times as people write them: seconds, or a number with a unit, such as ``90m``.

Only the standard library's ``re`` is imported here, so that ``kad --help`` stays quick.
"""

from __future__ import annotations

import math
import re
from types import MappingProxyType

UNITS = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0})
"""The length of each unit, in seconds."""

_WRITTEN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d)?", re.ASCII)


def seconds_of(text: str) -> float:
    """The seconds that a text means: ``"90"``, ``"1.5h"``, ``"20 ms"``; NaN if it is no time."""
    found = _WRITTEN.fullmatch(text.strip())
    return math.nan if found is None else float(found[1]) * UNITS[found[2] or "s"]


def short(seconds: float) -> str:
    """Seconds in the largest unit that needs no fraction; below a minute always in seconds."""
    for unit in ("d", "h", "m"):
        if seconds >= UNITS[unit] and seconds % UNITS[unit] == 0:
            return f"{int(seconds // UNITS[unit])}{unit}"
    return f"{plain(seconds)}s"


def plain(number: float) -> str:
    """A number, without a fraction where there is none."""
    return str(int(number)) if number == int(number) else repr(number)
