"""The results of an experiment, as one document, as rows, and as a table for people.

The document depends on nothing but the scenario and this program.  It has no dates and no times of
this machine, except under ``machine``, if they are asked for.  Keys are always in the same order,
so the same results are the same bytes, and a table made of a saved document is that of the run.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kadtwisted import __version__
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.scenario.settings import described

Row = Mapping[str, Any]
"""One case: names of columns, and a text, number or ``None`` under each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an experiment returns.

    ``rows`` are the figures, one row for each case, all with the same columns.  ``details`` hold,
    for each case, what is too long for a row: histograms, distributions.  ``notes`` are sentences
    that a reader of the figures should know.
    """

    rows: Sequence[Row]
    details: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()


def document(
    scenario: Scenario, outcome: Outcome, machine: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Everything in one: the program, the scenario, the results."""
    found: dict[str, Any] = {
        "kadtwisted": __version__,
        "experiment": scenario.experiment,
        "level": scenario.level,
        "upkeep": scenario.upkeep and scenario.level == "stack",
        "scenario": described(scenario),
        "rows": [dict(each) for each in outcome.rows],
        "details": [dict(each) for each in outcome.details],
        "notes": notes(scenario, outcome),
    }
    if machine is not None:
        found["machine"] = dict(machine)
    return found


def notes(scenario: Scenario, outcome: Outcome) -> list[str]:
    """What a reader of the figures should know; first comes what follows from the scenario."""
    told: list[str] = []
    if scenario.level == "table":
        told.append('"level": "table": tables and lookups alone, no protocol, no upkeep, no loss')
    elif not scenario.upkeep:
        told.append('"upkeep": false: nodes did not look after their contacts')
    return [*told, *outcome.notes]


def to_json(found: Mapping[str, Any]) -> str:
    """A document as text."""
    return json.dumps(found, ensure_ascii=True, allow_nan=False, indent=1) + "\n"


def to_csv(found: Mapping[str, Any]) -> str:
    """The rows of a document, with the names of the columns first."""
    rows = found["rows"]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
