"""What strace wrote about a process and its threads: system calls, in order.

strace stops a thread before a call begins and after it has ended.  It handles one stop at a time
and writes it down before the thread goes on.  So the order of its lines is the order of events: if
one line says that a call has ended, and a later line that another call begins, then the second call
began after the end of the first one, in whatever threads they are.  A call on two lines, with
``<unfinished ...>`` and ``resumed``, began at the first line and ended at the second.

strace runs as the daemon's grandchild (``-D``), so that signals and exit codes are the daemon's
own, and shows all bytes as hexadecimal numbers (``-xx``).  This module says nothing about what an
order means.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = (
    *("openat", "fsync", "fdatasync", "msync"),
    *("write", "writev", "pwrite64", "pwritev", "pwritev2"),
    *("sendto", "sendmsg", "sendmmsg"),
)
STRING = 65536
"""Bytes that strace shows of each buffer: the largest page of SQLite, more than any datagram."""

_LINE = re.compile(r"(\d+) +\S+ (.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_UNFINISHED = " <unfinished ...>"
_HEAD = re.compile(r"(\w+)\((?:(\d+)<([^>]*)>)?")
_RESULT = re.compile(r"\) += (-?\d+)(?:<([^>]*)>)?")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class CannotTrace(Exception):
    """System calls cannot be traced on this machine; the message is a sentence that says why."""


class Call(NamedTuple):
    """A system call: the descriptor (-1: none) and path of its first argument, the numbers of the
    lines at which it began and ended, its result, and all the text that strace wrote about it."""

    name: str
    descriptor: int
    path: str
    began: int
    ended: int
    result: int
    text: str

    def data(self) -> bytes:
        """The bytes of every buffer it was given, one after the other."""
        return b"".join(unhex(each) for each in _STRING.findall(self.text))

    def offset(self) -> int:
        """The place in the file at which a ``pwrite64`` writes."""
        arguments = self.text[: self.text.rindex(")")]
        return int(arguments.rpartition(",")[2], 0)

    def opened(self) -> str:
        """The path that an ``openat`` opened."""
        found = _RESULT.search(self.text)
        return unhex(found[2] or "").decode() if found is not None else ""


def strace(to: Path) -> list[str]:
    """A command, as a list of words, that runs another one and writes its calls to a file.

    :class:`CannotTrace` if there is no strace.
    """
    program = shutil.which("strace")
    if program is None:
        raise CannotTrace(
            "there is no strace on this machine; install it (Debian: apt install strace)"
        )
    options = ["-D", "-f", "-tt", "-y", "-xx", "-s", str(STRING), "--seccomp-bpf"]
    return [program, *options, "-e", "trace=" + ",".join(CALLS), "-o", str(to)]


def read_trace(lines: Iterable[str]) -> Iterator[Call]:
    """The calls that ended with a number as their result, in the order of their ends."""
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, text = match.groups()
        began = number
        resumed = _RESUMED.match(text)
        if resumed is not None:
            began, first = begun.pop(thread, (number, ""))
            text = first + resumed[1]
        elif text.endswith(_UNFINISHED):
            begun[thread] = number, text[: -len(_UNFINISHED)]
            continue
        call = _call(text, began, number)
        if call is not None:
            yield call


def _call(text: str, began: int, ended: int) -> Call | None:
    head, result = _HEAD.match(text), _RESULT.search(text)
    if head is None or result is None:
        return None  # a signal, an exit, or a call that never returned
    name, descriptor, path = head.groups()
    path = unhex(path or "").decode(errors="replace")
    return Call(name, int(descriptor or -1), path, began, ended, int(result[1]), text)


def unhex(text: str) -> bytes:
    """What strace wrote as ``\\x68\\x65\\x78``."""
    return bytes.fromhex(text.replace("\\x", ""))
