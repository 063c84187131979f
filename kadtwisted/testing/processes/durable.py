"""Reads from a trace when the record with a marker was safe from a loss of power.

Each database has its own order of writing, and each rule demands all of it.

SQLite with a write-ahead log: the page with the marker is written to the log, and so is the frame
that commits the transaction (the only one whose header has the size of the database; SQLite's file
format, section 4.1); then an fsync or fdatasync of the log begins and ends.

LMDB: the page with the marker is written to the data file; then a sync of that file begins and
ends; then one of the two meta pages at the beginning of the file is written, which makes the new
tree the valid one.  That write goes through a descriptor that was opened with O_DSYNC or O_SYNC, or
another sync begins and ends after it.

Only the first write of a marker counts: later copies of the page (by a checkpoint, by a change
beside it) make it no safer.  A write that failed or was cut short does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from kadtwisted.testing.processes.tracing import Call

WRITES = frozenset(("write", "writev", "pwrite64", "pwritev", "pwritev2"))
SYNCS = frozenset(("fsync", "fdatasync"))

FRAME_HEADER = 24
"""Bytes of a frame's header in SQLite's log."""
META_PAGES = 2 * 4096
"""LMDB's first two pages, each of at least 4,096 bytes."""


class Safe(NamedTuple):
    """The line of the trace at which a record was safe, and the line at which its page was
    written."""

    written: int
    safe: int


class Rule(Protocol):
    """Follows the calls of one database; ``safe`` says for each marker when it was safe."""

    safe: dict[bytes, Safe]

    def see(self, call: Call, markers: list[bytes]) -> None:
        """The next call, and the markers that it writes for the first time."""


class SQLiteRule:
    """The order of SQLite's write-ahead log."""

    def __init__(self) -> None:
        self.safe: dict[bytes, Safe] = {}
        self._commits = False
        self._written: list[tuple[bytes, int]] = []
        self._committed: list[tuple[bytes, int]] = []
        self._committed_at = 0

    def see(self, call: Call, markers: list[bytes]) -> None:
        if not call.path.endswith("-wal"):
            return
        if call.name in WRITES:
            self._write(call, markers)
        elif call.name in SYNCS and self._committed and call.began > self._committed_at:
            for marker, written in self._committed:
                self.safe[marker] = Safe(written, call.ended)
            self._committed = []

    def _write(self, call: Call, markers: list[bytes]) -> None:
        if call.result == FRAME_HEADER:
            self._commits = any(call.data()[4:8])
            return
        self._written += [(marker, call.ended) for marker in markers]
        if self._commits:
            self._committed += self._written
            self._committed_at = call.ended
            self._written, self._commits = [], False


class LMDBRule:
    """The order of LMDB's pages and meta pages."""

    def __init__(self) -> None:
        self.safe: dict[bytes, Safe] = {}
        self._written: list[tuple[bytes, int]] = []
        self._synced: list[tuple[bytes, int]] = []
        self._synced_at = 0
        self._pointed: list[tuple[bytes, int]] = []
        self._pointed_at = 0
        self._through: dict[int, bool] = {}

    def see(self, call: Call, markers: list[bytes]) -> None:
        if call.name == "openat":
            self._through[call.result] = "O_DSYNC" in call.text or "O_SYNC" in call.text
        elif call.name in SYNCS:
            self._sync(call)
        elif call.name == "pwrite64" and call.offset() < META_PAGES:
            self._point(call)
        elif call.name in WRITES:
            self._written += [(marker, call.ended) for marker in markers]

    def _sync(self, call: Call) -> None:
        if self._pointed and call.began > self._pointed_at:
            self._settle(call)
        late = [each for each in self._written if each[1] >= call.began]
        if len(late) < len(self._written):
            self._synced += [each for each in self._written if each[1] < call.began]
            self._synced_at = call.ended
        self._written = late

    def _point(self, call: Call) -> None:
        if self._synced and call.began > self._synced_at:
            self._pointed += self._synced
            self._pointed_at = call.ended
            self._synced = []
            if self._through.get(call.descriptor, False):
                self._settle(call)

    def _settle(self, call: Call) -> None:
        for marker, written in self._pointed:
            self.safe[marker] = Safe(written, call.ended)
        self._pointed = []


RULES: Mapping[str, Callable[[], Rule]] = MappingProxyType(
    {"sqlite": SQLiteRule, "lmdb": LMDBRule, "memory": SQLiteRule}
)
"""The rule of each durable storage."""


def when_safe(
    calls: Iterable[Call], rule: Rule, files: str, find: Callable[[bytes], list[bytes]]
) -> dict[bytes, Safe]:
    """When each marker was safe; a marker that never was safe is missing.

    ``files`` is the beginning of the paths of the storage's files.  ``find`` finds the markers in a
    buffer, in any order.
    """
    seen: set[bytes] = set()
    for call in calls:
        path = call.opened() if call.name == "openat" else call.path
        if call.result < 0 or not path.startswith(files):
            continue
        fresh = []
        if call.name in WRITES:
            fresh = [each for each in find(call.data()) if each not in seen]
            seen.update(fresh)
        rule.see(call, fresh)
    return rule.safe
