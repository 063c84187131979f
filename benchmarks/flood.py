"""What a flood does to a node and to an honest client of it: ``python -m benchmarks.flood``.

A node, a flooding process and an honest client are processes of their own, on loopback only.  The
flood sends ``--rate`` datagrams a second, one kind at a time: nothing (``quiet``), empty ones,
single bytes, noise, and pings of strangers with a valid tag, from one address and from many.
Meanwhile the node measures how late a timer of 5 ms is (the reactor's lag), and the client pings it
50 times a second.  Each kind lasts ``--seconds``.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall, deferLater, react

from benchmarks.harness.lag import TICK, percentile
from benchmarks.harness.load import choose_processors, describe_machine, pin
from benchmarks.servers.nodes import UntilClosed, announce
from kadtwisted.constants import NO_TOKEN
from kadtwisted.dialects.native import native_dialect
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.messages import Ping, Request
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings
from kadtwisted.sealing.forms import Form

KINDS = ("quiet", "empty", "tiny", "noise", "strangers", "crowd")
CROWD = 200
"""Loopback addresses that the ``crowd`` comes from."""
PINGS_A_SECOND = 50
SETTINGS = NodeSettings(interfaces=("127.0.0.1",), network="flood")


# --- The node under attack -----------------------------------------------------------------------


async def serve(reactor: Any, closed: Deferred[None]) -> None:
    """A node that writes its lag (ms: median, p99, worst) once a second."""
    node = Node(reactor, SETTINGS, NodeKey.generate(os.urandom))
    await node.start()
    listening = node.status().links[0].listening
    assert listening is not None
    announce(listening.port, node.public_key)
    late: list[float] = []
    due = time.monotonic()

    def tick() -> None:
        nonlocal due
        late.append(max(0.0, time.monotonic() - due) * 1000)
        due = time.monotonic() + TICK
        reactor.callLater(TICK, tick)

    def tell() -> None:
        counts = node.counters.counts
        line = {"lags": late[:], "in": counts["datagrams.in"], "cookies": counts["cookies.out"]}
        print(json.dumps(line), flush=True)
        late.clear()

    tick()
    telling = LoopingCall(tell)
    telling.start(0.25, now=False)
    await closed
    telling.stop()
    await node.stop()


# --- The flood -----------------------------------------------------------------------------------


def payloads(kind: str, key: bytes) -> list[bytes]:
    """The datagrams of this kind of flood, which it sends in turn."""
    if kind in ("strangers", "crowd"):
        sealed = []
        for _ in range(64):
            dialect = native_dialect(NodeKey.generate(os.urandom), SETTINGS, os.urandom)
            body = dialect.serializer.encode_request(Request(os.urandom(8), Ping()), 135)
            sealed.append(dialect.sealer.seal(Form.REQUEST, body, key, NO_TOKEN, 0))
        return sealed
    return [{"empty": b"", "tiny": b"x", "noise": os.urandom(200)}[kind]]


def flood(kind: str, port: int, key: bytes, seconds: float, rate: float) -> None:
    """Send ``rate`` datagrams a second, if one process can; print how many went out."""
    sockets = []
    for number in range(CROWD if kind == "crowd" else 1):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((f"127.1.{number // 200}.{number % 200 + 1}", 0))
        made.connect(("127.0.0.1", port))
        sockets.append(made)
    sending = payloads(kind, key)
    sent, began = 0, time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        for _ in range(min(50, int(passed * rate) - sent)):
            with suppress(OSError):  # the send buffer is full, or nobody listens any more
                sockets[sent % len(sockets)].send(sending[sent % len(sending)])
            sent += 1
    print(sent)


# --- The honest client and the table -------------------------------------------------------------


class Watched(ProcessProtocol):
    """The node's process: its first line, then the lags it tells."""

    def __init__(self) -> None:
        self.listening: Deferred[dict[str, Any]] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.told: list[dict[str, Any]] = []
        self._rest = b""

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if not self.listening.called:
                self.listening.callback(told)
            else:
                self.told.append(told)

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(None)


