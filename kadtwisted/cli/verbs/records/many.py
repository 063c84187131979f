"""``kad put --from`` and ``kad get --from``: many values at once.

All lines are checked before anything is sent.  Then they are taken a few thousand at a time, in the
order of their keys, so that the node can let neighbours share a lookup, and sent in requests that
fit into a line of the control socket.  What a request brought is written down before the next one
is sent: so whatever ends this command, the same command goes on there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kadtwisted.api.arguments import MAX_VALUES
from kadtwisted.cli.exit_codes import NOT_FOUND
from kadtwisted.cli.performing import performer
from kadtwisted.cli.session import Session
from kadtwisted.cli.text.output import Described, count_of
from kadtwisted.cli.text.progress import Progress, progress_of
from kadtwisted.cli.verb_table import waiting_for
from kadtwisted.cli.verbs.records.again import Keys
from kadtwisted.cli.verbs.records.journal import Done, Journal
from kadtwisted.cli.verbs.records.lines import (
    BadLines,
    Line,
    Read,
    check_all,
    read_all,
    to_get,
    to_put,
)
from kadtwisted.cli.verbs.records.read_twice import copy_input, opened
from kadtwisted.model.printable import json_line

if TYPE_CHECKING:
    from kadtwisted.api.operations import Performer

AT_A_TIME = 4096
"""MAGIC: lines that are sorted together; with values of 1,000 bytes they take some 10 MB."""
REQUEST_BYTES = 48 * 1024
"""MAGIC: of the lines in one request; its own line may have 64 KiB."""

FIRST_VALUES = 32
"""MAGIC: values of the first request."""
QUICK = (1.0, 3.0)
"""MAGIC: seconds; of a request that takes less the next is larger, of one that takes more it is
smaller."""


class Work(NamedTuple):
    """What is done with lines: how one is ``read``, the verb and the name of its list, other
    arguments, what becomes of an answer: until when it holds, and how, and whether one line
    ``replaces`` what another one with its key has done."""

    read: Read
    verb: str
    listed: str
    arguments: dict[str, Any]
    take: Callable[[Line, Described], float]
    replaces: bool


async def put_many(session: Session) -> int:
    """Store all values of a file; report what failed."""
    given, now = session.arguments, session.world.unix_time
    lifetime = given.lifetime

    def read(number: int, text: bytes) -> Line:
        line = to_put(number, text)
        if lifetime is None or "lifetime" in line.request:
            return line
        return line._replace(request={**line.request, "lifetime": lifetime})

    def take(line: Line, stored: Described) -> float:
        return now() + float(stored["remaining_seconds"])

    # A node of our own goes when this is over, so it hears all nodes out.
    waits = waiting_for(given) if session.client is not None else {"wait": "all"}
    work = Work(read, "put-many", "values", waits, take, replaces=True)
    path = given.resume or (None if given.lines_from == "-" else f"{given.lines_from}.progress")
    counts = await _work(session, work, path, "storing")
    session.output.report(counts, _stored_text)
    return os.EX_OK if not counts["failed"] else os.EX_UNAVAILABLE


async def get_many(session: Session) -> int:
    """Write all values that are named in a file, as lines; report which are missing."""
    given = session.arguments

    def take(line: Line, found: Described) -> float:
        said = "value" if found["value"] is not None else "value_base64"
        if found[said] is None:
            raise BadLines("what is stored there is no byte string")
        named = {name: value for name, value in line.request.items() if name != "reference"}
        named = named or {"key_hex": found["key"]}
        told = {**named, said: found[said], "lifetime": found["remaining_seconds"]}
        session.output.write(f"{json_line(told)}\n".encode())
        return 0.0

    mode = {"mode": "first"} if given.first else {}
    work = Work(to_get, "get-many", "keys", mode, take, replaces=False)
    counts = await _work(session, work, given.resume, "fetching")
    if counts["failed"] or counts["missing"]:
        session.output.note(f"kad: {_gotten_text(counts)}")
    if counts["failed"]:
        return os.EX_UNAVAILABLE
    return NOT_FOUND if counts["missing"] else os.EX_OK


# --- The work ----------------------------------------------------------------------------------


async def _work(session: Session, work: Work, path: str | None, doing: str) -> Described:
    """Do all lines that are not done; how many of them went well, failed, and were done before."""
    with opened(session, session.arguments.lines_from) as stream:
        total, last = check_all(stream, work.read, lambda told: session.output.note(f"kad: {told}"))
        async with performer(session) as node:
            session.somebody_answered = True
            network = str((await node.perform("status", {}))["network"])
            place = None if path is None else Path(path)
            journal = Journal(place, work.verb, network, session.world.unix_time(), last)
            run = _Run(session, work, node, journal)
            text = f"{doing} {count_of(total, 'value')}"
            try:
                with progress_of(session.world.stderr, text, total) as progress:
                    lines = read_all(stream, work.read)
                    while chunk := list(islice(lines, AT_A_TIME)):
                        await run.take(chunk, progress)
                if sum(run.counts.values()) < total:
                    raise BadLines("the file has become shorter while it was read")
                if not (run.counts["failed"] or run.counts["missing"]):
                    journal.remove()
            except BaseException:
                session.output.note(f"kad: {run.interrupted()}")
                raise
            finally:
                journal.close()
    return run.counts


class _Run:
    """One run; ``counts`` tells what came of the lines."""

    def __init__(self, session: Session, work: Work, node: Performer, journal: Journal) -> None:
        self._session = session
        self._work = work
        self._node = node
        self._journal = journal
        self._again = Keys(journal.noted)
        self._size = FIRST_VALUES
        self.counts: dict[str, int] = dict.fromkeys(("done", "failed", "missing", "before"), 0)

    async def take(self, chunk: Sequence[Line], progress: Progress) -> None:
        """Do these lines, in the order of their keys; of one key in that of the file."""
        left = [each for each in chunk if not self._is_done(each)]
        self.counts["before"] += len(chunk) - len(left)
        progress.step(len(chunk) - len(left))
        left.sort(key=lambda each: (each.key, each.number))
        while left:
            request = left[: _fitting(left, self._size)]
            del left[: len(request)]
            began = time.monotonic()
            await self._send(request, progress)
            self._adapt(len(request), time.monotonic() - began)
            progress.step(len(request))

    def _is_done(self, line: Line) -> bool:
        """Whether a run before did it, and it stays done: what is put anew would replace what
        later lines have put under its key, so these are put anew, too."""
        if self._journal.has(line) and not (self._work.replaces and line.key in self._again):
            return True
        if line.number <= self._journal.noted:
            self._again.add(line.key)
        return False

    def _adapt(self, count: int, seconds: float) -> None:
        """Let the next request take one to three seconds: an interruption loses no more than one,
        and what is done is seen soon."""
        if seconds > QUICK[1]:
            self._size = max(count // 2, 1)
        elif seconds < QUICK[0]:
            self._size = min(2 * self._size, MAX_VALUES)

    async def _send(self, lines: Sequence[Line], progress: Progress) -> None:
        work = self._work
        asked = {work.listed: [each.request for each in lines], **work.arguments}
        results = (await self._node.perform(work.verb, asked))["results"]
        done: list[Done] = []
        for line, result in zip(lines, results, strict=True):
            error = result.get("error")
            try:
                if error is None:
                    done.append(Done(line, work.take(line, result)))
                    continue
                word = "missing" if error["type"] == "NotFound" else "failed"
                told = error["message"]
            except BadLines as bad:
                word, told = "failed", str(bad)
            self.counts[word] += 1
            progress.clear()
            self._session.output.note(f"kad: line {line.number}, {line.name}: {told}")
        self._journal.note(done)
        self.counts["done"] += len(done)

    def interrupted(self) -> str:
        """How far it came."""
        done = self.counts["done"] + self.counts["before"]
        path = self._journal.path
        then = "" if path is None else f"; the same command goes on there, by {path}"
        return f"interrupted: {count_of(done, 'line')} done{then}"


def _fitting(lines: Sequence[Line], most: int) -> int:
    """How many of the first lines fit into one request, at least 1 and at most so many."""
    size = 0
    for count, each in enumerate(lines[:most]):
        size += len(json.dumps(each.request)) + 2
        if count and size > REQUEST_BYTES:
            return count
    return min(most, len(lines))


def _stored_text(counts: Described) -> str:
    before = f"; {counts['before']:,} were stored before" if counts["before"] else ""
    failed = f"; {counts['failed']:,} failed, as told above" if counts["failed"] else ""
    return f"kad: stored {count_of(counts['done'], 'value')}{before}{failed}"


def _gotten_text(counts: Described) -> str:
    missing = f"; {counts['missing']:,} were not found" if counts["missing"] else ""
    failed = f"; {counts['failed']:,} failed" if counts["failed"] else ""
    return f"fetched {count_of(counts['done'], 'value')}{missing}{failed}, as told above"


def take_lines(session: Session) -> None:
    """Copy standard input, because all of it is read twice."""
    copy_input(session, session.arguments.lines_from)
