"""The text below a picture: its scenario in one paragraph, enough to make the picture again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PAIR = re.compile(r"(?<=\d) (?=(?:ms|s|min|%)\b)|(?<=\d) (?=%)| (?== )|(?<= =) ")


def caption(found: Mapping[str, Any], size: int | None = None) -> str:
    """The scenario of a document, or only of its case with ``size`` nodes."""
    text = "; ".join([*_facts(found, size), *found["notes"]]) + "."
    # No line break between a number and its unit.
    return _PAIR.sub("\u00a0", text)


def _facts(found: Mapping[str, Any], size: int | None) -> Iterator[str]:
    scenario = found["scenario"]
    parameters, latency, faults = (scenario[name] for name in ("parameters", "latency", "faults"))
    sizes = scenario["nodes"] if size is None else [size]
    name = scenario["name"] or found["experiment"]
    kind = "Sweep" if "sweep" in found else "Scenario"
    swept = _swept(found)
    yield f"{kind} {name}: N = {swept.get('nodes') or ', '.join(f'{each:,}' for each in sizes)}"
    yield f"{'private' if scenario['secret'] else 'open'} network, {scenario['start']}"
    if "sweep" in found:
        yield f"{len(found['sweep']['seeds'])} seeds"
    else:
        yield f"seed {scenario['seed']}"
    k, alpha = (swept.get(f"parameters.{key}", parameters[key]) for key in ("k", "alpha"))
    yield f"k = {k}, alpha = {alpha}"
    yield f"round trips {latency['model']}{_typical(latency)}"
    for what, part in faults.items():
        if part and f"faults.{what}" not in swept:
            yield f"{what} {100 * part:g} %"
    yield from _subject(scenario)
    if found["experiment"] != "partition":
        yield f"{scenario['operations']:,} operations a case"
    yield f"kadtwisted {found['kadtwisted']}"


def _swept(found: Mapping[str, Any]) -> dict[str, str]:
    """The values of each setting that a sweep varies."""
    keys = found["sweep"]["settings"] if "sweep" in found else []
    return {
        key: ", ".join(str(each) for each in dict.fromkeys(row[key] for row in found["rows"]))
        for key in keys
    }


def _typical(latency: Mapping[str, Any]) -> str:
    """What says most about the delays: the median, or the file of measured ones."""
    if latency["model"] == "measured":
        return f" ({latency['file']})"
    return f", median {1000 * latency['median']:g} ms"


def _subject(scenario: Mapping[str, Any]) -> Iterator[str]:
    """The main settings of each sub-table that not every scenario has."""
    if "records" in scenario:
        yield f"{scenario['records']['count']:,} values"
    if "churn" in scenario:
        yield f"{scenario['churn']['model']} sessions"
    if "partition" in scenario:
        yield f"apart for {scenario['partition']['lasts'] / 60:g} min"
    if "attack" in scenario:
        yield f"attackers {scenario['attack']['conduct']}, mode {scenario['attack']['mode']}"
    if "hoard" in scenario:
        yield f"{scenario['hoard']['ids']:,} hostile IDs"
    if "nat" in scenario:
        lifetimes = scenario["nat"]["lifetime"]
        yield f"mappings last {', '.join(f'{each:g}' for each in lifetimes)} s"
