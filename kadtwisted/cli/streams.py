"""The standard streams of one run of ``kad``.

What cannot be read or written is a sentence.  Closed ones were filled before, by
:mod:`kadtwisted.daemon.streams`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

from kadtwisted.cli.text.output import CannotWrite, write_all
from kadtwisted.daemon.streams import STDIN, STDOUT
from kadtwisted.errors import InvalidInput, reason_of


class BadInput(InvalidInput):
    """Standard input cannot be read."""


def standard_input() -> BinaryIO:
    """Standard input."""
    if sys.stdin is None:
        return open(STDIN, "rb", buffering=0, closefd=False)
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Standard output, without a buffer: what could not be written is told once, and not tried
    again when the process ends."""
    return open(STDOUT, "wb", buffering=0, closefd=False)


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
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
    return code
