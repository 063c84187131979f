"""What each request costs a node in processor time, for each unit that its budget is charged.

A budget that charges all requests alike lets an attacker ask for the dearest only.  Nothing is read
from the node to learn what it charges: of each request as many are sent at once as a fresh
endpoint's budget holds, and beside PING the number that was served tells the units of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from cbor2 import dumps, loads

from kadtwisted.testing.attacks.client import Client
from kadtwisted.testing.attacks.datagrams import (
    BUSY,
    CHANGED,
    ERROR,
    FIND_NODE,
    FIND_VALUE,
    HAVE,
    LISTEN,
    PING,
    REPLY,
    REQUEST,
    STORE,
    VALUE,
    Identity,
    announcement_record,
    blake,
    value_record,
)
from kadtwisted.testing.attacks.signing import Author
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import EPOCH

MOST = 3
"""PINGs that a request may cost for each unit."""
MOST_AT_ONCE = 20_000
"""More than any endpoint's budget holds."""
STEP = 50
"""Requests between two looks at whether all were served."""
MOST_ENTRIES = 32
"""Entries of a HAVE."""

LONG = b"1000:" + bytes(995)
BOMB = b"l" + b"0:" * 499 + b"e"
"""A value of 1,000 bytes with 500 values inside."""
FORGER = Identity.of(bytes(32))
AUTHOR = Author(bytes(32))
NESTED = b"l" * 16 + b"0:" * 484 + b"e" * 16


@dataclass(frozen=True, slots=True)
class Cost:
    """``batches`` batches of ``batch`` requests of each sort, among ``nodes`` nodes; the cheapest
    batch counts."""

    lasts: ClassVar[str] = "about a minute"
    nodes: int = 30
    batch: int = 40
    batches: int = 12
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(self.seed, report, sealer="box")
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        bench = _Bench(stage)
        pings = bench.admitted(_ping)
        ping = bench.seconds(_ping, self.batch, self.batches)
        report.figure("PING: microseconds", 1e6 * ping)
        report.figure("PING: served at once to one endpoint", pings)
        for name, made in SORTS.items():
            units = pings / max(1, bench.admitted(made))
            spent = bench.seconds(made, self.batch, self.batches)
            report.figure(f"{name}: microseconds", 1e6 * spent)
            report.figure(f"{name}: units charged", units)
            report.at_most(f"{name}: PINGs for each unit", spent / ping / max(units, 1.0), MOST)
        stage.stop()


Made = Callable[[int], tuple[Any, ...]]
"""Makes the method and the arguments of a request with this number."""


