"""``kad simulate``: a network of thousands of whole nodes in this process, in simulated time.

The same scenario and seed give the same result, byte for byte, on every machine.  With
``--timings`` the result also says how long this machine took.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.output import table
from kadtwisted.cli.text.plots import CannotWrite, draw, prepare
from kadtwisted.cli.text.simulation import summary
from kadtwisted.cli.verbs import sweeping
from kadtwisted.cli.verbs.stopwatch import Stopwatch
from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.results.results import document, to_csv, to_json
from kadtwisted.simulation.results.saved import read_result
from kadtwisted.simulation.results.swept import SWEEP
from kadtwisted.simulation.scenario.catalogue import presets, scenario_of
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.storage.guard import is_stream, open_stream

_WRITERS = MappingProxyType({".json": to_json, ".csv": to_csv})
SAVED = ".json"
"""How the name of a saved result ends; those of scenarios end otherwise."""
_FOREIGN = ("port", "interface", "network_secret_file", "allow", "state_dir")


async def simulate(session: Session) -> int:
    """Run a scenario or a sweep, or show a saved result; without any, list the presets."""
    _refuse_what_makes_no_sense(session)
    arguments = session.arguments
    if arguments.scenario is None:
        return _list(session)
    if arguments.pictures is not None:
        prepare(Path(arguments.pictures))
    try:
        found = _found(session)
    except ConfigurationProblems as wrong:
        for problem in wrong.problems:
            session.output.note(f"kad: {problem}")
        return os.EX_CONFIG
    if arguments.output is not None:
        _write(Path(arguments.output), found)
    # Of a sweep all runs may have failed; a result of anything else has something to draw.
    if arguments.pictures is not None and (found["rows"] or arguments.scenario != SWEEP):
        draw(session.output, found, Path(arguments.pictures))
    session.output.result(found, summary)
    return sweeping.exit_code(found) if arguments.scenario == SWEEP else os.EX_OK


def _found(session: Session) -> dict[str, Any]:
    """The document: of a run, of a sweep, or one that was saved."""
    named, changes = session.arguments.scenario, changes_of(session.arguments)
    if named == SWEEP:
        return sweeping.swept(session, changes)
    if not named.endswith(SAVED):
        return _run(session, scenario_of(named, changes))
    if changes or session.arguments.timings:
        raise UsageError(f"{named} is a saved result and cannot be changed; leave out all changes")
    return read_result(Path(named))


def _refuse_what_makes_no_sense(session: Session) -> None:
    for name in _FOREIGN:
        if getattr(session.arguments, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(f"a simulation makes a network of its own; leave out --{option}")
    if session.arguments.scenario != SWEEP:
        _refuse_what_sweeps_take(session)
    output = session.arguments.output
    if output is not None and Path(output).suffix not in _WRITERS:
        raise UsageError(f"the file's name must end in .json or .csv, not {output!r}")


def _refuse_what_sweeps_take(session: Session) -> None:
    if session.arguments.file is not None:
        raise UsageError(f"one scenario at a time; leave out {session.arguments.file!r}")
    for name in ("directory", "jobs", "scheduler"):
        if getattr(session.arguments, name) is not None:
            raise UsageError(f"--{name} is for sweeps: kad simulate sweep FILE.toml")


def changes_of(arguments: Any) -> dict[str, str]:
    """What the command line changes in a scenario: texts by key."""
    changes: dict[str, str] = {}
    for each in arguments.changes:
        key, sign, text = each.partition("=")
        if not sign:
            raise UsageError(f"--set takes KEY=VALUE, not {each!r}")
        changes[key.strip()] = text.strip()
    for name in ("nodes", "seed"):
        if getattr(arguments, name) is not None:
            changes[name] = getattr(arguments, name)
    return changes


def _list(session: Session) -> int:
    known = [scenario_of(name, {}) for name in presets()]
    described = [{"name": each.name, "about": each.about} for each in known]
    session.output.result({"scenarios": described}, _list_text)
    return os.EX_OK


def _list_text(described: Mapping[str, Any]) -> str:
    rows = [(each["name"], each["about"]) for each in described["scenarios"]]
    return table(("SCENARIO", "WHAT IT SHOWS"), rows)


def _run(session: Session, scenario: Scenario) -> dict[str, Any]:
    """The document that comes out."""
    monitor = Stopwatch(session)
    with monitor.interruptible():
        try:
            outcome = run(scenario, monitor)
        finally:
            monitor.end()
    machine = monitor.machine() if session.arguments.timings else None
    return document(scenario, outcome, machine)


def _write(path: Path, found: Mapping[str, Any]) -> None:
    try:
        data = _WRITERS[path.suffix](found).encode()
        with open_stream(path) if is_stream(path) else path.open("wb") as stream:
            stream.write(data)
    except OSError as error:
        raise CannotWrite(path, error) from None
