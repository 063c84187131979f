"""The three standard streams of the process, whatever whoever started it has made of them.

Supervisors, job schedulers and ``<&-`` start programs with closed streams.  Then the next file that
is opened takes their place: a database would get what is meant for standard error.  So each closed
one is filled first, with something on which whatever needs the stream fails.  Python has ``None``
for a stream that was closed.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from kadtwisted.cli.text.output import CannotWrite, write_all
from kadtwisted.errors import InvalidInput, reason_of


class BadInput(InvalidInput):
    """Standard input cannot be read."""


_STDIN, _STDOUT, _STDERR = 0, 1, 2


def mend() -> None:
    """Fill the places of closed streams.  Reading such a stream fails, and so does writing to it;
    but what is said to a closed standard error is dropped."""
    for descriptor, flags in (
        (_STDIN, os.O_WRONLY),
        (_STDOUT, os.O_RDONLY),
        (_STDERR, os.O_WRONLY),
    ):
        try:
            os.fstat(descriptor)
        except OSError as error:
            if error.errno == errno.EBADF:
                # The lowest free number is taken: those before it are filled already.
                os.open(os.devnull, flags)
    if sys.stderr is None:
        # For as long as the process lives.
        sys.stderr = open(_STDERR, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115


def standard_input() -> BinaryIO:
    """Standard input."""
    if sys.stdin is None:
        return open(_STDIN, "rb", buffering=0, closefd=False)
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Standard output, without a buffer: what could not be written is told once, and not tried
    again when the process ends."""
    return open(_STDOUT, "wb", buffering=0, closefd=False)


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """All that comes, as it comes; :class:`BadInput` if reading fails."""
    try:
        while data := stream.read(65536):
            yield data
    except OSError as error:
        why = "it is closed" if error.errno == errno.EBADF else reason_of(error)
        raise BadInput(f"cannot read standard input: {why}") from error


def read_all(stream: BinaryIO, most: int) -> bytes:
    """All that comes; not much more than so many bytes are read."""
    found = b""
    for data in pieces(stream):
        found += data
        if len(found) > most:
            break
    return found


def print_text(text: str) -> int:
    """Write a text to standard output; the exit code."""
    if sys.stdout is not None and not hasattr(sys.stdout, "buffer"):
        sys.stdout.write(text)  # a test's
        return os.EX_OK
    try:
        write_all(standard_output(), text.encode())
    except CannotWrite as error:
        print_error(f"kad: {error}\n")
        return give_up(os.EX_IOERR)
    return os.EX_OK


def print_error(text: str) -> None:
    """Write a text to standard error; if that fails, nobody can be told."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        pass


def give_up(code: int) -> int:
    """Standard output cannot be written: drop what is still to be written there; the exit code."""
    if sys.stdout is not None and hasattr(sys.stdout, "buffer"):
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
    return code
