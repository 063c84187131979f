"""What ``kad demo`` says at its end, to people who have never seen a distributed hash table."""

from __future__ import annotations

from textwrap import fill

from kadtwisted.cli.text.output import Described, count_of, duration, milliseconds, table

_WIDTH = 88
_SHOWN = 5
"""Failures that are written out; ``--json`` has them all."""


def summary(outcome: Described) -> str:
    """What was done, how it went, and what that means."""
    parts = [_story(outcome), _numbers(outcome), _meaning(outcome), _failures(outcome)]
    return "\n\n".join(part for part in parts if part)


def _story(outcome: Described) -> str:
    visitors = count_of(outcome["visitors"], "visitor")
    were = "was" if outcome["killed"] == 1 else "were"
    return _wrapped(
        f"{count_of(outcome['nodes'], 'node')} formed a network on this machine and stored "
        f"{count_of(outcome['values'], 'value')} in it.  {visitors}, nodes that keep nothing "
        f"themselves, read them.  Then {outcome['killed']} of the {outcome['nodes']} nodes {were} "
        "stopped without warning, and the visitors read everything again at once."
    )


def _numbers(outcome: Described) -> str:
    total = outcome["values"]
    rows = [
        (
            name,
            f"{outcome[key]['count']} of {total}",
            _time(outcome[key]["median_seconds"]),
            _time(outcome[key]["worst_seconds"]),
        )
        for name, key in (
            ("stored", "stored"),
            ("read", "read_before"),
            ("read after the stop", "read_after"),
        )
    ]
    return table(("", "VALUES", "MEDIAN TIME", "WORST TIME"), rows, right=(1, 2, 3))


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else milliseconds(seconds)


def _meaning(outcome: Described) -> str:
    copies, missing = outcome["stored"]["copies"], outcome["values"] - outcome["kept"]
    fewest, most = copies["fewest"], copies["most"]
    each = f"{most}" if fewest == most else f"{fewest} to {most}"
    verdict = (
        "Nothing was lost." if not missing else f"{count_of(missing, 'value')} could not be read."
    )
    meaning = _wrapped(
        f"{verdict}  Each value was stored on {each} nodes, those closest to its key, and is "
        "found as long as one of them runs.  A reader waits for nodes that do not answer, because "
        "one of them might have a newer value.  So reads took longer after the stop."
    )
    took = duration(outcome["duration_seconds"])
    again = f"kad demo --nodes {outcome['nodes']} --seed {outcome['seed']}"
    return f"{meaning}\n\nIt took {took}; to repeat it: {again}"


def _wrapped(text: str) -> str:
    return fill(text, _WIDTH)


def _failures(outcome: Described) -> str:
    failures = list(outcome["failures"].items())
    lines = [f"{name}: {why}" for name, why in failures[:_SHOWN]]
    if len(failures) > _SHOWN:
        lines.append(f"and {len(failures) - _SHOWN} more")
    return "\n".join(lines)
