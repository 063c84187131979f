"""Junk records from one network fill a node's storage and its upkeep.

A record of 134 bytes costs its sender one datagram; a holder keeps it for two days and offers it to
the k nearest nodes once in each period.  Honest records must have room beside them, and must be
replicated as often as without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from cbor2 import loads

from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.parameters import Bounds
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.attacks.client import Client
from kadtwisted.testing.attacks.datagrams import HAVE, PING, REQUEST, STORE, value_record
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE, made_values
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import EPOCH, PORT

TEXT = b"100:" + bytes(100)
"""The value of a junk record, which has 134 bytes."""
ADDRESSES = 250
REMAINING = 48 * 3600
ONE_OFFER = 5 * MINUTE
"""Offers of a record that are no farther apart belong together."""


@dataclass(frozen=True, slots=True)
class Junk:
    """``junk`` records from one /16 at one of ``nodes`` nodes, whose storage takes ``capacity``;
    ``rate`` a second, then ``hours``; beside ``records`` honest ones.

    A network may store ``least`` in any storage."""

    lasts: ClassVar[str] = "about six minutes"
    nodes: int = 40
    junk: int = 100_000
    capacity: int = 100_000
    rate: int = 500
    records: int = 40
    hours: float = 4.0
    least: int = 1000
    seed: int = 1

    def run(self, report: Report) -> None:
        without = self._play(report, 0)
        beside = self._play(report, self.junk)
        report.figure("honest records are offered every, min", without / MINUTE)
        report.figure("... beside the junk", beside / MINUTE)
        report.at_most("... which is longer by, %", max(0.0, 100 * (beside / without - 1)), 10)

    def _play(self, report: Report, junk: int) -> float:
        """Seconds between two offers of an honest record by anybody, on average."""
        bounds = Bounds(stored_records=self.capacity, stored_bytes=1 << 30)
        stage = Stage(self.seed, report, bounds=bounds)
        victim = stage.add_with(MemoryStorage(self.capacity, 1 << 30))
        stage.grow(self.nodes)
        stage.advance(10 * MINUTE)
        values = made_values(self.records)
        stage.put(values, lifetime=24 * HOUR)
        if junk:
            self._send(stage, junk)
            held = victim.node.status().stored_records
            stage.advance(1)
            held = victim.node.status().stored_records
            most = max(self.least, self.capacity // 8) + self.records
            report.at_most("records that the node holds then", held, most)
        offers = _Offers(stage, values)
        stage.advance(self.hours * HOUR)
        right = sum(bool(stage.holders(name)) for name in values)
        case = "beside the junk" if junk else "without junk"
        report.at_least(f"{case}: honest records that are left", right, self.records)
        if junk:
            writable = stage.wait(stage.members[1].node.put("one more", b"v")).remote_acks
            report.at_least("nodes that take one more record", writable, 1)
            health = victim.node.status().health
            report.at_least(f"the node serves: it says {health}", health == "serving", 1)
            kept = victim.node.status().replication_kept
            report.at_least("the node can replicate all in time", kept, 1)
        stage.stop()
        return offers.period()

    def _send(self, stage: Stage, count: int) -> None:
        node = stage.peer(stage.members[0])
        senders = [
            stage.attacker(Client, address=f"203.7.{number}.1")
            for number in range(min(ADDRESSES, count))
        ]
        for each in senders:
            unheard(each.ask(node, PING))
        stage.advance(5)
        start = stage.clock.seconds()
        for number in range(count):
            sender = senders[number % len(senders)]
            record = value_record(stage.source.randbytes(20), int(1e6 * EPOCH), TEXT)
            unheard(sender.ask(node, STORE, record, REMAINING, None))
            if number % 50 == 49:
                stage.advance(max(0.0, start + number / self.rate - stage.clock.seconds()))
        stage.advance(5)


class _Offers:
    """When honest records were offered, by whomever: HAVEs are legible in the plain form."""

    def __init__(self, stage: Stage, names: Mapping[str, bytes]) -> None:
        self._keys = {id_to_bytes(key_of_name(name)) for name in names}
        self._last: dict[bytes, float] = {}
        self._gaps: list[float] = []
        self._form = stage.home(stage.members[0].host.addresses[0]).form(stage.identity())
        stage.network.watch(self._look)

    def period(self) -> float:
        """Seconds between two offers of a record, on average."""
        return sum(self._gaps) / len(self._gaps)

    def _look(self, datagram: Datagram) -> None:
        opened = self._form.open(datagram.data)
        if opened is None or opened.form != REQUEST or datagram.source[1] != PORT:
            return
        items = loads(opened.body)
        for at in range(0, len(items[4]) if items[0] == HAVE else 0, 29):
            key = items[4][at + 1 : at + 21]
            if key in self._keys:
                last = self._last.get(key, datagram.moment)
                if datagram.moment - last > ONE_OFFER:
                    self._gaps.append(datagram.moment - last)
                self._last[key] = datagram.moment
