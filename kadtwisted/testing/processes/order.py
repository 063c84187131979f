"""Is any acknowledgement sent before its record is safe?  strace watches the daemon's system calls.

It is shown for each record by itself, and not by counting:

* Each value contains a marker of 16 random bytes, so the write that brings the bytes of the record
  to the file of the storage is found in the trace; ``durable.py`` says what must follow until the
  record is safe.
* Replies are sealed, but the client that opens one knows which STORE it acknowledges.  Each has 16
  random bytes in the clear; by these the ``sendto`` of the acknowledgement is found.
* The order of the lines of a trace is the order of events; ``tracing.py`` says why.

An acknowledgement is right if its ``sendto`` began after the end of the last call that made its
record safe.  All others are offenders, even if only a write or ``sendto`` is missing in the trace.

First the records are written one at a time, then many at once, where several share one sync.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kadtwisted.dialects.native.door import NONCE
from kadtwisted.model.ids import ID_BYTES, NodeID
from kadtwisted.records import value
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.processes.client import Client, meet
from kadtwisted.testing.processes.daemon import REAL_DISK, Daemons, DaemonTrouble, free_port
from kadtwisted.testing.processes.durable import RULES, Safe, when_safe
from kadtwisted.testing.processes.ledger import LONG, Write
from kadtwisted.testing.processes.load import Load
from kadtwisted.testing.processes.tracing import Call, CannotTrace, read_trace, strace

MARK = b"marker "
_MARKER = re.compile(MARK + b"([0-9a-f]{32})")
SHOWN = 10
"""The most offenders that are shown."""


@dataclass(frozen=True, slots=True)
class Order:
    """``singly`` records are written one at a time, then ``grouped`` records with ``at_once`` in
    flight, at a daemon with this ``storage``."""

    storage: str = "sqlite"
    singly: int = 300
    grouped: int = 3000
    at_once: int = 64
    directory: str = REAL_DISK
    minutes: float = 15.0

    async def run(self, reactor: Any, report: Report) -> None:
        async with Daemons(reactor, self.directory) as daemons:
            trace = daemons.directory / "trace"
            marked = await self._record(reactor, daemons, trace)
            files = str(daemons.directory / "traced" / "records")
            safe, sent, syncs = read(trace, self.storage, files)
            self._judge(report, marked, safe, sent)
            report.figure("syncs of the storage's files", syncs)

    async def _record(self, reactor: Any, daemons: Daemons, trace: Path) -> list[_Marked]:
        """Run the daemon under strace and write to it."""
        before = strace(trace)
        words = ("--storage", self.storage)
        daemon = daemons.start("traced", free_port(), *words, before=before)
        try:
            client = await meet(reactor, daemon)
        except DaemonTrouble:
            if b"ptrace" in daemon.output.lower():
                raise CannotTrace("this machine does not let strace watch a process") from None
            raise
        marked = []
        for count, at_once in ((self.singly, 1), (self.grouped, self.at_once)):
            source = _Marked(client, count)
            load = Load(reactor, client, source, at_once)
            load.start()
            await load.done
            marked.append(source)
        await client.close()
        await daemon.stop()  # ends when strace has written everything, for it holds the output open
        return marked

    def _judge(
        self,
        report: Report,
        marked: Sequence[_Marked],
        safe: dict[bytes, Safe],
        sent: dict[bytes, Call],
    ) -> None:
        for words, source in zip(("one at a time", f"{self.at_once} at once"), marked, strict=True):
            offenders = list(offending(source.acknowledgements, safe, sent))
            for each in offenders[:SHOWN]:
                report.note(each)
            count = len(source.acknowledgements)
            right = 100 * (count - len(offenders)) / max(1, count)
            report.at_least(f"acknowledgements, {words}", count, source.count * 0.9)
            report.at_least("... sent when the record was safe, %", right, 100)
            groups = {safe[marker].safe for marker in source.acknowledgements if marker in safe}
            report.figure("... records that became safe together", count / max(1, len(groups)))


class _Marked:
    """``count`` writes, each with a marker; remembers the datagram that acknowledged each."""

    def __init__(self, client: Client, count: int) -> None:
        self.count = count
        self.acknowledgements: dict[bytes, bytes] = {}
        self._client = client
        self._left = count

    def next(self, now: float) -> Write | None:
        if not self._left:
            return None
        self._left -= 1
        marker = os.urandom(16).hex().encode()
        key = NodeID(int.from_bytes(os.urandom(ID_BYTES), "big"))
        made = value.value_of(key, MARK + marker, int(time.time() * value.MICROSECONDS))
        return Write(key, self._left, value.encode(made), LONG, now)

    def acknowledged(self, write: Write, now: float) -> None:
        marker = _MARKER.findall(write.record)[0]
        self.acknowledgements[marker] = self._client.datagram[NONCE]

    def doubtful(self, write: Write) -> None:
        """Refused writes need not be safe."""


def read(trace: Path, storage: str, files: str) -> tuple[dict[bytes, Safe], dict[bytes, Call], int]:
    """When each marker was safe, the call that sent each nonce, and how many syncs there were."""
    sent: dict[bytes, Call] = {}
    syncs = 0

    def calls() -> Iterator[Call]:
        nonlocal syncs
        with trace.open(encoding="ascii", errors="replace") as lines:
            for call in read_trace(lines):
                if call.name.startswith("send"):
                    sent[call.data()[NONCE]] = call
                elif call.name.endswith("sync") and call.path.startswith(files):
                    syncs += 1
                yield call

    safe = when_safe(calls(), RULES[storage](), files, _MARKER.findall)
    return safe, sent, syncs


def offending(
    acknowledgements: dict[bytes, bytes], safe: dict[bytes, Safe], sent: dict[bytes, Call]
) -> Iterator[str]:
    """A sentence for each acknowledgement that is not proven right."""
    for marker, nonce in acknowledgements.items():
        name = marker.decode()
        call, when = sent.get(nonce), safe.get(marker)
        if call is None:
            yield f"{name}: no call in the trace sent its acknowledgement"
        elif when is None:
            yield f"{name}: acknowledged at line {call.began}, and never safe"
        elif call.began <= when.safe:
            yield (
                f"{name}: written at line {when.written}, acknowledged at line {call.began}, "
                f"safe at line {when.safe}"
            )