async def attack(
    reactor: Any, client: Node, watched: Watched, kind: str, at: dict[str, Any], arguments: Any
) -> dict[str, Any]:
    """One kind of flood; a line of the table."""
    command = [sys.executable, "-m", "benchmarks.flood", "--flood", kind, str(at["port"])]
    command += [at["key"], str(arguments.seconds), str(arguments.rate)]
    flooding = None if kind == "quiet" else subprocess.Popen(command, stdout=subprocess.PIPE)
    await deferLater(reactor, 0.5)
    watched.told.clear()
    rtts: list[float] = []
    asked = 0
    contact = at["contact"]

    def ping() -> None:
        nonlocal asked
        asked += 1
        began = time.monotonic()
        doing = client.ping(contact)
        doing.addCallbacks(lambda _: rtts.append((time.monotonic() - began) * 1000), lambda _: None)

    pinging = LoopingCall(ping)
    pinging.start(1 / PINGS_A_SECOND)
    await deferLater(reactor, arguments.seconds - 1)
    pinging.stop()
    lags = [each for told in watched.told for each in told["lags"]]
    arrived = watched.told[-1]["in"] - watched.told[0]["in"]
    sent = int(flooding.communicate()[0]) if flooding is not None else 0
    await deferLater(reactor, 3.5)  # the last pings end
    return {
        "kind": kind,
        "sent_per_second": round(sent / arguments.seconds),
        "served_or_dropped_per_second": round(arrived / (arguments.seconds - 1)),
        "lag_p50_ms": percentile(lags, 0.5),
        "lag_p99_ms": percentile(lags, 0.99),
        "lag_worst_ms": max(lags, default=0.0),
        "goodput": len(rtts) / asked,
        "ping_p99_ms": percentile(rtts, 0.99),
    }


async def measure(reactor: Any, arguments: Any) -> None:
    """Every kind of flood in turn, one table."""
    processors = choose_processors()
    watched = Watched()
    command = [sys.executable, "-m", "benchmarks.flood", "--serve", str(processors.server)]
    process = reactor.spawnProcess(watched, command[0], command, env=dict(os.environ))
    pin(processors.generator)
    client = Node(reactor, SETTINGS, NodeKey.generate(os.urandom))
    await client.start()
    rows = []
    try:
        at = await watched.listening
        found = await client.ping(f"{at['key']}@127.0.0.1:{at['port']}")
        at["contact"] = found.contact
        titles = (
            "flood",
            "sent/s",
            "taken/s",
            "lag p50",
            "p99",
            "worst ms",
            "goodput",
            "ping p99 ms",
        )
        print("{:<10}{:>9}{:>9}{:>9}{:>8}{:>10}{:>9}{:>13}".format(*titles))
        for kind in KINDS:
            row = await attack(reactor, client, watched, kind, at, arguments)
            rows.append(row)
            form = "{:<10}{:>9,}{:>9,}{:>9.1f}{:>8.1f}{:>10.1f}{:>9.1%}{:>13.1f}"
            print(form.format(*row.values()), flush=True)
    finally:
        await client.stop()
        process.closeStdin()
        await watched.ended
    if arguments.json:
        report = {"machine": describe_machine(processors), "rows": rows}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)


def main(reactor: Any, *words: str) -> Deferred[None]:
    """The driver, or with ``--serve`` the node."""
    if words[:1] == ("--serve",):
        pin(int(words[1]) if words[1].isdigit() else None)
        driver = UntilClosed()
        StandardIO(driver, reactor=reactor)
        return Deferred.fromCoroutine(serve(reactor, driver.closed))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each kind of flood")
    parser.add_argument("--rate", type=float, default=20_000.0, help="datagrams a second")
    parser.add_argument("--json", metavar="FILE")
    return Deferred.fromCoroutine(measure(reactor, parser.parse_args(words)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--flood"]:
        kind, port, key, seconds, rate = sys.argv[2:7]
        flood(kind, int(port), bytes.fromhex(key), float(seconds), float(rate))
    else:
        react(main, sys.argv[1:])
