"""``kad simulate``: a network of thousands of whole nodes in this process, in simulated time.

The same scenario and seed give the same result to the byte, here and anywhere.  What this machine
took for it is told on standard error with ``--timings``, and then stands in the result as well.

The simulation does not give way to the reactor: interrupts and ``--timeout`` are looked for
between its events.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

from twisted.internet.defer import CancelledError, TimeoutError  # noqa: A004

from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.output import Described, table
from kadtwisted.cli.text.progress import Progress
from kadtwisted.cli.verbs.plots import CannotWrite, draw, prepare
from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.results.results import Row, document, to_csv, to_json
from kadtwisted.simulation.results.saved import read_result
from kadtwisted.simulation.scenario.catalogue import presets, scenario_of
from kadtwisted.simulation.scenario.scenario import Scenario

_WRITERS = MappingProxyType({".json": to_json, ".csv": to_csv})
SAVED = ".json"
"""The ending of a result; scenarios have another."""
_FOREIGN = ("port", "interface", "network_secret_file", "allow", "state_dir")


async def simulate(session: Session) -> int:
    """Run a scenario, or show a saved result; without either, list the scenarios that come with
    the program."""
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
    if arguments.pictures is not None:
        draw(session.output, found, Path(arguments.pictures))
    session.output.result(found, summary(found))
    return os.EX_OK


def _found(session: Session) -> dict[str, Any]:
    """The document: of a run, or one that was saved."""
    named, changes = session.arguments.scenario, changes_of(session.arguments)
    if not named.endswith(SAVED):
        return _run(session, scenario_of(named, changes))
    if changes or session.arguments.timings:
        raise UsageError(f"{named} is a result; it is shown as it is, so leave out all changes")
    return read_result(Path(named))


def _refuse_what_makes_no_sense(session: Session) -> None:
    for name in _FOREIGN:
        if getattr(session.arguments, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(f"a simulation has a network of its own; leave out --{option}")
    output = session.arguments.output
    if output is not None and Path(output).suffix not in _WRITERS:
        raise UsageError(f"the file's name must end in .json or .csv, not {output!r}")


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
    text = table(("SCENARIO", "WHAT IT SHOWS"), [(each.name, each.about) for each in known])
    session.output.result({"scenarios": described}, text)
    return os.EX_OK


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
        path.write_text(_WRITERS[path.suffix](found), encoding="utf-8")
    except OSError as error:
        raise CannotWrite(path, error) from None


# --- What it took ----------------------------------------------------------------------------


class Stopwatch:
    """Shows the progress, ends the run when it should, and measures what each phase took."""

    def __init__(self, session: Session) -> None:
        self._progress = Progress(session.world.stderr)
        self._note = session.output.note if session.arguments.timings else None
        self._seconds: Callable[[], float] = session.reactor.seconds
        self._ends_at = self._seconds() + session.arguments.timeout
        self._session = session
        self._interrupted = False
        self._phases: list[dict[str, Any]] = []
        self._wall = self._cpu = 0.0

    def phase(self, text: str, total: int) -> None:
        """See :class:`~kadtwisted.simulation.monitor.Monitor`."""
        self._end_phase()
        # What was made so far stays as long as the network does: looking through it again and
        # again for garbage would take most of the time.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._phases.append({"phase": text, "rpcs": 0})
        self._wall, self._cpu = self._seconds(), time.process_time()
        self._progress.phase(text, total)

    def step(self, count: int = 1) -> None:
        """See :class:`~kadtwisted.simulation.monitor.Monitor`."""
        if count:
            self._progress.step(count)
        if self._interrupted:
            raise CancelledError
        if self._seconds() > self._ends_at:
            self._session.somebody_answered = True
            raise TimeoutError

    def exchanged(self, rpcs: int) -> None:
        """See :class:`~kadtwisted.simulation.monitor.Monitor`."""
        if self._phases:
            self._phases[-1]["rpcs"] += rpcs

    def _end_phase(self) -> None:
        if not self._phases:
            return
        phase = self._phases[-1]
        wall, cpu = self._seconds() - self._wall, time.process_time() - self._cpu
        phase["wall_seconds"], phase["cpu_seconds"] = round(wall, 3), round(cpu, 3)
        phase["rpcs_per_cpu_second"] = round(phase["rpcs"] / cpu) if cpu else None
        if self._note is not None:
            self._progress.clear()
            self._note(f"kad: {phase['phase']}: {_took(phase)}, peak {_peak() / 1024:,.0f} MiB")

    def end(self) -> None:
        """The run is over, however."""
        self._end_phase()
        self._progress.clear()
        gc.unfreeze()

    def machine(self) -> dict[str, Any]:
        """What this machine took: another result each time."""
        return {"peak_memory_kib": _peak(), "phases": self._phases}

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal end the run at its next step; the reactor's turn comes after that."""
        before: dict[int, Any] = {}

        def interrupt(number: int, frame: FrameType | None) -> None:
            self._interrupted = True
            if callable(before[number]):
                before[number](number, frame)

        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.getsignal(number)
            signal.signal(number, interrupt)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _took(phase: Described) -> str:
    took = f"{phase['wall_seconds']:.1f} s, {phase['cpu_seconds']:.1f} s of CPU"
    if not phase["rpcs"]:
        return took
    return f"{took}, {phase['rpcs']:,} RPCs, {phase['rpcs_per_cpu_second'] or 0:,} a CPU-second"


def _peak() -> int:
    """The most memory that this process ever had, in KiB (as Linux counts it)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# --- For people ------------------------------------------------------------------------------


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
