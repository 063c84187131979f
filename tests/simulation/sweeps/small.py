"""Sweeps of a dozen nodes, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kadtwisted.simulation.sweeps.plan import Plan, read_plan

TINY: dict[str, Any] = {
    "scenario": "hops",
    "seeds": 2,
    "set": {"nodes": 8, "operations": 2},
    "grid": {"parameters": {"k": [4, 5]}},
}


def planned(changed: dict[str, Any] | None = None) -> Plan:
    """A plan of four runs, with these parts of the file changed."""
    return read_plan({**TINY, **(changed or {})}, Path(), "tiny", {})
