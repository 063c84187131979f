"""What ``--from`` notes while it works, so that the same command goes on where it was interrupted.

A text file.  Its first line says what was done, and in which network.  Each other line is one line
of the input that is done: its number, a digest of what it says, and until when that holds in Unix
seconds (0: for ever).  A line that says something else now, or stands elsewhere, or whose value has
expired, is done anew.  The file grows by whole lines; the last one may be torn by a crash, and is
cut off then.  While a run goes on it is locked: a second one with the same file would do all of it,
too, and tear the lines of the first.

In memory a line of the input takes 8 bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
from array import array
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from kadtwisted.cli.verbs.records.lines import Line
from kadtwisted.errors import InvalidInput, LocalError, reason_of

MAX_LINE = 1024
"""MAGIC: bytes of a line; the longest has a name of a network of 64 bytes."""
MOST_LINES = 1 << 40
"""MAGIC: no file has so many lines."""


class BadJournal(InvalidInput):
    """A file says something else than what is done, or is in use."""


class CannotNote(LocalError):
    """What is done cannot be written down."""


class Done(NamedTuple):
    """A line of the input that is done, until this moment (Unix seconds; 0: for ever)."""

    line: Line
    until: float


class Journal:
    """The file of one run, open; ``verb`` and ``network`` are what it is about."""

    def __init__(
        self,
        path: Path | None,
        verb: str,
        network: str,
        unix_now: float,
        last: int = MOST_LINES,
    ) -> None:
        """Read what is done, up to the ``last`` line of the input.  Without a ``path`` nothing is
        noted.  :class:`BadJournal` for another verb's or network's, for what is none, and for one
        that is in use; :class:`CannotNote` where nothing can be written."""
        self.path = path
        self._last = last
        self._head = json.dumps({"kad": verb, "network": network})
        self._digests = array("Q")
        self._file: IO[bytes] | None = None
        if path is not None:
            try:
                self._file = _opened(path)
                self._read(self._file, unix_now)
            except BlockingIOError:
                raise BadJournal(
                    f"{path} is in use: another kad does the same; wait until it has ended"
                ) from None
            except OSError as error:
                self.close()
                raise CannotNote(
                    f"cannot write {path}, where it is noted what is done: {reason_of(error)}; "
                    "--resume FILE names another file"
                ) from error

    def _read(self, file: IO[bytes], unix_now: float) -> None:
        file.seek(0)
        end = 0
        first = True
        while (text := file.readline(MAX_LINE)).endswith(b"\n"):
            if first and text.decode("utf-8", "replace").strip() != self._head:
                raise self._foreign()
            if not first:
                self._take(text, unix_now)
            first = False
            end = file.tell()
        if first and text:
            raise self._foreign()
        file.truncate(end)
        if first:
            file.write(self._head.encode() + b"\n")
            file.flush()

    def _take(self, text: bytes, unix_now: float) -> None:
        try:
            number, digest, until = int(text.split()[0]), int(text.split()[1], 16), text.split()[2]
            is_good = float(until) == 0 or float(until) > unix_now
        except (ValueError, IndexError):
            raise self._foreign() from None
        if not (0 < number < MOST_LINES and 0 <= digest < 1 << 64):
            raise self._foreign()
        if number <= self._last:
            self._keep(number, digest if is_good else 0)

    def _foreign(self) -> BadJournal:
        self.close()
        return BadJournal(
            f"{self.path} does not say what was done by {self._head}: remove it, or name another "
            "file with --resume"
        )

    def _keep(self, number: int, digest: int) -> None:
        missing = number + 1 - len(self._digests)
        if missing > 0:
            self._digests.frombytes(bytes(8 * missing))
        self._digests[number] = digest

    @property
    def noted(self) -> int:
        """Behind which line nothing was done before this run."""
        return max(len(self._digests) - 1, 0)

    def has(self, line: Line) -> bool:
        """Whether a line is done."""
        return line.number < len(self._digests) and self._digests[line.number] == line.digest

    def note(self, done: Iterable[Done]) -> None:
        """These lines are done; :class:`CannotNote` if that cannot be written."""
        if self._file is None:
            return
        text = "".join(f"{e.line.number} {e.line.digest:016x} {e.until:.0f}\n" for e in done)
        try:
            self._file.write(text.encode())
            self._file.flush()
        except OSError as error:
            raise CannotNote(f"cannot write {self.path}: {reason_of(error)}") from error

    def close(self) -> None:
        """Let go of the file.  What could not be written has been told."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def remove(self) -> None:
        """All is done: the next run does everything anew."""
        if self._file is not None and self.path is not None:
            self.path.unlink(missing_ok=True)  # while it is locked, so it is this one
        self.close()


def _opened(path: Path) -> IO[bytes]:
    """The file, locked; ``BlockingIOError`` if somebody else has locked it."""
    while True:
        file = path.open("a+b")
        try:
            _lock(file)
            if _is_at(path, file):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # whoever had locked it has just removed it


def _lock(file: IO[bytes]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass  # this file system has no locks


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Whether an open file is the one that has this name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
