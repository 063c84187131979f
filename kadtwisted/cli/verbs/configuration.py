"""``kad config``: what a daemon's configuration file may hold, and whether one is right.

Reads what ``twistd kademlia`` would read, but for its command line.  Starts nothing.
"""

from __future__ import annotations

import os
from typing import Any

from kadtwisted.cli.session import Session
from kadtwisted.settings.problems import ConfigurationProblems
from kadtwisted.settings.sample import describe_options, sample
from kadtwisted.settings.sources import Given, Loaded, Sources


async def config(session: Session) -> int:
    """Perform ``kad config check`` or ``kad config show``."""
    return _check(session) if session.arguments.action == "check" else _show(session)


def _show(session: Session) -> int:
    session.output.result({"options": describe_options()}, sample().rstrip("\n"))
    return os.EX_OK


def _check(session: Session) -> int:
    sources = Sources(session.world.environ, file=session.arguments.config)
    try:
        loaded = sources.load()
    except ConfigurationProblems as wrong:
        return _refuse(session, wrong)
    changed = [each for each in loaded.given.values() if each.value != each.option.default]
    described = {
        "file": None if loaded.file is None else str(loaded.file),
        "settings": [_described(each) for each in changed],
    }
    lines = [_verdict(loaded, sources), *map(_line, changed)]
    session.output.result(described, "\n".join(lines))
    return os.EX_OK


def _refuse(session: Session, wrong: ConfigurationProblems) -> int:
    for problem in wrong.problems:
        session.output.note(f"kad: {problem}")
    if session.arguments.json:
        problems = list(wrong.problems)
        error = {"type": "ConfigurationError", "message": str(wrong), "problems": problems}
        session.output.result({"error": error}, "")
    return os.EX_CONFIG


def _verdict(loaded: Loaded, sources: Sources) -> str:
    if loaded.file is not None:
        return f"{loaded.file} is right"
    return f"there is no configuration file; looked for {', '.join(map(str, sources.files))}"


def _described(given: Given) -> dict[str, Any]:
    value = given.value
    plain = list(value) if isinstance(value, tuple) else value
    return {
        "key": given.option.key,
        "value": plain if isinstance(plain, int | float | list) else str(plain),
        "from": given.source,
    }


def _line(given: Given) -> str:
    key, kind = given.option.key, given.option.kind
    return f"  {key} = {kind.to_toml(given.value)}  ({given.source})"
