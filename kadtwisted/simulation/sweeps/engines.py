"""Engines on this machine: this process, or several others.

Each of the others is an executor of its own with one worker.  So if a worker dies, it is known
which run it died of, and no other run is lost.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection

from kadtwisted.simulation.monitor import Monitor, NullMonitor
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.sweeps.plan import Run
from kadtwisted.simulation.sweeps.running import Ended
from kadtwisted.simulation.sweeps.work import (
    Answer,
    attempt,
    execute,
    this_program,
    trouble_of,
)

Attempt = Callable[[Scenario, str], Answer]
Execute = Callable[[Scenario, str, Monitor], str]


class Here:
    """Runs one after the other in this process; ``monitor`` may end one by raising."""

    def __init__(self, monitor: Monitor, work: Execute = execute) -> None:
        self._watch = _Watch(monitor)
        self._work = work
        self._next: list[Run] = []

    def room(self) -> int:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        return 1 - len(self._next)

    def begin(self, run: Run) -> None:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        self._next.append(run)

    def ended(self, seconds: float) -> list[Ended]:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`; it takes as long as a run."""
        runs, self._next = self._next, []
        return [self._end(run) for run in runs]

    def _end(self, run: Run) -> Ended:
        try:
            return Ended(run, self._work(run.scenario, this_program(), self._watch))
        except Exception as error:
            if error is self._watch.ending:
                raise
            return Ended(run, trouble=trouble_of(error))

    def close(self) -> None:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        self._next = []


class _Watch(NullMonitor):
    """Lets the monitor of a sweep end a single run."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.ending: Exception | None = None

    def step(self, count: int = 1) -> None:
        try:
            self._monitor.step(0)
        except Exception as ending:
            self.ending = ending
            raise


class Processes:
    """Runs side by side, each in a process of its own: at most ``jobs`` at once."""

    def __init__(self, jobs: int, work: Attempt = attempt) -> None:
        self._jobs = jobs
        self._work = work
        self._idle: list[_Worker] = []
        self._busy: dict[Future[Answer], tuple[_Worker, Run]] = {}

    def room(self) -> int:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        return self._jobs - len(self._busy)

    def begin(self, run: Run) -> None:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        worker, future = self._submitted(run)
        self._busy[future] = worker, run

    def _submitted(self, run: Run) -> tuple[_Worker, Future[Answer]]:
        while self._idle:
            worker = self._idle.pop()
            try:
                return worker, worker.submit(self._work, run.scenario)
            except BrokenProcessPool:  # it died while it had nothing to do
                worker.close()
        worker = _Worker()
        return worker, worker.submit(self._work, run.scenario)

    def ended(self, seconds: float) -> list[Ended]:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        done, _ = wait(self._busy, seconds, FIRST_COMPLETED)
        return [self._end(future) for future in list(self._busy) if future in done]

    def _end(self, future: Future[Answer]) -> Ended:
        worker, run = self._busy.pop(future)
        error = future.exception()
        if error is None:
            self._idle.append(worker)
            return Ended(run, *future.result())
        worker.close()
        if isinstance(error, BrokenProcessPool):
            return Ended(run, trouble="its process died; was there too little memory?")
        return Ended(run, trouble=trouble_of(error))

    def close(self) -> None:
        """See :class:`~kadtwisted.simulation.sweeps.running.Engine`."""
        for each in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            each.close()
        self._idle, self._busy = [], {}


class _Worker:
    """An executor with one process.

    The process ends when this side of a pipe is closed, which also happens if we are killed: so
    none is left behind that nobody waits for.
    """

    def __init__(self) -> None:
        # A fresh interpreter: a fork would copy locks that other threads hold just now.
        spawn = multiprocessing.get_context("spawn")
        self._leash, self._held = spawn.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            1, mp_context=spawn, initializer=follow, initargs=(self._leash,)
        )

    def submit(self, work: Attempt, scenario: Scenario) -> Future[Answer]:
        return self._executor.submit(work, scenario, this_program())

    def close(self) -> None:
        self._held.close()
        self._leash.close()
        self._executor.shutdown(cancel_futures=True)


def follow(leash: Connection) -> None:
    """In a worker: end with the process that wants the result, and leave signals to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all of us
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()


def _end_with(leash: Connection) -> None:
    try:
        leash.recv_bytes(0)  # nothing is ever sent
    except (EOFError, OSError):
        os._exit(1)
