"""A power cut: many daemons start again within seconds, each with its own records overdue.

First the daemons form a network.  Then all are stopped.  While they are down the node state of each
gets the records that it keeps published, all of which should have been published an hour ago.  They
start again within seconds, and from then on are asked for their status at their control sockets.

While there are no more daemons than k, every daemon holds every record that was announced.  The
daemons here keep records in memory.  So the largest number of records that one of them stores is
the number announced since the start.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.defer import gatherResults

from kadtwisted.api.control_client import ControlClient, connect
from kadtwisted.errors import Unavailable
from kadtwisted.identity.keys import node_id_of
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.publication import Publication
from kadtwisted.model.record import Kind, StorageKey
from kadtwisted.records import value
from kadtwisted.state.directory import StateDirectory
from kadtwisted.state.names import SOCKET_FILE
from kadtwisted.state.node_state import DurableNodeState
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.processes.daemon import REAL_DISK, Daemon, Daemons, free_port, sleep

MINUTE = 60.0
HOUR = 60 * MINUTE
LOOK_EVERY = 5.0
"""Seconds between two looks at every daemon."""
TOGETHER_WITHIN = 5 * MINUTE
"""If such a small network is not whole by then the campaign ends."""
TOLD = 3
"""The number of daemons through which each one joins."""


@dataclass(frozen=True, slots=True)
class Restart:
    """``daemons`` daemons with ``records`` own records each start again within ``within`` seconds.

    They are watched for ``watch`` minutes.  After ``alone`` minutes all must serve; announcements
    must take at least ``spread`` minutes.
    """

    daemons: int = 20
    records: int = 1000
    within: float = 5.0
    watch: float = 20.0
    alone: float = 5.0
    spread: float = 10.0
    lifetime: float = 2 * HOUR
    seed: int = 1
    directory: str = REAL_DISK
    minutes: float = 60.0

    async def run(self, reactor: Any, report: Report) -> None:
        async with Daemons(reactor, self.directory) as daemons:
            await _PowerCut(self, reactor, report, daemons).play()


class _PowerCut:
    """One network that goes down and comes back."""

    def __init__(self, sizes: Restart, reactor: Any, report: Report, daemons: Daemons) -> None:
        self._sizes = sizes
        self._reactor = reactor
        self._report = report
        self._daemons = daemons
        self._random = Random(f"restart {sizes.seed}")
        self._ports = [free_port() for _ in range(sizes.daemons)]
        self._running: list[Daemon] = []
        self._clients: dict[str, ControlClient] = {}
        self._announced: list[tuple[float, int]] = []
        self._sent: dict[str, tuple[float, int]] = {}
        self._busiest = 0.0

    async def play(self) -> None:
        for number in range(self._sizes.daemons):
            self._start(number)
        await self._be_together()
        await self._stop()
        for daemon in self._running:
            await self._seed(daemon.directory)
        self._report.note(f"{self._sizes.daemons} daemons are down, their records overdue")
        self._running = []
        started = self._reactor.seconds()
        await self._start_again()
        alone = await self._watch(started)
        self._judge(alone)
        await self._stop()

    def _start(self, number: int) -> None:
        others = [f"127.0.0.1:{self._ports[n]}" for n in range(TOLD) if n != number]
        told = [word for address in others for word in ("--bootstrap", address)]
        options = ("--storage", "memory", *told)
        name = f"d{number}"
        self._running.append(self._daemons.start(name, self._ports[number], *options))

    async def _start_again(self) -> None:
        moments = sorted(self._sizes.within * self._random.random() for _ in self._ports)
        numbers = sorted(range(len(self._ports)), key=lambda _: self._random.random())
        begun = self._reactor.seconds()
        for moment, number in zip(moments, numbers, strict=True):
            await sleep(self._reactor, max(0.0, begun + moment - self._reactor.seconds()))
            self._start(number)

    async def _be_together(self) -> None:
        """Wait until every daemon serves and has met half of the others."""
        ends = self._reactor.seconds() + TOGETHER_WITHIN
        while True:
            seen = await self._look()
            serving = [each for each in seen if each is not None and each["health"] == "serving"]
            contacts = min((_contacts(each) for each in serving), default=0)
            if len(serving) == len(self._running) and contacts >= (len(self._running) - 1) // 2:
                break
            self._report.check_time()
            if self._reactor.seconds() > ends:
                raise self._running[0].trouble(f"and {len(serving)} others serve; not all do")
            await sleep(self._reactor, 1.0)
        self._report.note(
            f"{len(serving)} daemons are together, each with {contacts} contacts or more"
        )

    async def _stop(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients = {}
        await gatherResults([each.stop() for each in self._running], consumeErrors=True)

    async def _seed(self, directory: Path) -> None:
        """Give a daemon records to keep published, as if it had published them long ago."""
        place = StateDirectory(directory)
        place.open()
        state = DurableNodeState(self._reactor, place, node_id_of, time.time)
        await state.open()
        keeping = [state.keep(self._overdue(directory.name, n)) for n in range(self._sizes.records)]
        await gatherResults(keeping, consumeErrors=True)
        await state.close()
        place.close()

    def _overdue(self, name: str, number: int) -> Publication:
        key = key_of_name(f"{number} of {name}")
        hour_ago = time.time() - HOUR
        record = value.value_of(key, b"v" * 100, int(hour_ago * value.MICROSECONDS))
        where = StorageKey(Kind.VALUE, key)
        return Publication(where, value.encode(record), self._sizes.lifetime, hour_ago)

    # --- Watching ----------------------------------------------------------------------------

    async def _look(self) -> list[dict[str, Any] | None]:
        """The status of each daemon; ``None`` if it does not answer yet."""
        seen: list[dict[str, Any] | None] = []
        for daemon in self._running:
            if not daemon.running:
                raise daemon.trouble("ended by itself")
            try:
                client = self._clients.get(daemon.name)
                if client is None:
                    path = daemon.directory / SOCKET_FILE
                    client = self._clients[daemon.name] = await connect(self._reactor, path)
                seen.append(await client.perform("status", {}))
            except Unavailable:
                self._clients.pop(daemon.name, None)
                seen.append(None)
        return seen

    async def _watch(self, started: float) -> tuple[int, int]:
        """Look every few seconds until the end.  Returns how many daemons did not serve when all
        should, and the most that did not at any time after that."""
        first: int | None = None
        later = 0
        while (passed := self._reactor.seconds() - started) < self._sizes.watch * MINUTE:
            self._report.check_time()
            seen = await self._look()
            self._take(seen, passed)
            if passed >= self._sizes.alone * MINUTE:
                outside = sum(each is None or each["health"] != "serving" for each in seen)
                first = outside if first is None else first
                later = max(later, outside)
            if int(passed / MINUTE) != int((passed + LOOK_EVERY) / MINUTE):
                self._tell(seen)
            await sleep(self._reactor, LOOK_EVERY)
        return first or 0, later

    def _take(self, seen: Sequence[dict[str, Any] | None], passed: float) -> None:
        stored = max((each["stored_records"] for each in seen if each is not None), default=0)
        self._announced.append((passed, stored))
        for daemon, each in zip(self._running, seen, strict=True):
            if each is not None:
                self._take_traffic(daemon.name, each)

    def _take_traffic(self, name: str, status: dict[str, Any]) -> None:
        now, sent = self._reactor.seconds(), status["counters"].get("datagrams.out", 0)
        at, before = self._sent.get(name, (now, sent))
        self._sent[name] = now, sent
        if now > at:
            self._busiest = max(self._busiest, (sent - before) / (now - at))

    def _tell(self, seen: Sequence[dict[str, Any] | None]) -> None:
        serving = sum(each is not None and each["health"] == "serving" for each in seen)
        self._report.note(
            f"{serving} serve, {self._announced[-1][1]} records announced, "
            f"at most {self._busiest:.0f} datagrams a second of a daemon"
        )

    def _judge(self, alone: tuple[int, int]) -> None:
        report, sizes = self._report, self._sizes
        report.at_most(f"daemons that do not serve after {sizes.alone:g} min", alone[0], 0)
        report.at_most("... or at any time after that", alone[1], 0)
        total = self._announced[-1][1]
        whole = sizes.daemons * sizes.records
        report.at_least("own records announced again", total, 1)
        report.figure(f"... within {sizes.watch:g} min, % of all", 100 * total / whole)
        lasts = self._reached(0.95 * total) - self._reached(0.05 * total)
        what = "the middle 90 % of these announcements took, min"
        report.at_least(what, lasts / MINUTE, sizes.spread)
        report.at_most("datagrams a second of a daemon, in its busiest 5 s", self._busiest, 200)

    def _reached(self, count: float) -> float:
        """The moment when so many records were announced."""
        return next(moment for moment, stored in self._announced if stored >= count)


def _contacts(status: dict[str, Any]) -> int:
    return sum(link["contacts"] + link["tentative"] for link in status["links"])
