"""Forged records are stored at every node, and returned by liars next to the keys.

A forgery has a field of a signed record changed, or parts of several put together; under the hash
of a value, a liar returns another value.  No node may keep one, and no reader may get one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, gatherResults

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import Reference
from kadtwisted.parameters import Parameters
from kadtwisted.testing.attacks.client import Answer, Asked, Client, Home, NoAnswer, Peer
from kadtwisted.testing.attacks.datagrams import (
    BUSY,
    ERROR,
    PING,
    STORE,
    Identity,
    identities_near,
    node_id_of,
)
from kadtwisted.testing.attacks.signing import Author, forged_records, immutable_record
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.inspect import records_of

TRUE = b"4:true"
AT_ONCE = 5
"""STOREs that a node is sent in a fifth of a second: fewer than its budget of them."""
PAUSE = 0.2


class Liar(Client):
    """Returns forgeries under every key, and names the other liars."""

    def __init__(self, home: Home, identity: Identity) -> None:
        super().__init__(home, identity)
        self.forged: Iterator[bytes] = iter(())
        self.false = b""
        self.lies = 0

    def records(self, asked: Asked, key: bytes) -> list[list[Any]]:
        self.lies += 1
        forged = [self.false] if asked.arguments[1] == Kind.IMMUTABLE else [next(self.forged)]
        return [[each, 48 * 3600] for each in forged]

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        return sorted(self.known, key=lambda each: node_id_of(each.key) ^ target)


@dataclass(frozen=True, slots=True)
class Forgery:
    """``forged`` records are stored at ``nodes`` nodes in turn; then ``liars`` of ``tries`` keys,
    the nearest to each of two keys, return such records to ``reads`` readers."""

    lasts: ClassVar[str] = "about ten seconds"
    nodes: int = 20
    forged: int = 10_000
    liars: int = 4
    tries: int = 4000
    reads: int = 100
    k: int = 8
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(self.seed, report, parameters=Parameters(k=self.k))
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        author, other = (Author(stage.source.randbytes(32)) for _ in range(2))
        forged = forged_records(author, other, stage.source)
        self._store(report, stage, forged)
        self._read(report, stage, author, forged)
        stage.stop()

    # --- Storing -----------------------------------------------------------------------------

    def _store(self, report: Report, stage: Stage, forged: Iterator[bytes]) -> None:
        attacker = stage.attacker(Client)
        peers = [stage.peer(each) for each in stage.members]
        for each in peers:
            for _ in range(2):
                stage.ask(attacker, each, PING)
        answers: list[Answer | None] = []
        while len(answers) < self.forged:
            batch = [
                attacker.ask(peer, STORE, record, 3600, None).addErrback(_silence)
                for peer in peers
                for record in islice(forged, AT_ONCE)
            ]
            waiting: Deferred[Any] = gatherResults(batch)
            answers += stage.wait(waiting)
            stage.advance(PAUSE)
        stored = sum(each is not None and each.number == STORE for each in answers)
        busy = sum(
            each is not None and each.number == ERROR and each.result[0] == BUSY for each in answers
        )
        report.at_most("forged records that were acknowledged", stored, 0)
        report.at_most("of them answered by BUSY, so not looked at", busy, self.forged // 100)
        silent = sum(each is None for each in answers)
        report.at_most("of them without an answer", silent, self.forged // 100)
        held = sum(len(records_of(each.node)) for each in stage.members)
        report.at_most("forged records that nodes hold", held, 0)

    # --- Reading -----------------------------------------------------------------------------

    def _read(self, report: Report, stage: Stage, author: Author, forged: Iterator[bytes]) -> None:
        key, record = immutable_record(TRUE)
        references = [
            Reference(Kind.MUTABLE, author.public),
            Reference(Kind.IMMUTABLE, key),
            Reference(Kind.MUTABLE, author.public, b"never written"),
        ]
        writer = stage.members[0].node
        for each in (author.record(5, TRUE), record):
            stage.wait(writer.put_record(each, lifetime=24 * HOUR))
        self._let_lie(stage, references[:2], forged)
        right = forgeries = 0
        for number in range(self.reads):
            reader = stage.draw(stage.members).node
            written = references[number % 3] in references[:2]
            for mode in ("first", "latest"):
                found = self._value(stage, reader, references[number % 3], mode)
                right += found == (b"true" if written else None)
                forgeries += found not in (None, b"true")
        lies = sum(each.lies for each in stage.attackers if isinstance(each, Liar))
        report.at_least("forged records that liars returned", lies, self.reads)
        report.at_most("of them given to a reader", forgeries, 0)
        report.at_least("reads that were right", right, 2 * self.reads)

    def _let_lie(self, stage: Stage, references: list[Reference], forged: Iterator[bytes]) -> None:
        liars = [
            stage.attacker(Liar, identity=each)
            for reference in references
            for each in identities_near(
                int(reference.key), self.liars, self.tries, stage.source.randbytes
            )
        ]
        for liar in liars:
            liar.known = [each.peer for each in liars]
            liar.forged = forged
            liar.false = immutable_record(b"5:false")[1]
        stage.introduce(liars)
        stage.advance(5 * MINUTE)

    def _value(self, stage: Stage, reader: Any, reference: Reference, mode: str) -> bytes | None:
        try:
            value: bytes | None = stage.wait(reader.get(reference, mode=mode)).value
        except KadtwistedError:
            return None
        return value


def _silence(failure: Any) -> None:
    failure.trap(NoAnswer)
