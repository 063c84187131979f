"""``kad config``: what may stand in a daemon's configuration file, and whether a file is right.

Reads what ``twistd kademlia`` would read, except its command line.  Starts nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kadtwisted.cli.session import Session
from kadtwisted.errors import ConfigurationProblems
from kadtwisted.model.printable import printable
from kadtwisted.settings import directories
from kadtwisted.settings.checks import weakness_of
from kadtwisted.settings.loading import Configuration, Loaded
from kadtwisted.settings.options import OPTIONS
from kadtwisted.settings.reading import Given
from kadtwisted.settings.sample import describe_options, sample
from kadtwisted.storage.guard import ROOT, can_read, user_name


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
    described: dict[str, Any] = {
        "file": None if loaded.file is None else str(loaded.file),
        "settings": [_described(each) for each in changed],
    }
    lines = [_verdict(loaded, configuration), *map(_line, changed)]
    warnings = [*_weak(loaded), *closed_to_the_service(loaded)]
    for each in warnings:
        session.output.note(f"kad: warning: {each}")
    described["warnings"] = warnings
    session.output.result(described, lambda _: "\n".join(map(printable, lines)))
    return os.EX_OK


def _weak(loaded: Loaded) -> Iterator[str]:
    weakness = weakness_of(loaded.settings.node.network_secrets)
    if weakness:
        yield weakness


def closed_to_the_service(loaded: Loaded) -> Iterator[str]:
    """What root can read and the user of the node cannot.  He owns the state directory; where it is
    not there yet, he of the system's service may be anybody (``DynamicUser=``, systemd.exec(5))."""
    if os.geteuid() != ROOT:
        return
    state_dir = loaded.settings.state_dir
    try:
        user = None if state_dir is None else os.stat(state_dir).st_uid
    except OSError:
        user = None
    if user == ROOT or (user is None and not _is_of_the_system(loaded.file)):
        return
    secret = loaded.given.get("network_secret_file")
    for path in (loaded.file, None if secret is None else secret.value):
        if path is not None and not can_read(path, user):
            who = "a service with a user of its own" if user is None else user_name(user)
            yield (
                f"{path} cannot be read by {who}: hand a secret over with LoadCredential= "
                "(etc/kademlia.service), open other files with chmod"
            )


def _is_of_the_system(file: Path | None) -> bool:
    return file is not None and file.parent == directories.SYSTEM_DIRECTORY


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
