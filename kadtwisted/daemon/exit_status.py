"""With which code a program ends that could not start its node (sysexits.h).

71 the port cannot be bound, 73 the state or the storage cannot be created, is damaged or in use,
77 the system does not allow it, 78 the configuration or the identity cannot be used, or another
version of this program is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from kadtwisted.errors import (
    CannotListen,
    IdentityError,
    InvalidInput,
    StorageError,
    UnsupportedVersion,
)
from kadtwisted.storage.state_directory import StateDirectoryInUse

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
