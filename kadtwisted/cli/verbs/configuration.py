"""``kad config``: what may stand in a daemon's configuration file, and whether a file is right.

Reads what ``twistd kademlia`` would read, except its command line.  Starts nothing.
"""

from __future__ import annotations

import os
from typing import Any

from kadtwisted.cli.session import Session
from kadtwisted.errors import ConfigurationProblems
from kadtwisted.model.printable import printable
from kadtwisted.settings.loading import Configuration, Loaded
from kadtwisted.settings.options import OPTIONS
from kadtwisted.settings.reading import Given
from kadtwisted.settings.sample import describe_options, sample


async def config(session: Session) -> int:
    """Perform ``kad config check`` or ``kad config show``."""
    return _check(session) if session.arguments.action == "check" else _show(session)


def _show(session: Session) -> int:
    session.output.result({"options": describe_options()}, lambda _: sample().rstrip("\n"))
    return os.EX_OK


def _check(session: Session) -> int:
    configuration = Configuration(session.world.environ, file=session.arguments.config)
    try:
        loaded = configuration.load()
    except ConfigurationProblems as wrong:
        return _refuse(session, wrong)
    for hint in configuration.hints:
        session.output.note(f"kad: {hint}")
    changed = [each for key, each in loaded.given.items() if each.value != OPTIONS[key].default]
    described = {
        "file": None if loaded.file is None else str(loaded.file),
        "settings": [_described(each) for each in changed],
    }
    lines = [_verdict(loaded, configuration), *map(_line, changed)]
    session.output.result(described, lambda _: "\n".join(map(printable, lines)))
    return os.EX_OK


def _refuse(session: Session, wrong: ConfigurationProblems) -> int:
    for problem in wrong.problems:
        session.output.note(f"kad: {problem}")
    if session.arguments.json:
        problems = list(wrong.problems)
        error = {"type": "ConfigurationError", "message": str(wrong), "problems": problems}
        session.output.result({"error": error}, lambda _: "")
    return os.EX_CONFIG


def _verdict(loaded: Loaded, configuration: Configuration) -> str:
    if loaded.file is not None:
        return f"{loaded.file} is right"
    return f"there is no configuration file; looked for {', '.join(map(str, configuration.files))}"


def _described(given: Given) -> dict[str, Any]:
    value = given.value
    plain = list(value) if isinstance(value, tuple) else value
    return {
        "key": given.key,
        "value": plain if isinstance(plain, int | float | list) else str(plain),
        "from": given.source,
    }


def _line(given: Given) -> str:
    written = OPTIONS[given.key].kind.to_toml(given.value)
    return f"  {given.key} = {written}  ({given.source})"
