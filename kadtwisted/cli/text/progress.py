"""The progress of a long verb, on standard error.

On a terminal it is one line that is rewritten, and erased at the end.  Elsewhere each phase writes
one line when it begins, so that a log stays readable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from kadtwisted.model.printable import printable

_REWRITE = "\r\x1b[K"
"""Back to the line's start, and erase it (ECMA-48: CR, and EL without a parameter)."""


class Progress:
    """The phases of one run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rewrites = stream.isatty()
        self._text = ""
        self._total = 0
        self._done = 0

    def phase(self, text: str, total: int) -> None:
        """A new phase begins, of ``total`` steps."""
        self._text, self._total, self._done = printable(text), total, 0
        if self._rewrites:
            self._show()
        else:
            self._write(f"kad: {self._text}\n")

    def step(self, count: int = 1) -> None:
        """So many more steps are done."""
        self._done += count
        if self._rewrites:
            self._show()

    def clear(self) -> None:
        """Leave no line behind on a terminal."""
        if self._rewrites:
            self._write(_REWRITE)

    def _show(self) -> None:
        self._write(f"{_REWRITE}kad: {self._text} {self._done}/{self._total}")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


@contextmanager
def progress_of(stream: TextIO, text: str, total: int) -> Iterator[Progress]:
    """One phase of ``total`` steps."""
    progress = Progress(stream)
    progress.phase(text, total)
    try:
        yield progress
    finally:
        progress.clear()
