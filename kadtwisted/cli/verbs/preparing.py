"""``kad init``, ``kad secret`` and ``kad completion``: what is needed before a node runs.

Rules: nothing that exists is replaced.  What is secret is made with mode 0600, and never seen by
others, not even for a moment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kadtwisted.cli.session import Session, UsageError
from kadtwisted.errors import ConfigurationError, StorageError, reason_of
from kadtwisted.settings.directories import (
    FILE_NAME,
    check_state_dir,
    usual_files,
    working_directory,
)

SECRET_FILE = "network.secret"
STATE = "state"
SECRET_BYTES = 32
"""As many as the keys that are made of it (docs/protocol.md)."""


class NoCompletion(ConfigurationError):
    """The library that writes completion scripts is not installed."""


async def secret(session: Session) -> int:
    """Make a network secret."""
    target = session.arguments.file
    text = _new_secret(session)
    if target == "-":
        session.output.result({"secret": text}, lambda shown: str(shown["secret"]))
        return os.EX_OK
    _make(Path(target), f"{text}\n")
    session.output.report({"file": target}, lambda shown: f"kad: made {shown['file']}")
    return os.EX_OK


async def init(session: Session) -> int:
    """Make the directory of a node, with all that it needs."""
    from kadtwisted.state.directory import StateDirectory
    from kadtwisted.storage.files import make_directory

    given = session.arguments
    if given.state_dir is not None:
        raise UsageError("kad init makes the state directory in DIRECTORY; leave out --state-dir")
    named = given.directory or usual_files(session.world.environ)[-1].parent
    directory = check_state_dir(Path(named)) if given.directory else Path(named)
    lines = _settings(session)
    wanted = [directory / FILE_NAME, directory / STATE]
    makes_secret = not given.open and given.network_secret_file is None
    if makes_secret:
        wanted.append(directory / SECRET_FILE)
    for path in wanted:
        if os.path.lexists(path):
            raise StorageError(f"{path} exists already; nothing was made or changed")
    try:
        make_directory(directory)
    except OSError as error:
        raise StorageError(f"cannot make {directory}: {reason_of(error)}") from error
    if makes_secret:
        _make(directory / SECRET_FILE, f"{_new_secret(session)}\n")
    state = StateDirectory(directory / STATE)
    state.open()
    try:
        key = state.identity(session.world.secure_random)
    finally:
        state.close()
    _make(directory / FILE_NAME, "\n".join(lines) + "\n")  # last: with it all is there
    described = {
        "directory": str(directory),
        "config": str(directory / FILE_NAME),
        "public_key": key.public_key.hex(),
        "secret_file": str(directory / SECRET_FILE) if makes_secret else given.network_secret_file,
        "is_default": not given.directory,
    }
    session.output.report(described, _next_steps)
    return os.EX_OK


def _settings(session: Session) -> list[str]:
    """The lines of the configuration file: each value is checked before anything is made."""
    from kadtwisted.model.settings.value_kinds import quoted
    from kadtwisted.settings import checks
    from kadtwisted.settings.interfaces import check_interfaces

    given = session.arguments
    lines = [
        "# Settings of one node, made by `kad init`.  `kad config show` explains all of them.",
        f"state_dir = {quoted(STATE)}",
    ]
    if given.network_secret_file is not None:
        if given.open:
            raise UsageError("give --open or --network-secret-file, not both")
        path = working_directory() / given.network_secret_file
        checks.read_secrets(path)
        lines.append(f"network_secret_file = {quoted(str(path))}")
    elif not given.open:
        lines.append(f"network_secret_file = {quoted(SECRET_FILE)}")
    if given.network is not None:
        lines.append(f"network = {quoted(checks.check_network(given.network))}")
    if given.port is not None:
        lines.append(f"port = {given.port}")
    for key, values in (
        ("interfaces", check_interfaces(given.interface) if given.interface else ()),
        ("bootstrap", checks.check_bootstrap(given.bootstrap)),
        ("allow", checks.check_allow(given.allow or ())),
    ):
        if values:
            lines.append(f"{key} = [{', '.join(map(quoted, values))}]")
    return lines


def _next_steps(made: Any) -> str:
    config = made["config"]
    option = "" if made["is_default"] else f" --config {config}"
    lines = [f"kad: made {config} and beside it what it names"]
    if made["secret_file"]:
        lines.append(f"kad: nodes of this network need the same secret: copy {made['secret_file']}")
    lines.append(f"kad: to run the node: twistd --nodaemon --pidfile= kademlia{option}")
    if option:
        lines.append(f"kad: to use it: export KADTWISTED_CONFIG={config}")
    return "\n".join(lines)


def _new_secret(session: Session) -> str:
    return session.world.secure_random(SECRET_BYTES).hex()


def _make(path: Path, text: str) -> None:
    """Make a file of mode 0600; :class:`StorageError` if there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise StorageError(f"{path} exists already, and stays as it is") from None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {reason_of(error)}") from error


async def completion(session: Session) -> int:
    """Print the completion script of a shell."""
    try:
        import shtab
    except ImportError:
        raise NoCompletion(
            "completion scripts are made by the Python package shtab: install it beside kadtwisted "
            "(pip install 'shtab>=1.13')"
        ) from None
    from kadtwisted.cli.arguments import make_parser

    parser = make_parser()
    for each in (parser, *parser.verbs.values()):
        for action in each._actions:
            kind = {"FILE": shtab.FILE, "DIRECTORY": shtab.DIRECTORY}.get(str(action.metavar))
            if kind is not None:
                action.complete = kind  # type: ignore[attr-defined]
    script = shtab.complete(parser, session.arguments.shell)
    if session.arguments.json:
        session.output.result({"script": script}, str)
    else:
        session.output.write(script.encode())
    return os.EX_OK
