"""The exit codes of ``kad``: those of sysexits.h, and 128 + signal as in the shell."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from types import MappingProxyType

from kadtwisted.api.peers import ControlRefused
from kadtwisted.cli.text.output import CannotWrite
from kadtwisted.errors import (
    CasConflict,
    ClockSkew,
    ConfigurationError,
    InvalidInput,
    InvalidRecord,
    InvalidReference,
    InvalidSalt,
    LocalError,
    NodeStopped,
    NotFound,
    RecordTooLarge,
    RemoteError,
    SendFailed,
    SigningKeyError,
    Superseded,
    TooManyRequests,
    Uncertain,
)

NOT_FOUND = 1
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        os.EX_OK: "done",
        NOT_FOUND: "nothing was found; after the demo: a value was lost",
        os.EX_USAGE: "the command line is wrong",
        os.EX_DATAERR: "the data are bad: a value or a salt is too long, a signature is wrong, a "
        "reference is mistyped, a record is from the future, or a file is no sound export, no "
        "result of a simulation, or has bad lines",
        os.EX_UNAVAILABLE: "no node answered, or no node took the record",
        os.EX_SOFTWARE: "a bug in this program, or runs of a sweep failed",
        os.EX_OSERR: "the port cannot be bound, or a file cannot be written",
        os.EX_CANTCREAT: "the storage or the state directory cannot be opened or is in use, is "
        "damaged, or is full",
        os.EX_IOERR: "standard output cannot be written: the disk is full, or it was closed",
        os.EX_TEMPFAIL: "the time was over before the verb was done though nodes answered, or "
        "before standard input had ended; or it is not certain whether a conditional write holds",
        os.EX_NOPERM: "permission denied, for example because the node belongs to another user",
        os.EX_CONFIG: "the configuration, the network, the identity or a signing key cannot be "
        "used, other users can change or read the state, or a newer version of this program is "
        "needed; or the doctor has found something that is bad",
        INTERRUPTED: "interrupted",
        BROKEN_PIPE: "the output was closed before everything was written",
        128 + signal.SIGTERM: "ended by SIGTERM before the verb was done",
    }
)
"""All codes, and what the manual says of them."""

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (NotFound, NOT_FOUND),
    (ControlRefused, os.EX_NOPERM),
    (RecordTooLarge, os.EX_DATAERR),
    (InvalidRecord, os.EX_DATAERR),
    (InvalidReference, os.EX_DATAERR),
    (InvalidSalt, os.EX_DATAERR),
    (SigningKeyError, os.EX_CONFIG),
    (Uncertain, os.EX_TEMPFAIL),
    (CannotWrite, os.EX_IOERR),
    (ClockSkew, os.EX_DATAERR),
    (SendFailed, os.EX_UNAVAILABLE),
    (Superseded, os.EX_UNAVAILABLE),
    (CasConflict, os.EX_UNAVAILABLE),
    (NodeStopped, os.EX_UNAVAILABLE),
    (TooManyRequests, os.EX_UNAVAILABLE),
    (RemoteError, os.EX_UNAVAILABLE),
)


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error: the most precise one that fits."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if not isinstance(error, LocalError):
        return os.EX_SOFTWARE
    # These need much that a short command does without.
    from kadtwisted.cli.export_file import BadExport
    from kadtwisted.daemon.exit_status import startup_exit_code
    from kadtwisted.simulation.results.saved import Unreadable

    if isinstance(error, BadExport | Unreadable):
        return os.EX_DATAERR
    if isinstance(error, InvalidInput) and not isinstance(error, ConfigurationError):
        return os.EX_USAGE
    return startup_exit_code(error)
