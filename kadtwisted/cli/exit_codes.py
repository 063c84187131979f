"""With which code ``kad`` ends (sysexits.h, and the shell's 128 + signal).

0 done, 1 not found or lost, 64 usage, 65 bad data, 69 nobody answered, 70 a fault of this program,
71 and 73 cannot bind or create, 75 the time ran out though somebody answered, 77 not allowed, 78
configuration, 130 interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import os
import signal

from kadtwisted.cli.export_file import BadExport
from kadtwisted.daemon.control_client import ControlUnavailable
from kadtwisted.daemon.exit_status import startup_exit_code
from kadtwisted.errors import (
    ClockSkew,
    ConfigurationError,
    InvalidInput,
    InvalidRecord,
    LocalError,
    NodeStopped,
    NotFound,
    RecordTooLarge,
    RemoteError,
    SendFailed,
    Superseded,
    TooManyRequests,
)

NOT_FOUND = 1
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE

_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (NotFound, NOT_FOUND),
    (RecordTooLarge, os.EX_DATAERR),
    (InvalidRecord, os.EX_DATAERR),
    (BadExport, os.EX_DATAERR),
    (ClockSkew, os.EX_DATAERR),
    (SendFailed, os.EX_UNAVAILABLE),
    (Superseded, os.EX_UNAVAILABLE),
    (NodeStopped, os.EX_UNAVAILABLE),
    (TooManyRequests, os.EX_UNAVAILABLE),
    (RemoteError, os.EX_UNAVAILABLE),
)


def exit_code_of(error: BaseException) -> int:
    """The exit code for an error; the most telling one where several would do."""
    if isinstance(error, ControlUnavailable) and startup_exit_code(error) == os.EX_NOPERM:
        return os.EX_NOPERM
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if isinstance(error, InvalidInput) and not isinstance(error, ConfigurationError):
        return os.EX_USAGE
    if isinstance(error, LocalError):
        return startup_exit_code(error)
    return os.EX_SOFTWARE
