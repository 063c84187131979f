"""kill -9 at random moments, under load and during the start: nothing acknowledged may be lost.

A real client keeps STOREs in flight (fresh keys and newer versions of old ones, a few of them with
a short lifetime) and writes down every acknowledgement.  The daemon is killed, every fifth time
while it starts, and started again.  Then the client asks for each record that was acknowledged in
the last three rounds, and for a sample of the older ones.  Every few kills, and at the end, all of
them are looked for in the files themselves.  The record that is found must be the acknowledged one
or a later one, end when it should, give or take a second, and belong to the same node.

kill -9 shows that a process may end anywhere.  It does not show that acknowledged records are on
the disk, because the kernel keeps what was written.  ``order`` shows that.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from kadtwisted.model.ids import NodeID
from kadtwisted.records.value import MICROSECONDS
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.processes.client import Client, meet
from kadtwisted.testing.processes.daemon import REAL_DISK, Daemon, Daemons, free_port, sleep
from kadtwisted.testing.processes.files import NAMES, inspect
from kadtwisted.testing.processes.ledger import Held, Ledger, Verdict
from kadtwisted.testing.processes.load import Load

STARTING_EVERY = 5
"""One in so many kills comes while the daemon starts."""
RECENT = 3
"""The client asks for every acknowledged record of so many rounds."""
READERS = 16
"""Questions asked at once."""
ARRIVING = 0.05
"""Seconds in which acknowledgements that were sent before the kill still arrive."""
SHOWN = 10
"""Wrong answers that are shown."""


@dataclass(frozen=True, slots=True)
class Kill:
    """``kills`` kills of a daemon with this ``storage``, each after at most ``longest`` seconds.

    ``at_once`` STOREs are in flight to at most ``keys`` keys.  The client asks for ``sample`` older
    records each time, and the files are checked every ``check_every`` kills.  A start may take
    ``start`` seconds.
    """

    storage: str = "sqlite"
    kills: int = 200
    at_once: int = 64
    longest: float = 1.5
    keys: int = 20_000
    sample: int = 200
    check_every: int = 20
    start: float = 2.0
    seed: int = 1
    directory: str = REAL_DISK
    minutes: float = 60.0

    async def run(self, reactor: Any, report: Report) -> None:
        async with Daemons(reactor, self.directory) as daemons:
            await _Siege(self, reactor, report, daemons).play()


class _Siege:
    """One daemon that is killed again and again."""

    def __init__(self, sizes: Kill, reactor: Any, report: Report, daemons: Daemons) -> None:
        self._sizes = sizes
        self._reactor = reactor
        self._report = report
        self._daemons = daemons
        self._port = free_port()
        self._random = Random(f"kill {sizes.seed}")
        self._ledger = Ledger(self._random, sizes.keys, int(time.time() * MICROSECONDS))
        self._keys_seen: dict[bytes, None] = {}
        self._answers_after: list[float] = []
        self._ready_after: list[float] = []
        self._processor: list[float] = []
        self._unready = 0
        self._starting = 0
        self._refused = 0
        self._loaded = 0.0
        self._faults: list[str] = []
        self._looks = 0

    async def play(self) -> None:
        for kill in range(1, self._sizes.kills + 1):
            self._report.check_time()
            self._ledger.round = kill
            daemon = self._start()
            if kill % STARTING_EVERY == 0:
                await self._kill_early(daemon)
            else:
                await self._kill_under_load(daemon)
            if kill % self._sizes.check_every == 0:
                await self._look_at_files(daemon)
                self._tell(kill)
        await self._end()
        self._judge()

    def _start(self) -> Daemon:
        return self._daemons.start("besieged", self._port, "--storage", self._sizes.storage)

    async def _kill_early(self, daemon: Daemon) -> None:
        """Kill it somewhere between its first instruction and its first answer."""
        self._starting += 1
        whole = self._answers_after[-1] if self._answers_after else 0.5
        await sleep(self._reactor, whole * self._random.random())
        await daemon.kill()

    async def _kill_under_load(self, daemon: Daemon) -> None:
        client = await self._meet(daemon)
        recent = self._ledger.recent(RECENT + 1)  # this one has not begun
        await self._read(client, recent + self._ledger.sample(self._sizes.sample))
        load = Load(self._reactor, client, self._ledger, self._sizes.at_once)
        began = self._reactor.seconds()
        load.start()
        await sleep(self._reactor, 0.02 + self._sizes.longest * self._random.random())
        await daemon.kill()
        self._loaded += self._reactor.seconds() - began
        await sleep(self._reactor, ARRIVING)
        load.stop()
        await client.close()
        self._note_ready(daemon)
        self._refused += load.refused

    async def _meet(self, daemon: Daemon) -> Client:
        """A client of the daemon, as soon as the daemon answers."""
        client = await meet(self._reactor, daemon)
        self._answers_after.append(self._reactor.seconds() - daemon.spawned)
        self._processor.append(daemon.processor_seconds())
        self._keys_seen[client.contact.key] = None
        return client

    def _note_ready(self, daemon: Daemon) -> None:
        if daemon.ready_after is None:
            self._unready += 1
        else:
            self._ready_after.append(daemon.ready_after)

    async def _read(self, client: Client, keys: Sequence[NodeID]) -> None:
        """Ask for the records under all these keys, and judge the answers."""
        waiting = iter(dict.fromkeys(keys))

        async def reader() -> None:
            for key in waiting:
                began = self._reactor.seconds()
                item = await client.find(key)
                held = Held(*item) if item is not None else None
                self._ledger.judge(key, held, began, self._reactor.seconds())

        readers = [Deferred.fromCoroutine(reader()) for _ in range(READERS)]
        await gatherResults(readers, consumeErrors=True)

    async def _look_at_files(self, daemon: Daemon) -> None:
        """Check the files of a stopped daemon: intact, and with all acknowledged records."""
        if self._sizes.storage not in NAMES:
            return
        self._looks += 1
        began = self._reactor.seconds()
        found = await inspect(self._reactor, self._sizes.storage, daemon.directory)
        self._faults += found.faults
        ended = self._reactor.seconds()
        for key in self._ledger.all():
            held = found.held.get(key)
            if held is not None and held.remaining <= 0:
                held = None  # not swept out yet
            self._ledger.judge(key, held, began, ended)

    async def _end(self) -> None:
        """Ask for everything once more, stop the daemon in good order, and check the files."""
        daemon = self._start()
        client = await self._meet(daemon)
        await self._read(client, self._ledger.all())
        await client.close()
        self._note_ready(daemon)
        await daemon.stop()
        await self._look_at_files(daemon)

    def _tell(self, kill: int) -> None:
        self._report.note(
            f"{kill} kills, {self._ledger.acknowledged_total} acknowledged, "
            f"{len(self._ledger.all())} keys, {len(self._ledger.wrong) + len(self._faults)} faults"
        )

    def _judge(self) -> None:
        report, ledger = self._report, self._ledger
        for each in (self._faults + ledger.wrong)[:SHOWN]:
            report.note(each)
        report.at_least("kills", self._sizes.kills, 1)
        report.figure("... while it started", self._starting)
        report.at_least("records acknowledged", ledger.acknowledged_total, 1)
        report.figure("... a second of load", ledger.acknowledged_total / self._loaded)
        report.figure("refused, because there was too much to do", self._refused)
        self._judge_records()
        report.figure("looks at the files", self._looks)
        report.at_most("faults found in the files", len(self._faults), 0)
        report.at_most("identities", len(self._keys_seen), 1)
        self._judge_starts()

    def _judge_records(self) -> None:
        report, verdicts = self._report, self._ledger.verdicts
        report.at_least("records found as acknowledged", verdicts[Verdict.RIGHT], 1)
        report.figure("found newer, written without an answer", verdicts[Verdict.NEWER])
        report.figure("found gone at the end of their time", verdicts[Verdict.EXPIRED])
        report.at_most("acknowledged records missing", verdicts[Verdict.MISSING], 0)
        report.at_most("acknowledged records found older", verdicts[Verdict.OLDER], 0)
        report.at_most("records found that nobody wrote", verdicts[Verdict.FOREIGN], 0)
        report.at_most("records that end too early", verdicts[Verdict.EARLY], 0)
        report.at_most("records that live too long", verdicts[Verdict.LATE], 0)

    def _judge_starts(self) -> None:
        report, most = self._report, self._sizes.start
        report.figure("median start until it answers, s", median(self._answers_after))
        report.figure("longest start, s of a processor", max(self._processor))
        report.at_most("longest start until it answers, s", max(self._answers_after), most)
        ready = max(self._ready_after, default=0.0)
        report.at_most("longest start until it says so, s", ready, most)
        report.at_most("starts that it never said so of", self._unready, 0)
