"""Watches one simulation: its progress, its end, and how long it takes on this machine.

A simulation does not give way to the reactor.  So a signal, and the end of ``--timeout``, are
looked for between the events of the simulation.
"""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from twisted.internet.defer import CancelledError, TimeoutError  # noqa: A004

from kadtwisted.cli.session import Session
from kadtwisted.cli.text.progress import Progress
from kadtwisted.cli.text.simulation import took


class Stopwatch:
    """Shows the progress, ends the run in time, and measures how long each phase takes."""

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
            self._note(f"kad: {phase['phase']}: {took(phase)}, peak {_peak() / 1024:,.0f} MiB")

    def end(self) -> None:
        """The run is over, whether it succeeded or not."""
        self._end_phase()
        self._progress.clear()

    def machine(self) -> dict[str, Any]:
        """How long this machine took; this differs from run to run."""
        return {"peak_memory_kib": _peak(), "phases": self._phases}

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal end the run at its next step; the reactor hears of it afterwards."""
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


def _peak() -> int:
    """The most memory that this process ever had, in KiB (Linux counts so)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
