"""Fills the places of standard streams that were closed, before anything else takes them.

Supervisors, job schedulers and ``<&-`` start programs with closed streams.  Then the next file that
is opened takes their place: a database would get what is meant for standard error.  Python has
``None`` for a stream that was closed.  Nothing heavy is imported here, so that this can be first.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

STDIN, STDOUT, STDERR = 0, 1, 2


def fill_closed() -> None:
    """Whatever needs standard input or output fails on it; what is said to standard error is
    dropped."""
    # The lowest free number is taken: those before it are filled already.
    for descriptor, flags in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        if _is_closed(descriptor):
            os.open(os.devnull, flags)
    if sys.stderr is None:
        sys.stderr = _text(STDERR)


def drop_closed() -> None:
    """As :func:`fill_closed`, for a program that runs whether it is heard or not: what is said to
    standard output is dropped, too."""
    for descriptor in (STDIN, STDOUT, STDERR):
        if _is_closed(descriptor):
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = _text(STDOUT)
    if sys.stderr is None:
        sys.stderr = _text(STDERR)


def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def _text(descriptor: int) -> TextIO:
    return open(descriptor, "w", errors="backslashreplace", closefd=False)
