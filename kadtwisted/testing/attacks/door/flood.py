"""The same as in ``ports``, at a real daemon on loopback: is an honest peer still answered?

A process of its own floods the daemon, so that the honest peer, in this one, waits for nobody but
the daemon.  On loopback each port counts as a host of its own: what the node does for one host is
played in ``ports``.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

import kadtwisted
from kadtwisted.api.control_client import connect
from kadtwisted.testing.attacks.client import Client, Home, NoAnswer, Peer
from kadtwisted.testing.attacks.datagrams import PING, Identity
from kadtwisted.testing.attacks.door.ports import MOST, WITHIN, WORK
from kadtwisted.testing.attacks.stage import unheard
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.processes.daemon import HOST, REAL_DISK, Daemon, Daemons, free_port, sleep

FLOODER = "kadtwisted.testing.attacks.door.flooder"
PEER = "127.0.0.2"
"""The honest peer is no port of the flooding host: it has a budget of its own."""
PINGS_A_SECOND = 20
GREETINGS = 200
"""Hellos to a daemon that is starting."""
AFTER = 2.0
"""Seconds from the first garbage until figures count."""


DRAINED = 5.0
"""Seconds after the flood until its last datagrams have been read."""


@dataclass(frozen=True, slots=True)
class Flood:
    """``ports`` proven ports send ``rate`` datagrams a second together for ``seconds``."""

    lasts: ClassVar[str] = "about a minute"
    ports: int = 100
    rate: float = 20_000.0
    seconds: float = 20.0
    directory: str = REAL_DISK

    async def run(self, reactor: Any, report: Report) -> None:
        async with Daemons(reactor, self.directory) as daemons:
            daemon = daemons.start("flooded", free_port(), "--storage", "memory")
            peer = await _Honest.met(reactor, daemon)
            await peer.ask_for(self.seconds / 4)
            report.at_least("before: pings answered in time, %", peer.ratio(), 99)
            flooder = _Flooder(reactor, daemon, peer.node.key, self)
            await flooder.proven
            await sleep(reactor, AFTER)
            work, spent = await _work(reactor, daemon), daemon.processor_seconds()
            begun = reactor.seconds()
            await peer.ask_for(self.seconds - 2 * AFTER)
            passed = reactor.seconds() - begun
            work = (await _work(reactor, daemon) - work) / passed
            spent = daemon.processor_seconds() - spent
            sent = await flooder.sent
            report.figure("datagrams sent a second", sent / self.seconds)
            report.figure("of a processor that the daemon took, %", 100 * spent / passed)
            report.at_most("public-key work a second", work, MOST)
            report.at_least("pings answered in time, %", peer.ratio(), 99)
            await sleep(reactor, DRAINED)
            await peer.ask_for(self.seconds / 4)
            report.at_least("afterwards: pings answered in time, %", peer.ratio(), 99)
            peer.close()
            report.at_least("daemons that still run", daemon.running, 1)


async def _work(reactor: Any, daemon: Daemon) -> int:
    """Datagrams so far that public-key work was done for in vain."""
    control = await connect(reactor, daemon.directory / "control.sock")
    counters = (await control.perform("status", {}))["counters"]
    control.close()
    return sum(counters.get(name, 0) for name in WORK)


class _Honest:
    """A proven peer that asks at a steady pace."""

    def __init__(self, reactor: Any) -> None:
        home = Home(reactor, os.urandom, time.time)
        self.node = Peer(b"", (HOST, 0))
        self._reactor = reactor
        self._client = Client(home, Identity.of(os.urandom(32)))
        self._client.listen(PEER)
        self._asked = self._answered = 0

    @classmethod
    async def met(cls, reactor: Any, daemon: Daemon) -> _Honest:
        """As soon as the daemon answers; ``DaemonTrouble`` if it never does."""
        honest = cls(reactor)
        for _ in range(GREETINGS):
            try:
                greeting = honest._client.hello((HOST, daemon.endpoint.port), patience=WITHIN)
                honest.node = (await daemon.needed_by(greeting)).peer
                return honest
            except NoAnswer:
                continue
        honest.close()
        raise daemon.trouble("does not answer")

    async def ask_for(self, seconds: float) -> None:
        """Ask for so long, and count anew."""
        self._asked = self._answered = 0
        for _ in range(round(seconds * PINGS_A_SECOND)):
            self._asked += 1
            asking = self._client.ask(self.node, PING, patience=WITHIN)
            unheard(asking.addCallback(self._count))
            await sleep(self._reactor, 1 / PINGS_A_SECOND)
        await sleep(self._reactor, 2 * WITHIN)

    def ratio(self) -> float:
        """Pings answered in time, in per cent."""
        return 100 * self._answered / max(1, self._asked)

    def close(self) -> None:
        """Leave the port."""
        self._client.close()

    def _count(self, _: object) -> None:
        self._answered += 1


class _Flooder(ProcessProtocol):
    """The process that floods.  ``proven`` fires when it begins, ``sent`` with how many datagrams
    it sent; both fail if it does not get so far."""

    def __init__(self, reactor: Any, daemon: Daemon, key: bytes, sizes: Flood) -> None:
        self.proven: Deferred[None] = Deferred()
        self.sent: Deferred[int] = Deferred()
        self._said = b""
        self._daemon = daemon
        words = [sys.executable, "-m", FLOODER, str(daemon.endpoint.port), key.hex()]
        words += [str(sizes.ports), str(sizes.rate), str(sizes.seconds)]
        package = str(Path(kadtwisted.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": package}
        reactor.spawnProcess(self, words[0], words, environment)

    def outReceived(self, data: bytes) -> None:
        self._said += data
        if b"proven" in self._said and not self.proven.called:
            self.proven.callback(None)

    def errReceived(self, data: bytes) -> None:
        self._said += data

    def processEnded(self, reason: Failure) -> None:
        trouble = self._daemon.trouble(f"was not flooded ({self._said.decode(errors='replace')})")
        if not self.proven.called:
            self.proven.errback(trouble)
        _, found, number = self._said.partition(b"sent ")
        if found:
            self.sent.callback(int(number))
        elif self.proven.called:
            self.sent.errback(trouble)
