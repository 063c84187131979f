"""With which code a program ends that could not start its node (sysexits.h)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from kadtwisted.errors import (
    CannotListen,
    IdentityError,
    InvalidInput,
    StorageError,
    UnsupportedVersion,
)
from kadtwisted.state.directory import StateDirectoryInUse

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        os.EX_OK: "twistd has gone to the background",
        1: "the options, the environment or the configuration file cannot be used (twistd's own "
        "code for usage), or the installation is broken; without --nodaemon, whatever else it is "
        "that keeps the node from starting",
        os.EX_OSERR: "the UDP port cannot be bound, or died and could not be bound again for a "
        "minute; or stopping took too long",
        os.EX_CANTCREAT: "the storage or the state directory cannot be created or opened, is "
        "damaged, or is in use by another node",
        os.EX_NOPERM: "the system does not allow it",
        os.EX_CONFIG: "the identity, or a socket that was handed over, cannot be used, or a newer "
        "version of this program is needed",
        128 + signal.SIGINT: "stopped in order by SIGINT, by which twistd then ends itself",
        128 + signal.SIGTERM: "stopped in order by SIGTERM, likewise; systemd counts it as success",
    }
)
"""All codes of the daemon, and what they mean in manuals."""

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (CannotListen, os.EX_OSERR),
    (UnsupportedVersion, os.EX_CONFIG),  # a StorageError, so it stands before that
    (StorageError, os.EX_CANTCREAT),
    (StateDirectoryInUse, os.EX_CANTCREAT),
    (IdentityError, os.EX_CONFIG),
    (InvalidInput, os.EX_CONFIG),
)


def startup_exit_code(error: BaseException) -> int:
    """The exit code for an error of starting; 71 for what has no code of its own."""
    if any(isinstance(each, PermissionError) for each in _causes(error)):
        return os.EX_NOPERM
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return os.EX_OSERR


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and the system's errors that Twisted's errors hold."""
    current: object = error
    while isinstance(current, BaseException):
        yield current
        current = getattr(current, "socketError", None) or current.__cause__
