"""A short-lived newer version is stored, and the older one comes back when it has expired.

Anybody may write a tombstone, or a value for a second; so may honest writers.  If a holder forgets
the newer version as soon as that has expired, the older one, which others still hold, is accepted
and read again: a deleted value rises.  And a version that lives no time at all must erase nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.testing.attacks.client import Answer, Client, Peer
from kadtwisted.testing.attacks.datagrams import (
    BAD_REQUEST,
    BAD_TOKEN,
    ERROR,
    FIND_VALUE,
    STORE,
    VALUE,
    value_record,
)
from kadtwisted.testing.attacks.signing import MUTABLE, Author
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import EPOCH, Member

OLDER, NEWER = b"5:older", b"5:newer"
SHORT_LIVED = (("a tombstone for a second", None), ("a value for a second", NEWER))
DELETED = b"de"
"""The value that deletes a signed one."""
WHOLE_LIFE = 48 * 3600
"""Seconds that the older version has left: the longest that holders grant."""


class Versions(NamedTuple):
    """Two records of one place.  Whoever has seen the older one can store it, signed or not."""

    kind: int
    key: bytes
    older: bytes
    newer: bytes


@dataclass(frozen=True, slots=True)
class Rollback:
    """At ``nodes`` nodes, all holders of all keys, newer versions are stored for a second or for
    none; for ``minutes`` the older one is offered again, by the attacker and by a holder that was
    cut off meanwhile."""

    lasts: ClassVar[str] = "about half a minute"
    nodes: int = 12
    minutes: float = 130.0
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(self.seed, report)
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        attacker = _Storer(stage)
        for case, text in SHORT_LIVED:
            key = id_to_bytes(key_of_name(case))
            older = value_record(key, attacker.published(-60), OLDER)
            newer = value_record(key, attacker.published(0), text)
            self._short(report, attacker, case, Versions(VALUE, key, older, newer))
        author = Author(stage.source.randbytes(32))
        for case, text in SHORT_LIVED:
            salt = case[:20].encode()
            older, newer = author.record(5, OLDER, salt), author.record(6, text or DELETED, salt)
            versions = Versions(MUTABLE, author.key(salt), older, newer)
            self._short(report, attacker, f"signed, {case}", versions)
        self._none(report, attacker)
        self._honest(report, stage)
        stage.stop()

    def _short(self, report: Report, attacker: _Storer, case: str, versions: Versions) -> None:
        kind, key, older, newer = versions
        stored = sum(attacker.stores(each, older, WHOLE_LIFE) for each in attacker.peers)
        stored += sum(attacker.stores(each, newer, 1) for each in attacker.peers)
        report.at_least(f"{case}: versions stored", stored, 2 * self.nodes)
        accepted = returned = 0
        for _ in range(3):
            attacker.stage.advance(self.minutes / 3 * MINUTE)
            returned += sum(older in attacker.found(each, key, kind) for each in attacker.peers)
            accepted += sum(attacker.stores(each, older, 3600) for each in attacker.peers)
            returned += sum(older in attacker.found(each, key, kind) for each in attacker.peers)
        report.at_most(f"{case}, expired: the older one accepted", accepted, 0)
        report.at_most(f"{case}, expired: the older one returned", returned, 0)

    def _none(self, report: Report, attacker: _Storer) -> None:
        case = "a tombstone for no time"
        key = id_to_bytes(key_of_name(case))
        older = value_record(key, attacker.published(-60), OLDER)
        newer = value_record(key, attacker.published(0), None)
        for each in attacker.peers:
            attacker.stores(each, older, WHOLE_LIFE)
        answers = [attacker.store(each, newer, 0) for each in attacker.peers]
        refused = sum(a.number == ERROR and a.result[0] == BAD_REQUEST for a in answers if a)
        report.at_least(f"{case}: refused", refused, self.nodes)
        attacker.stage.advance(5)
        kept = sum(older in attacker.found(each, key) for each in attacker.peers)
        report.at_least(f"{case}: the older one is kept", kept, self.nodes)

    def _honest(self, report: Report, stage: Stage) -> None:
        """A holder misses a short-lived value, and offers the older one by its replication."""
        case = "a holder missed a value for a minute"
        writer, missing = stage.members[0], stage.members[-1]
        stage.wait(writer.node.put(case, OLDER, lifetime=24 * HOUR))
        stage.network.partition([missing.host])
        stage.wait(writer.node.put(case, NEWER, lifetime=60))
        stage.network.heal()
        stage.advance(2 * MINUTE)
        others = [each for each in stage.members if each is not missing]
        holders = self._holders(stage, others, case)
        report.at_most(f"{case}: others that hold the older one", holders, 0)
        stage.advance(self.minutes * MINUTE)
        holders = self._holders(stage, others, case)
        report.at_most(f"{case}, {self.minutes:g} min later", holders, 0)
        stage.crash(missing)
        found = [self._reads(stage, each, case) for each in others]
        report.at_most(f"{case} and has gone: reads of the older one", sum(found), 0)

    def _holders(self, stage: Stage, members: list[Member], name: str) -> int:
        return sum(bool(stage.held(each, key_of_name(name))) for each in members)

    def _reads(self, stage: Stage, member: Member, name: str) -> bool:
        try:
            return stage.wait(member.node.get(name)).value == OLDER
        except KadtwistedError:
            return False


class _Storer:
    """Stores at every node, and asks every node."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.peers = [stage.peer(each) for each in stage.members]
        self._client = stage.attacker(Client)

    def published(self, ago: float) -> int:
        """Microseconds of now, and so many seconds more."""
        return int(1e6 * (EPOCH + self.stage.clock.seconds() + ago))

    def store(self, peer: Peer, record: bytes, remaining: int) -> Answer | None:
        """One STORE, repeated with the token if it had none."""
        for _ in range(2):
            answer: Answer | None = self.stage.ask(
                self._client, peer, STORE, record, remaining, None
            )
            if answer is None or (answer.number, answer.result[0]) != (ERROR, BAD_TOKEN):
                break
        return answer

    def stores(self, peer: Peer, record: bytes, remaining: int) -> bool:
        """Whether it was stored."""
        answer = self.store(peer, record, remaining)
        return answer is not None and answer.number == STORE and answer.result[0] > 0

    def found(self, peer: Peer, key: bytes, kind: int = VALUE) -> list[bytes]:
        """The records of one kind that a node returns under a key."""
        answer: Any = self.stage.ask(self._client, peer, FIND_VALUE, key, kind, b"", b"", 0)
        if answer is None or answer.number != FIND_VALUE:
            return []
        return [record for record, remaining in answer.result[0] if remaining]
