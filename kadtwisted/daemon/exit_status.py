"""The exit code of a program that could not start its node (sysexits.h)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from kadtwisted.errors import (
    CannotListen,
    IdentityError,
    InvalidInput,
    LocalError,
    StorageError,
    UnsupportedVersion,
)
from kadtwisted.state.directory import StateDirectoryInUse
from kadtwisted.storage.guard import UnsafeFile


class CannotLog(LocalError):
    """The log file cannot be opened."""


MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        os.EX_OK: "twistd runs in the background now",
        1: "there is a mistake in the options, the environment or the configuration file (twistd's "
        "own code for usage errors), or the installation is broken; without --nodaemon: the node "
        "could not start, for any reason",
        os.EX_OSERR: "the UDP port cannot be bound, or was lost and could not be bound again for "
        "one minute; or stopping took too long",
        os.EX_CANTCREAT: "the storage or the state directory cannot be created or opened, is "
        "damaged, or is in use by another node; or the log file cannot be opened",
        os.EX_NOPERM: "permission denied",
        os.EX_CONFIG: "the identity, or a socket from systemd, cannot be used, other users can "
        "change or read the state, or a newer version of this program is needed",
        128 + signal.SIGINT: "stopped in order by SIGINT",
        128 + signal.SIGTERM: "stopped in order by SIGTERM; systemd counts this as success",
    }
)
"""All codes of the daemon, and what the manual says of them."""

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (CannotListen, os.EX_OSERR),
    (CannotLog, os.EX_CANTCREAT),
    (UnsupportedVersion, os.EX_CONFIG),  # both before StorageError, of which they are
    (UnsafeFile, os.EX_CONFIG),
    (StorageError, os.EX_CANTCREAT),
    (StateDirectoryInUse, os.EX_CANTCREAT),
    (IdentityError, os.EX_CONFIG),
    (InvalidInput, os.EX_CONFIG),
)


def startup_exit_code(error: BaseException) -> int:
    """The exit code for an error at the start; 71 if none fits better."""
    if any(isinstance(each, PermissionError) for each in _causes(error)):
        return os.EX_NOPERM
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return os.EX_OSERR


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes, and the system errors in Twisted's errors."""
    current: object = error
    while isinstance(current, BaseException):
        yield current
        current = getattr(current, "socketError", None) or current.__cause__
