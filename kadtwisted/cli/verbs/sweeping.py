"""``kad simulate sweep``: one scenario over many seeds and settings.

Results are kept one by one.  So a sweep that was ended, by a signal, by ``--timeout`` or by a crash
of the machine, goes on where it was when the same command is given again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.verbs.stopwatch import Stopwatch
from kadtwisted.simulation.scenario.settings import Changes
from kadtwisted.simulation.sweeps import cluster
from kadtwisted.simulation.sweeps.engines import Here, Processes
from kadtwisted.simulation.sweeps.plan import Plan, plan_of
from kadtwisted.simulation.sweeps.running import Engine, Harvest, Sweep
from kadtwisted.simulation.sweeps.shelf import Shelf
from kadtwisted.simulation.sweeps.summary import summary
from kadtwisted.simulation.sweeps.work import this_program

_ENDING = ".results"


def swept(session: Session, changes: Changes) -> dict[str, Any]:
    """Run a sweep as far as it was not run before; its document."""
    arguments = session.arguments
    if arguments.file is None:
        raise UsageError("name the file of the sweep, as in: kad simulate sweep FILE.toml")
    if arguments.timings:
        raise UsageError("a sweep is not timed; leave out --timings")
    if arguments.scheduler is not None:
        if arguments.jobs is not None:
            raise UsageError("the scheduler decides how many run at once; leave out --jobs")
        cluster.require()  # before anything is made
    plan = plan_of(arguments.file, changes)
    harvest = _harvest(session, plan)
    return dict(summary(plan, harvest.documents, harvest.troubles))


def exit_code(found: Any) -> int:
    """0 if all runs are there."""
    return os.EX_SOFTWARE if found["sweep"]["failed"] else os.EX_OK


def _harvest(session: Session, plan: Plan) -> Harvest:
    given = session.arguments.directory
    directory = Path(f"{plan.stem}{_ENDING}" if given is None else given)
    monitor = _Counting(session)
    told = session.output.note
    shelf = Shelf(directory, plan, this_program())
    sweep = Sweep(plan, shelf, monitor, lambda sentence: told(f"kad: {sentence}"))
    with monitor.interruptible():
        try:
            return sweep.run(lambda: _engine(session, monitor))
        except BaseException:
            told(f"kad: what is done is kept in {directory}; the same command goes on from there")
            raise
        finally:
            monitor.end()


class _Counting(Stopwatch):
    """Where progress is no line that is rewritten, every run that is done gets one of its own."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        terminal = session.world.stderr.isatty()
        self._tell = None if terminal else session.output.note
        self._done = self._total = 0

    def phase(self, text: str, total: int) -> None:
        super().phase(text, total)
        self._total = total

    def step(self, count: int = 1) -> None:
        self._done += count
        if count and self._tell is not None:
            self._tell(f"kad: {self._done} of {self._total} done")
        super().step(count)


def _engine(session: Session, monitor: Stopwatch) -> Engine:
    arguments = session.arguments
    if arguments.scheduler is not None:
        # Half of what is left, so that its answer, that nobody is there, comes before the end.
        patience = min(cluster.CONNECTING, session.seconds_left / 2)
        return cluster.Cluster(arguments.scheduler, patience)
    jobs = arguments.jobs or len(os.sched_getaffinity(0))
    return Here(monitor) if jobs == 1 else Processes(jobs)
