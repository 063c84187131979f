"""Pictures of bad days: nodes come and go (``churn``), crash at once (``crash``), or are cut in two
halves (``partition``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from kadtwisted.simulation.pictures import sheet
from kadtwisted.simulation.pictures.captions import caption
from kadtwisted.simulation.pictures.sheet import REFERENCE, Sheet, line

Document = Mapping[str, Any]

_NEAREST = "copies on the k nearest"


def churn(found: Document) -> dict[str, Sheet]:
    """Reads and traffic against the length of sessions, and copies over time."""
    made = Sheet("Nodes come and go", caption(found), 2, 2)
    rows = found["rows"]
    lengths = sorted(dict.fromkeys(row["session_minutes"] for row in rows))
    session = "median session, minutes, log scale"
    axes = made.panel(0, 0, title="Reads that succeed", x=session, y="reads, %")
    _against_sessions(axes, rows, "read_percent")
    sheet.percent(axes)
    sheet.logarithmic(axes, lengths)
    sheet.legend(axes, "lower left")
    axes = made.panel(0, 1, title="Traffic", x=session, y="bytes sent a node and second")
    _against_sessions(axes, rows, "bytes_per_node_second")
    sheet.from_nothing(axes)
    sheet.logarithmic(axes, lengths)
    for column, (key, what) in enumerate(
        (("copies_mean", "Copies of a value, mean"), ("copies_least", "Copies of the worst value"))
    ):
        axes = made.panel(1, column, title=what, x="time, in median sessions", y=_NEAREST)
        for number, each in enumerate(found["details"]):
            sessions = [60 * look["hour"] / each["session_minutes"] for look in each["course"]]
            copies = [look[key] for look in each["course"]]
            line(axes, number, sessions, copies, _session_name(found, each))
        sheet.from_nothing(axes)
        if not column:
            sheet.legend(axes)
    return {"": made}


def _against_sessions(axes: Axes, rows: Sequence[Document], key: str) -> None:
    for number, size in enumerate(dict.fromkeys(row["nodes"] for row in rows)):
        own = sorted((row["session_minutes"], row[key]) for row in rows if row["nodes"] == size)
        line(axes, number, [each for each, _ in own], [each for _, each in own], f"N = {size:,}")


def _session_name(found: Document, case: Document) -> str:
    return f"{case['session_minutes']:g} min{_size(found, case)}"


def _size(found: Document, case: Document) -> str:
    """The number of nodes of a case, if cases differ in it."""
    return f", N = {case['nodes']:,}" if len(found["scenario"]["nodes"]) > 1 else ""


def crash(found: Document) -> dict[str, Sheet]:
    """Values and copies after the crash, and how long reads took right after it."""
    made = Sheet("Nodes crash at once", caption(found), 2, 2)
    time = "minutes after the crash"
    survival = made.panel(0, 0, title="Values that survive", x=time, y="values, %")
    reads = made.panel(
        0, 1, title="Reads right after the crash", x="seconds, log scale", y="reads done, %"
    )
    mean = made.panel(1, 0, title="Copies of a value, mean", x=time, y=_NEAREST)
    worst = made.panel(1, 1, title="Copies of the worst value", x=time, y=_NEAREST)
    for number, (row, each) in enumerate(zip(found["rows"], found["details"], strict=True)):
        name = f"{row['dead_percent']} % dead{_size(found, row)}"
        course = each["course"]
        minutes = [look["minute"] for look in course]
        kept = [100 * (1 - look["lost"] / row["records"]) for look in course]
        line(survival, number, minutes, kept, name)
        times = each["seconds_cdf"]
        line(reads, number, times, sheet.steps(len(times), row["read_percent"] or 0.0), name)
        line(mean, number, minutes, [look["copies_mean"] for look in course], name)
        line(worst, number, minutes, [look["copies_least"] for look in course], name)
    for axes in (mean, worst):
        k = found["scenario"]["parameters"]["k"]
        line(axes, REFERENCE, axes.get_xlim(), [k, k], f"k = {k}")
        sheet.from_nothing(axes)
    for axes in (survival, mean, worst):
        sheet.whole_numbers(axes)
    sheet.percent(survival)
    sheet.percent(reads)
    sheet.logarithmic(reads)
    sheet.legend(worst, "lower right")
    sheet.legend(survival, "lower right")
    return {"": made}


def partition(found: Document) -> dict[str, Sheet]:
    """How two halves become one network again."""
    made = Sheet("Two halves become one network again", caption(found), 1, 2)
    time = "minutes after the cut was mended"
    known = made.panel(0, 0, title="What the worst node knows", x=time, y="its k nearest, %")
    agreed = made.panel(0, 1, title="Keys with one value again", x=time, y="keys, %")
    for number, (row, each) in enumerate(zip(found["rows"], found["details"], strict=True)):
        course, name = each["course"], f"N = {each['nodes']:,}"
        minutes = [look["minute"] for look in course]
        line(known, number, minutes, [look["known_percent"] for look in course], name)
        agreeing = [100 * look["agreeing"] / row["keys"] for look in course]
        line(agreed, number, minutes, agreeing, name)
    goal = max(each["course"][0]["goal"] for each in found["details"])
    line(known, REFERENCE, known.get_xlim(), [goal, goal], "counts as merged")
    for axes in (known, agreed):
        sheet.whole_numbers(axes)
        sheet.percent(axes)
        sheet.legend(axes, "lower right")
    return {"": made}
