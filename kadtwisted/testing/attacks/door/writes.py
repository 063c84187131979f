"""Ever newer versions of one record come faster than the disk takes them.

Each STORE has to wait for the one before it under the same key.  A node that lets them wait without
end fills its memory; one that answers BUSY and writes all the same has lied.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cbor2 import dumps, loads
from twisted.internet.defer import Deferred

from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.model.record import StoredRecord
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.attacks.client import Client, Home, Peer
from kadtwisted.testing.attacks.datagrams import (
    ERROR,
    PING,
    REQUEST,
    STORE,
    Identity,
    value_record,
)
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.nodes import EPOCH

MEBIBYTE = 1 << 20
PAGE = 4096
WARM_UP = 500
"""STOREs of other keys before the memory is measured."""
DRAIN = 600.0
"""Seconds in which everything that waits is written at last."""
REMAINING = 86_400


@dataclass(frozen=True, slots=True)
class Writes:
    """``ports`` ports send ``rate`` STOREs a second together for ``seconds``, all of one key, to a
    node whose storage takes ``commit`` seconds for each."""

    lasts: ClassVar[str] = "about a minute"
    rate: int = 1900
    seconds: float = 60.0
    commit: float = 0.05
    ports: int = 1
    value_bytes: int = 900
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(self.seed, report)
        storage = SlowStorage(stage.clock, self.commit)
        stage.add_with(storage)
        node = stage.peer(stage.members[0])
        total = round(self.rate * self.seconds)
        floods = [
            stage.attacker(Flood, address="198.51.100.1", port=8000 + number)
            for number in range(self.ports)
        ]
        for each in floods:
            stage.ask(each, node, PING)
            each.prepare(total)
        for number in range(WARM_UP):
            unheard(floods[0].ask(node, STORE, self._record(f"key {number}", 0), REMAINING, None))
            stage.advance(0.002)
        stage.advance(10)
        storage.written.clear()
        before = most = resident()
        stage.advance(1)
        start = stage.clock.seconds()
        for number in range(total):
            record = self._record("fought for", number)
            floods[number % self.ports].store(node, record, number)
            if number % 100 == 99:
                stage.advance(max(0.0, start + number / self.rate - stage.clock.seconds()))
                most = max(most, resident())
        stage.advance(DRAIN)
        refused = bytes(map(max, zip(*(each.refused for each in floods), strict=True)))
        report.figure("STOREs sent", total)
        report.figure("... answered with a refusal", refused.count(1))
        report.figure("... answered as stored", sum(each.accepted for each in floods))
        report.at_most("memory that the node took for them, MiB", (most - before) / MEBIBYTE, 8)
        lies = sum(refused[number] for number in storage.written)
        report.at_most("versions written although the answer said no", lies, 0)
        report.at_least("versions written", len(storage.written), 1)
        stage.stop()

    def _record(self, name: str, number: int) -> bytes:
        text = b"%d:" % self.value_bytes + bytes(self.value_bytes)
        published = int(1e6 * EPOCH) + number
        return value_record(id_to_bytes(key_of_name(name)), published, text)


class SlowStorage(MemoryStorage):
    """A storage whose commits take ``commit`` seconds; ``written`` are the numbers of versions."""

    def __init__(self, clock: HeapClock, commit: float) -> None:
        super().__init__(100_000, 1 << 28)
        self.written: list[int] = []
        self._clock = clock
        self._commit = commit

    def put(self, record: StoredRecord, now: float) -> Deferred[None]:
        """Store it, after a while."""
        done: Deferred[None] = Deferred()
        self._clock.callLater(self._commit, self._written, record, now, done)
        return done

    def _written(self, record: StoredRecord, now: float, done: Deferred[None]) -> None:
        self.written.append(int.from_bytes(record.data[21:29], "big") - int(1e6 * EPOCH))
        super().put(record, now).chainDeferred(done)


class Flood(Client):
    """Sends STOREs without waiting, and remembers which were refused."""

    def __init__(self, home: Home, identity: Identity) -> None:
        super().__init__(home, identity)
        self.refused = bytearray()
        self.accepted = 0

    def prepare(self, count: int) -> None:
        """Make room for the answers to STOREs with numbers below ``count``."""
        self.refused = bytearray(count)

    def store(self, peer: Peer, record: bytes, number: int) -> None:
        """One STORE, whose transaction ID is its number."""
        body = dumps([STORE, number.to_bytes(8, "big"), 0, b"", record, REMAINING, None])
        self.write(self.form.seal(REQUEST, body, peer.key, self.tokens[peer]), peer.address)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Remember the answer to a numbered STORE, take the rest as every client."""
        opened = self.form.open(datagram)
        items: list[Any] = loads(opened.body) if opened is not None else [None, bytes(8)]
        number = int.from_bytes(items[1], "big")
        if number >= len(self.refused):
            super().datagramReceived(datagram, addr)
        elif items[0] == -STORE:
            self.accepted += 1
        elif items[0] == ERROR:
            self.refused[number] = 1


def resident() -> int:
    """Bytes of memory that this process has (Linux; else 0): proc_pid_statm(5)."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE
    return 0
