"""The directory of a sweep: a file for each run that is done, and a list of all runs.

A file's name follows from the scenario, its seed and the program.  So whatever changes, in the
sweep or in the program, a result is found again if it would be the same, and never taken for
another.  Files are written whole and renamed; none is ever removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from json import dumps, loads
from pathlib import Path
from typing import Any

from kadtwisted.errors import LocalError, reason_of
from kadtwisted.simulation.results.saved import RESULT_BYTES, Unreadable, read_result
from kadtwisted.simulation.scenario.settings import described
from kadtwisted.simulation.sweeps.plan import Plan, Run
from kadtwisted.simulation.sweeps.work import name_of
from kadtwisted.storage.file_lock import FileLock
from kadtwisted.storage.files import make_directory, write_atomically
from kadtwisted.storage.guard import read_file

LIST = "sweep.json"
_LOCK = "sweep.lock"
Tell = Callable[[str], None]


class Shelf:
    """The results of a plan by one ``program``, in a directory."""

    def __init__(self, directory: Path, plan: Plan, program: str) -> None:
        self._directory = directory
        self._plan = plan
        self._program = program
        self._runs = plan.runs()
        self._names = {run.number: name_of(run.scenario, program) for run in self._runs}

    @contextmanager
    def open(self, tell: Tell) -> Iterator[None]:
        """Make the directory, and keep other sweeps out of it; what has changed since the last time
        is told."""
        try:
            make_directory(self._directory)
            lock = FileLock.take(self._directory / _LOCK)
        except BlockingIOError:
            raise LocalError(
                f"another sweep is working in {self._directory}; wait for it, or choose another "
                "place with --directory"
            ) from None
        except OSError as error:
            raise LocalError(f"cannot use {self._directory}: {reason_of(error)}") from error
        try:
            self._compare(tell)
            write_atomically(self._directory / LIST, self._listed())
            yield
        finally:
            lock.release()

    def found(self, tell: Tell) -> dict[int, Mapping[str, Any]]:
        """What is needed of the documents that are there, by the numbers of their runs.  A damaged
        file is told, and counts as missing."""
        found: dict[int, Mapping[str, Any]] = {}
        for run in self._runs:
            path = self._directory / self._names[run.number]
            if not path.exists():
                continue
            try:
                document = read_result(path)
                if document["scenario"] != described(run.scenario):
                    raise Unreadable(f"{path} is the result of another scenario")
                found[run.number] = _needed(document)
            except Unreadable as error:
                tell(f"{error}; it is run again")
        return found

    def put(self, run: Run, text: str) -> Mapping[str, Any]:
        """Keep the text of a document; what is needed of the document."""
        write_atomically(self._directory / self._names[run.number], text.encode())
        return _needed(loads(text))

    def _listed(self) -> bytes:
        runs = [
            {"file": self._names[run.number], **self._plan.points[run.point], "seed": run.seed}
            for run in self._runs
        ]
        made = {"program": self._program, "name": self._plan.name, "runs": runs}
        return f"{dumps(made, indent=1, default=str)}\n".encode()

    def _compare(self, tell: Tell) -> None:
        """Tell what is not as it was when the directory was last used."""
        path = self._directory / LIST
        if not path.exists():
            return
        try:
            before = loads(read_file(path, RESULT_BYTES))
            program, runs = before["program"], before["runs"]
            names = {each["file"] for each in runs}
        except OSError as error:
            raise LocalError(f"cannot read {path}: {reason_of(error)}") from error
        except (ValueError, KeyError, TypeError, RecursionError):
            tell(f"{path} is damaged, and written anew")
            return
        if program != self._program:
            tell(
                f"the results in {self._directory} are of kadtwisted {program}, and this is "
                f"{self._program}: everything is run again, and the old files stay"
            )
            return
        kept = sum(name in names for name in self._names.values())
        if kept < len(self._names) or kept < len(runs):
            tell(
                f"the sweep has changed since {self._directory} was last used: {kept} of its "
                f"{len(self._names)} runs are as before, and {len(runs) - kept} that were there "
                "belong to it no more (their files stay)"
            )


def _needed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Figures and notes: the details of thousands of runs would fill the memory."""
    return {key: document[key] for key in ("rows", "notes")}