class _Bench:
    """Asks one node, each time from an address that it has not served yet."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._node = stage.peer(stage.members[0])
        self._host = stage.members[0].host
        self._serial = 0
        self._client = self._fresh()
        self._served = 0
        self._counting = False
        stage.network.watch(self._look)

    def admitted(self, made: Made) -> int:
        """How many requests of a sort one endpoint is served at one moment."""
        self._client = self._fresh()
        self._served = 0
        self._counting = True
        for sent in range(STEP, MOST_AT_ONCE, STEP):
            self._receive(self._datagrams(made, STEP))
            if self._served < sent:
                break
        self._counting = False
        self._stage.advance(1)
        return self._served

    def seconds(self, made: Made, batch: int, batches: int) -> float:
        """Processor seconds that one request of a sort takes, its reply included."""
        times = []
        for _ in range(batches):
            self._client = self._fresh()
            datagrams = self._datagrams(made, batch)
            begun = time.process_time()
            self._receive(datagrams)
            times.append((time.process_time() - begun) / batch)
            self._stage.advance(1)
        return min(times)

    def _fresh(self) -> Client:
        """A client that has just proven its address."""
        client = self._stage.attacker(Client)
        self._stage.ask(client, self._node, PING)
        self._stage.advance(MINUTE)
        return client

    def _datagrams(self, made: Made, count: int) -> list[bytes]:
        client, datagrams = self._client, []
        for _ in range(count):
            self._serial += 1
            method, *arguments = made(self._serial)
            body = dumps([method, self._serial.to_bytes(8, "big"), 0, b"", *arguments])
            token = client.tokens[self._node]
            datagrams.append(client.form.seal(REQUEST, body, self._node.key, token))
        return datagrams

    def _receive(self, datagrams: list[bytes]) -> None:
        receive, source, node = self._host.receive, self._client.peer.address, self._node.address
        for datagram in datagrams:
            receive(datagram, source, node)

    def _look(self, datagram: Datagram) -> None:
        """Count the replies, whether they have arrived or not."""
        if not self._counting or tuple(datagram.destination) != self._client.peer.address:
            return
        opened = self._client.form.open(datagram.data, [self._node.key])
        if opened is not None and opened.form == REPLY:
            items = loads(opened.body)
            self._served += (items[0], items[4]) != (ERROR, BUSY)


def _ping(serial: int) -> tuple[Any, ...]:
    return (PING,)


def _key(serial: int) -> bytes:
    return blake(160, serial.to_bytes(8, "big"))


def _find_node(serial: int) -> tuple[Any, ...]:
    return FIND_NODE, _key(serial), 0


def _find_nothing(serial: int) -> tuple[Any, ...]:
    return FIND_VALUE, _key(serial), VALUE, b"", b"", 0


def _find_value(serial: int) -> tuple[Any, ...]:
    return FIND_VALUE, _key(0), VALUE, b"", b"", 0


def _have(serial: int) -> tuple[Any, ...]:
    entries = [
        bytes([VALUE]) + blake(224, serial.to_bytes(8, "big") + bytes([each]))
        for each in range(MOST_ENTRIES)
    ]
    return HAVE, b"".join(entries)


def _listen(serial: int) -> tuple[Any, ...]:
    """Of a record, which is read; most find no room."""
    return LISTEN, _key(serial), VALUE, b"", 300


def _changed(serial: int) -> tuple[Any, ...]:
    """Of something that nobody listens for."""
    return CHANGED, _key(serial), VALUE, bytes(8), value_record(_key(serial), serial, LONG), 60


def _store(serial: int) -> tuple[Any, ...]:
    return STORE, value_record(_key(serial), int(1e6 * EPOCH), LONG), 60, None


def _overwrite(serial: int) -> tuple[Any, ...]:
    return STORE, value_record(_key(0), int(1e6 * EPOCH) + serial, LONG), 86_400, None


def _bomb(serial: int) -> tuple[Any, ...]:
    return STORE, value_record(_key(serial), int(1e6 * EPOCH), BOMB), 60, None


def _nested(serial: int) -> tuple[Any, ...]:
    return STORE, value_record(_key(serial), int(1e6 * EPOCH), NESTED), 60, None


def _forged(serial: int) -> tuple[Any, ...]:
    """A signature that is wrong costs as much as a right one."""
    key, time = serial.to_bytes(20, "big"), int(1e6 * EPOCH)
    record = announcement_record(FORGER, key, time, ("198.51.100.1", 80))
    return STORE, record[:-1] + bytes([record[-1] ^ 1]), 7200, None


def _signed(serial: int) -> tuple[Any, ...]:
    """A right signature costs most: its points are looked at, too."""
    return STORE, AUTHOR.record(serial + 1, b"5:value", serial.to_bytes(8, "big")), 7200, None


SORTS: Mapping[str, Made] = MappingProxyType(
    {
        "FIND_NODE": _find_node,
        "FIND_VALUE of nothing": _find_nothing,
        "STORE of 1,000 bytes": _store,
        "STORE of a list of 499": _bomb,
        "STORE of nested lists": _nested,
        "STORE of a forged announcement": _forged,
        "STORE of a signed value": _signed,
        "STORE that overwrites": _overwrite,
        "FIND_VALUE of a record": _find_value,
        "HAVE of 32": _have,
        "LISTEN": _listen,
        "CHANGED of 1,000 bytes": _changed,
    }
)
"""All sorts of request, in this order: what is overwritten is found afterwards."""
