"""The result of ``kad simulate`` for people."""

from __future__ import annotations

from collections.abc import Sequence

from kadtwisted.cli.text.output import Described, table
from kadtwisted.simulation.results.results import Row
from kadtwisted.simulation.results.swept import SWEEP, case_columns, differing, interval


def summary(found: Described) -> str:
    """The rows of a result as a table: a column for each case, a line for each figure; of a sweep a
    line for each row."""
    if found["experiment"] == SWEEP and "sweep" in found:
        return _swept(found)
    scenario, rows = found["scenario"], found["rows"]
    head = ": ".join(filter(None, (scenario["name"] or found["experiment"], scenario["about"])))
    facts = f"level {found['level']}, seed {scenario['seed']}, start {scenario['start']}"
    parts = [head, facts, *(f"note: {each}" for each in found["notes"])]
    return "\n".join(parts) + "\n\n" + figures(rows)


def _swept(found: Described) -> str:
    """Settings and cases, and of each measure its median and interval."""
    scenario, rows, sweep = found["scenario"], found["rows"], found["sweep"]
    head = ": ".join(filter(None, (scenario["name"], scenario["about"])))
    runs = f"{sweep['runs']} runs, {len(sweep['seeds'])} seeds"
    if sweep["failed"]:
        runs += f"; {sweep['failed']} of the runs failed and are missing below"
    parts = [head, runs, *(f"note: {each}" for each in found["notes"])]
    cases = [key for key in case_columns(rows) if key not in sweep["measures"]]
    names = list(dict.fromkeys([*sweep["settings"], *differing(rows, cases)]))
    if not rows:
        return "\n".join(parts)
    titles = [each.replace("_", " ") for each in (*names, *sweep["measures"])]
    lines = [
        (*(_shown(row[key]) for key in names), *(_spread(row, key) for key in sweep["measures"]))
        for row in rows
    ]
    return "\n".join(parts) + "\n\n" + table(titles, lines, right=range(len(titles)))


def _spread(row: Row, key: str) -> str:
    low, high = interval(row, key)
    middle = _shown(row[key])
    return middle if low == high else f"{middle} [{_shown(low)}, {_shown(high)}]"


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
