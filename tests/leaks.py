"""What a test leaves behind in its own process: threads and files that were not there before.

Counts cannot tell.  A thread of an earlier test may end meanwhile, and one that has done its work
(as of a name that was resolved) may still be about to end.
"""

from __future__ import annotations

import os
import threading

PATIENCE = 60.0
"""Seconds within which a thread that has nothing more to do ends, on a busy machine."""


class Before:
    """The threads and open files of this process at the moment when this is made."""

    def __init__(self) -> None:
        self._threads = {*threading.enumerate()}
        self._files = _open_files()

    def new_threads(self) -> list[threading.Thread]:
        """The threads that have been started since, and run."""
        return [each for each in threading.enumerate() if each not in self._threads]

    def left(self) -> list[str]:
        """What has been started or opened since and does not end, in words."""
        for each in self.new_threads():
            each.join(PATIENCE)
        files = sorted(_open_files() - self._files)
        return [
            *(f"the thread {each.name}" for each in self.new_threads()),
            *(f"descriptor {number}, {what}" for number, what in files),
        ]


def _open_files() -> set[tuple[int, str]]:
    """Each descriptor, and what it is; another socket or pipe is another thing."""
    found = set()
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
        except OSError:
            continue  # that of the listing itself
    return found
