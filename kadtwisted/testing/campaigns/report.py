"""What a campaign measured, line by line: each figure beside its bound, and whether it was kept.

A report also limits the time of a campaign: if it takes longer than it may, it has failed, for
nobody would wait for its figures.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer
from zope.interface.verify import verifyClass


class OutOfTime(Exception):
    """The campaign took longer than it may take."""


class Row(NamedTuple):
    """One figure; ``bound`` is its bound as text, ``kept`` says whether the figure is within it."""

    what: str
    figure: float
    bound: str
    kept: bool


class Report:
    """Prints to ``out``; by the clock ``now`` a campaign has ``seconds`` seconds from now on."""

    def __init__(self, out: TextIO, now: Callable[[], float], seconds: float) -> None:
        self._out = out
        self._now = now
        self._started = now()
        self._ends = self._started + seconds
        self.rows: list[Row] = []

    @property
    def missed(self) -> list[Row]:
        """The figures that are out of their bounds."""
        return [row for row in self.rows if not row.kept]

    def note(self, text: str) -> None:
        """Print a text, after the seconds since the start."""
        print(f"{self._now() - self._started:7.0f} s  {text}", file=self._out, flush=True)

    def at_least(self, what: str, figure: float, least: float) -> None:
        """A figure that must not be smaller."""
        self._add(Row(what, figure, f"at least {least:g}", figure >= least))

    def at_most(self, what: str, figure: float, most: float) -> None:
        """A figure that must not be larger."""
        self._add(Row(what, figure, f"at most {most:g}", figure <= most))

    def figure(self, what: str, figure: float) -> None:
        """A figure without a bound."""
        self._add(Row(what, figure, "shown only", True))

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        verdict = "kept" if row.kept else "MISSED"
        self.note(f"{row.what:<60} {row.figure:>12.6g}   {row.bound:<18} {verdict}")

    def check_time(self) -> None:
        """:class:`OutOfTime` if the campaign's time is over."""
        if self._now() >= self._ends:
            raise OutOfTime(f"not done after {self._ends - self._started:g} seconds")

    @contextmanager
    def errors_counted(self) -> Iterator[None]:
        """Count what is logged as an error meanwhile, and by the garbage collector at the end.

        There must be none.
        """
        errors = _Errors()
        globalLogPublisher.addObserver(errors)
        try:
            yield
            gc.collect()
        finally:
            globalLogPublisher.removeObserver(errors)
        for each in dict.fromkeys(errors.logged):
            self.note(each)
        self.at_most("errors in the log", len(errors.logged), 0)


@implementer(ILogObserver)
class _Errors:
    """Remembers every error that is logged."""

    def __init__(self) -> None:
        self.logged: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("isError") or "log_failure" in event:
            self.logged.append(str(event.get("log_failure", event.get("log_format"))))


verifyClass(ILogObserver, _Errors)
