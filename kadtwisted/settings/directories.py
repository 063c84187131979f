"""Where a daemon keeps its state, and where its configuration file is looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kadtwisted.errors import ConfigurationError, reason_of
from kadtwisted.state.names import SOCKET_FILE

PREFIX = "KADTWISTED_"
"""How the names of our environment variables begin."""
FILE_VARIABLE = PREFIX + "CONFIG"
"""Names the configuration file; no option, since it cannot stand in that file."""
TOKEN_VARIABLE = PREFIX + "HTTP_TOKEN"
"""No setting of a node: the token that ``kad --node`` shows."""
FILE_NAME = "node.toml"
FILE_BYTES = 1024 * 1024
"""MAGIC: a configuration is a few kilobytes; a larger file is a mistake (a wrong path)."""
DEFAULT_PORT = 8000
"""The UDP port of a daemon that is told none."""
SYSTEM_DIRECTORY = Path("/etc/kademlia")
SYSTEM_STATE = Path("/var/lib/kademlia")
"""The state directory of a service (``StateDirectory=kademlia``, systemd.exec(5))."""
_OF_THE_KERNEL = (("/", "proc"), ("/", "sys"))
"""Where Linux mounts what it shows as files (hier(7)); nobody keeps anything there."""
SOCKET_PATH_BYTES = 107
"""``sun_path`` holds 108 bytes with its terminator (Linux, unix(7))."""


def default_state_dir(environ: Mapping[str, str], port: int) -> Path:
    """Where a daemon keeps its state: ``$STATE_DIRECTORY`` (systemd), else by XDG and port."""
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    return xdg_directory(environ, "XDG_STATE_HOME", ".local/state") / "kademlia" / str(port)


def system_state(port: int) -> Path:
    """The state directory of the system's service for one of several nodes, as its unit
    ``kademlia@.service`` names it."""
    return SYSTEM_STATE.with_name(f"{SYSTEM_STATE.name}-{port}")


def usual_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where the file is looked for: systemd's directory (the first of
    ``$CONFIGURATION_DIRECTORY``), the system's, the user's."""
    systemd = environ.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    user = xdg_directory(environ, "XDG_CONFIG_HOME", ".config") / "kademlia"
    directories = (*((Path(systemd),) if systemd else ()), SYSTEM_DIRECTORY, user)
    return tuple(each / FILE_NAME for each in directories)


def xdg_directory(environ: Mapping[str, str], variable: str, in_home: str) -> Path:
    """One of the user's directories by the XDG specification, which ignores relative paths."""
    named = environ.get(variable, "")
    if named.startswith("/"):
        return Path(named)
    return Path(environ.get("HOME") or os.path.expanduser("~"), in_home)


def working_directory() -> Path:
    """Where relative paths start."""
    try:
        return Path.cwd()
    except OSError as error:  # somebody has removed it, or what leads to it is closed to us
        raise ConfigurationError(
            f"the working directory cannot be used: {reason_of(error)}; cd to another one"
        ) from error


def check_state_dir(path: str | Path) -> Path:
    """A state directory, absolute, whose control socket's path the system can hold."""
    if "\0" in str(path):
        raise ConfigurationError(f"no path has a null character, as {str(path)!r:.200} has")
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise ConfigurationError(f"there is no home directory for the state directory {expanded}")
    absolute = Path(expanded)
    if not absolute.is_absolute():
        absolute = working_directory() / absolute
    if Path(os.path.realpath(absolute)).parts[:2] in _OF_THE_KERNEL:
        raise ConfigurationError(
            f"the state directory {absolute} cannot be made there: its file system is the kernel's"
        )
    if len(bytes(absolute / SOCKET_FILE)) > SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f"the path of the state directory {absolute} is too long: with /{SOCKET_FILE} it may "
            f"have {SOCKET_PATH_BYTES} bytes"
        )
    return absolute
