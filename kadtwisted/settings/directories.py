"""Where a daemon keeps its state, and where its configuration file is looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kadtwisted.errors import ConfigurationError
from kadtwisted.state.directory import SOCKET_FILE

SOCKET_PATH_BYTES = 107
"""``sun_path`` holds 108 bytes with its terminator (Linux, unix(7))."""


def default_state_dir(environ: Mapping[str, str], port: int) -> Path:
    """Where a daemon keeps its state: ``$STATE_DIRECTORY`` (systemd), else by XDG and port."""
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return xdg_directory(environ, "XDG_STATE_HOME", ".local/state") / "kademlia" / str(port)


def xdg_directory(environ: Mapping[str, str], variable: str, in_home: str) -> Path:
    """One of the user's directories by the XDG specification, which ignores relative paths."""
    named = environ.get(variable, "")
    if named.startswith("/"):
        return Path(named)
    return Path(environ.get("HOME") or os.path.expanduser("~"), in_home)


def check_state_dir(path: str | Path) -> Path:
    """A state directory, absolute, whose control socket's path the system can hold."""
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise ConfigurationError(f"there is no home directory for the state directory {expanded}")
    absolute = Path(expanded).absolute()
    if len(bytes(absolute / SOCKET_FILE)) > SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f"the path of the state directory {absolute} is too long: with /{SOCKET_FILE} it may "
            f"have {SOCKET_PATH_BYTES} bytes"
        )
    return absolute
