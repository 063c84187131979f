"""Where the daemon of this machine keeps its state, for programs that look for it.

The order is that of the daemon itself (:mod:`.loading`): command line, environment, configuration
file, defaults.  Only the state directory and the port matter, so a program that is to be quick does
not load the table of all options: these two are read here.  Wherever one of them is not plainly
right, the whole configuration is loaded, and says what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kadtwisted.errors import ConfigurationError, reason_of
from kadtwisted.settings import directories
from kadtwisted.settings.directories import (
    DEFAULT_PORT,
    FILE_BYTES,
    FILE_VARIABLE,
    PREFIX,
    check_state_dir,
    working_directory,
)
from kadtwisted.storage.guard import ROOT, TRUSTED, UnsafeFile, read_file

MOST_NEIGHBOURS = 32
"""MAGIC: at most so many other state directories are looked at; few machines have more nodes whose
ports nobody remembers."""


class Whereabouts(NamedTuple):
    """The directories in which a running node may have its control socket, the likeliest first.

    ``is_named``: somebody said which one it is.  Otherwise they are defaults: those of this user,
    of the user who called ``sudo``, and of the system's service.
    """

    directories: tuple[Path, ...]
    is_named: bool


def whereabouts(
    environ: Mapping[str, str], state_dir: str | None = None, port: int | None = None
) -> Whereabouts:
    """Where to look; ``state_dir`` and ``port`` are those of a command line.

    Fails with :class:`~kadtwisted.errors.ConfigurationError` for what cannot be a state directory,
    and for a configuration that is not right.
    """
    if state_dir is not None:
        return Whereabouts((check_state_dir(state_dir),), True)
    in_file: Mapping[str, Any] = {}
    base = Path()
    named = environ.get(PREFIX + "STATE_DIR")
    if not named:
        in_file, base = _told_by_file(environ)
        named = in_file.get("state_dir")
    if named is not None and (not isinstance(named, str) or not named or "\0" in named):
        return _by_the_whole_configuration(environ)
    if named:
        return Whereabouts((check_state_dir(base / os.path.expanduser(named)),), True)
    if port is None:
        port = _port(environ.get(PREFIX + "PORT") or in_file.get("port", DEFAULT_PORT))
    if port is None:
        return _by_the_whole_configuration(environ)
    return Whereabouts(tuple(map(check_state_dir, _defaults(environ, port))), False)


def _defaults(environ: Mapping[str, str], port: int) -> tuple[Path, ...]:
    own = directories.default_state_dir(environ, port)
    found = [own, *_of_the_caller(environ, port)]
    if port == DEFAULT_PORT:
        found.append(directories.SYSTEM_STATE)
    instance = directories.system_state(port)
    if os.path.lexists(instance):
        found.append(instance)
    return tuple(dict.fromkeys(found))


def neighbours(found: Whereabouts) -> Iterator[tuple[int, Path]]:
    """Ports and state directories of other nodes that were started here with a port of their own
    and no ``--state-dir``, whether they run or not: first this user's, then the system's."""
    seen = set(found.directories)
    for parent, prefix in _places(found):
        try:
            names = os.listdir(parent)
        except OSError:
            continue
        named = ((_port(each.removeprefix(prefix)) or 0, each) for each in names)
        ports = sorted((p, each) for p, each in named if each == f"{prefix}{p}")
        for port, name in ports[:MOST_NEIGHBOURS]:
            if (path := parent / name) not in seen:
                yield port, path


def _places(found: Whereabouts) -> Iterator[tuple[Path, str]]:
    """The directories in which state directories are named by ports, and what is before these."""
    for each in found.directories:
        if each.parent != directories.SYSTEM_STATE.parent and _port(each.name) is not None:
            yield each.parent, ""
    system = directories.SYSTEM_STATE
    yield system.parent, f"{system.name}-"


def _of_the_caller(environ: Mapping[str, str], port: int) -> tuple[Path, ...]:
    """The default of the user who called sudo: it sets ``HOME`` to root's."""
    caller = environ.get("SUDO_UID", "")
    if os.geteuid() != ROOT or not (caller.isascii() and caller.isdigit()):
        return ()
    import pwd

    try:
        home = pwd.getpwuid(int(caller)).pw_dir
    except (KeyError, OverflowError):
        return ()
    return (directories.default_state_dir({"HOME": home}, port),)


def _port(value: object) -> int | None:
    """A UDP port; ``None`` for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
        return None
    return value


def _told_by_file(environ: Mapping[str, str]) -> tuple[Mapping[str, Any], Path]:
    """What the configuration file says, and where its relative paths start."""
    named = environ.get(FILE_VARIABLE)
    files = directories.usual_files(environ)
    if named:
        files = (working_directory() / os.path.expanduser(named),)
    for path in files:
        try:
            data = read_file(path, FILE_BYTES, TRUSTED)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except UnsafeFile as error:
            raise ConfigurationError(str(error)) from None
        except OSError as error:
            raise ConfigurationError(
                f"cannot read {path}, which may say where the node keeps its state: "
                f"{reason_of(error)}; name the state directory with --state-dir, or run kad with "
                "sudo"
            ) from error
        return _parsed(data, environ), path.parent
    if named:
        _by_the_whole_configuration(environ)  # it says that this file is missing
    return {}, Path()


def _parsed(data: bytes, environ: Mapping[str, str]) -> Mapping[str, Any]:
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except ValueError:  # of UTF-8, or of TOML
        _by_the_whole_configuration(environ)
        return {}


def _by_the_whole_configuration(environ: Mapping[str, str]) -> Whereabouts:
    """As the daemon would decide, or its complaint."""
    from kadtwisted.settings.loading import Configuration

    settings = Configuration(environ).load().settings
    assert settings.state_dir is not None
    return Whereabouts((settings.state_dir,), True)
