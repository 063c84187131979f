"""``kad simulate --pictures DIRECTORY``: draws a result.

Whether drawing is possible is checked before a simulation begins, since that may take hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kadtwisted.cli.text.output import Output
from kadtwisted.errors import LocalError, reason_of
from kadtwisted.simulation.pictures import album


class CannotWrite(LocalError):
    """A file or directory for the result cannot be written."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"cannot write {error.filename or path}: {reason_of(error)}")


def prepare(directory: Path) -> None:
    """Check that matplotlib is installed, and make the directory.

    Fails with :class:`~album.NoPictures` or :class:`CannotWrite`.
    """
    album.require()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(directory, error) from None


def draw(output: Output, found: Mapping[str, Any], directory: Path) -> None:
    """Write the pictures of a result, and name them."""
    try:
        for path in album.save(album.draw(found), directory):
            output.note(f"kad: drew {path}")
    except OSError as error:
        raise CannotWrite(directory, error) from None
