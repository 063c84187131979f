"""What a verb reads twice: all of it is checked, and then it is done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kadtwisted.cli.export_file import BadExport
from kadtwisted.cli.session import Session
from kadtwisted.cli.streams import pieces
from kadtwisted.errors import LocalError, reason_of
from kadtwisted.storage.guard import open_file


class CannotCopy(LocalError):
    """No copy of standard input can be made."""


def copy_input(session: Session, name: str) -> None:
    """If this names standard input, copy it.  It may be silent, so this is done before anything
    else runs."""
    if name != "-":
        return
    try:
        copy = session.input = tempfile.TemporaryFile()  # noqa: SIM115  # opened() closes it
        with session.waiting_for("standard input has not ended"):
            for data in pieces(session.world.stdin):
                copy.write(data)
        copy.seek(0)
    except OSError as error:
        raise CannotCopy(f"cannot copy standard input: {reason_of(error)}") from error


@contextmanager
def opened(session: Session, name: str) -> Iterator[IO[bytes]]:
    """The file of this name, or the copy of standard input."""
    if session.input is not None:
        with session.input as copy:
            yield copy
        return
    try:
        file = open_file(Path(name))
    except OSError as error:
        raise BadExport(f"cannot read {name}: {reason_of(error)}") from error
    with file:
        yield file
