"""The result of ``kad simulate`` for people."""

from __future__ import annotations

from collections.abc import Sequence

from kadtwisted.cli.text.output import Described, table
from kadtwisted.simulation.results.results import Row


def summary(found: Described) -> str:
    """The rows of a result as a table: a column for each case, a line for each figure."""
    scenario, rows = found["scenario"], found["rows"]
    head = ": ".join(filter(None, (scenario["name"] or found["experiment"], scenario["about"])))
    facts = f"level {found['level']}, seed {scenario['seed']}, start {scenario['start']}"
    parts = [head, facts, *(f"note: {each}" for each in found["notes"])]
    return "\n".join(parts) + "\n\n" + figures(rows)


def figures(rows: Sequence[Row]) -> str:
    """Rows of figures, turned over."""
    if not rows:
        return "no figures"
    first, *names = rows[0]
    head = (first, *(_shown(each[first]) for each in rows))
    lines = [(name.replace("_", " "), *(_shown(each[name]) for each in rows)) for name in names]
    return table(head, lines, right=range(1, len(rows) + 1))


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def took(phase: Described) -> str:
    """How long one phase took."""
    times = f"{phase['wall_seconds']:.1f} s, {phase['cpu_seconds']:.1f} s of CPU"
    if not phase["rpcs"]:
        return times
    return f"{times}, {phase['rpcs']:,} RPCs, {phase['rpcs_per_cpu_second'] or 0:,} a CPU-second"
