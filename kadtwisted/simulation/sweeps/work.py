"""One run of a sweep, wherever it is executed: in this process, in another one, on another machine.

The document of a run is the text that ``kad simulate --output`` would write, so it depends on the
scenario and this program alone.  Whoever executes a run checks first that it is the same program.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from json import dumps
from typing import NamedTuple

from kadtwisted import __version__
from kadtwisted.errors import LocalError
from kadtwisted.settings.reading import text_of
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.results.results import document, to_json
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.scenario.settings import described

_LETTERS = 16
"""Hexadecimal digits of a name: 64 bits, enough for any number of files by far."""


class OtherProgram(LocalError):
    """A worker runs another version of this program."""


def execute(scenario: Scenario, program: str, monitor: Monitor | None = None) -> str:
    """Run a scenario; the document as text.

    :class:`OtherProgram` unless this is the ``program`` that was asked for.
    """
    own = this_program()
    if own != program:
        raise OtherProgram(
            f"the worker runs kadtwisted {own}, not {program}; install the same there"
        )
    return to_json(document(scenario, run(scenario, monitor)))


class Answer(NamedTuple):
    """What a worker sends back: the text of a document, or a trouble in one line.

    No exception: it might not survive the way.  If it is ``hopeless`` no run can succeed there.
    """

    text: str = ""
    trouble: str = ""
    hopeless: bool = False


def attempt(scenario: Scenario, program: str) -> Answer:
    """As :func:`execute`, for a worker."""
    try:
        return Answer(execute(scenario, program))
    except OtherProgram as error:
        return Answer(trouble=str(error), hopeless=True)
    except Exception as error:
        return Answer(trouble=trouble_of(error))


def trouble_of(error: BaseException) -> str:
    """What went wrong, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@cache
def this_program() -> str:
    """Version and sources of this program: results of another one may differ."""
    digest = sha256()
    for path, data in sorted(_sources(files("kadtwisted"), "")):
        digest.update(b"%s %d\n" % (path.encode(), len(data)))
        digest.update(data)
    return f"{__version__} ({digest.hexdigest()[:_LETTERS]})"


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for each in folder.iterdir():
        name = prefix + each.name
        if each.name.endswith(".py"):
            found.append((name, each.read_bytes()))
        elif each.name != "__pycache__" and each.is_dir():
            found += _sources(each, f"{name}/")
    return found


def name_of(scenario: Scenario, program: str) -> str:
    """The name of the file for a result: the same for the same scenario and program only.

    Measured delays are a part of the scenario; :class:`~kadtwisted.errors.ConfigurationError` if
    their file cannot be read.
    """
    parts = [program, described(scenario)]
    if scenario.latency.file is not None:
        parts.append(sha256(text_of(scenario.latency.file).encode()).hexdigest())
    text = dumps(parts, sort_keys=True, default=str)
    return f"{sha256(text.encode()).hexdigest()[:_LETTERS]}.json"
