"""Announcements from one network fill a key, and a storage; others announce forged addresses.

Each of many identities may announce under one key, and one identity under many keys.  Honest nodes
must keep their places, newcomers among them must find some, and readers must find them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.parameters import Bounds
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.attacks.client import Answer, Client, Peer
from kadtwisted.testing.attacks.datagrams import (
    ANNOUNCEMENT,
    BUSY,
    ERROR,
    INVALID_RECORD,
    PING,
    STORE,
    Address,
    announcement_record,
)
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.inspect import storage_of
from kadtwisted.testing.nodes import EPOCH, Member

NAME = "the registry"
KEY = id_to_bytes(key_of_name(NAME))
REMAINING = 7200
PORTS = 40_000
SHARE = 64
"""Places under a key that one network may have (``docs/protocol.md``)."""
UNITS_A_SECOND, UNITS_AT_ONCE = 2000, 4000
"""What one endpoint may cost (``docs/protocol.md``)."""
UNITS = 6
"""What a STORE of an announcement costs at least: two, and four for the signature."""
FORGED_A_SECOND = 2000


@dataclass(frozen=True, slots=True)
class Announcements:
    """``spam`` announcements from ``hosts`` hosts of one /16 at one of ``nodes`` nodes, whose
    storage takes ``capacity``: half of them under one key, where ``honest`` nodes announce, the
    rest each under a key of its own; then ``forged`` ones from one host.

    A network may store ``least`` in any storage."""

    lasts: ClassVar[str] = "about ten minutes"
    nodes: int = 40
    honest: int = 30
    late: int = 5
    spam: int = 250_000
    hosts: int = 250
    forged: int = 20_000
    capacity: int = 100_000
    least: int = 1000
    seed: int = 1

    def run(self, report: Report) -> None:
        bounds = Bounds(stored_records=self.capacity, stored_bytes=1 << 30)
        stage = Stage(self.seed, report, bounds=bounds)
        victim = stage.add_with(MemoryStorage(self.capacity, 1 << 30))
        stage.grow(self.nodes)
        stage.advance(10 * MINUTE)
        others = stage.members[1:]
        for each in others[: self.honest]:
            stage.wait(each.node.announce(NAME, lifetime=REMAINING))
        before = [each for each in others if _holds(stage, victim, each)]
        self._fill_the_key(stage, victim)
        taken = [each for each in _held(stage, victim) if each.where.sub not in _own(others)]
        report.at_most("places under the key that one /16 has", len(taken), SHARE)
        kept = sum(_holds(stage, victim, each) for each in before)
        report.at_least("honest announcements left there", kept, len(before))
        late = others[self.honest : self.honest + self.late]
        for each in late:
            stage.wait(each.node.announce(NAME, lifetime=REMAINING))
        came = sum(_holds(stage, victim, each) for each in late)
        report.at_least("late ones that find a place there", came, len(late))
        self._judge_readers(stage, report, [*others[: self.honest], *late])
        self._fill_the_storage(stage, victim)
        held = victim.node.status().stored_records
        most = max(self.least, self.capacity // 8) + self.honest + self.late
        report.at_most("records that the node holds then", held, most)
        kept = sum(_holds(stage, victim, each) for each in before)
        report.at_least("... and honest announcements", kept, len(before))
        self._forge(stage, report, victim)
        stage.stop()

    # --- Spam --------------------------------------------------------------------------------

    def _fill_the_key(self, stage: Stage, victim: Member) -> None:
        """Each identity takes a place under the same key, if it can."""
        for start in range(0, self.spam // 2, self.hosts):
            batch = [self._client(stage, number) for number in range(start, start + self.hosts)]
            _prove(stage, batch, victim)
            for each in batch:
                _announce(stage, each, stage.peer(victim), KEY)
            stage.advance(0.2)
            for each in batch:
                each.close()

    def _fill_the_storage(self, stage: Stage, victim: Member) -> None:
        """One identity on each host announces under ever new keys."""
        batch = [self._client(stage, self.spam + number) for number in range(self.hosts)]
        _prove(stage, batch, victim)
        for start in range(0, self.spam // 2, self.hosts):
            if start % (100 * self.hosts) == 0:
                _prove(stage, batch, victim)
            for each in batch:
                _announce(stage, each, stage.peer(victim), stage.source.randbytes(20))
            stage.advance(0.2)
        for each in batch:
            each.close()

    def _client(self, stage: Stage, number: int) -> Client:
        address = f"203.7.{number % self.hosts}.1"
        client = Client(stage.home(address), stage.identity())
        client.listen(address, 1024 + number // self.hosts % PORTS)
        return client

    # --- Judging -----------------------------------------------------------------------------

    def _judge_readers(self, stage: Stage, report: Report, honest: Sequence[Member]) -> None:
        """Whoever reads all finds all honest ones, and some of them in a sample."""
        wanted = {each.node.node_id for each in honest}
        reader = stage.members[-1].node
        found = {each.node_id for each in stage.wait(reader.providers(NAME)).providers}
        report.at_least("honest ones that a reader of all finds", len(found & wanted), len(wanted))
        sample = stage.wait(reader.providers(NAME, 10)).providers
        share = 100 * sum(each.node_id in wanted for each in sample) / len(sample)
        report.figure("... and in a sample, %", share)

    def _forge(self, stage: Stage, report: Report, victim: Member) -> None:
        """Signatures that are wrong, for an address that is another's, as fast as can be."""
        sender = stage.attacker(Client, address="203.8.0.1")
        _prove(stage, [sender], victim)
        peer, began = stage.peer(victim), stage.clock.seconds()
        answers: Counter[Any] = Counter()

        def count(answer: Answer) -> None:
            answers[answer.result[0] if answer.number == ERROR else "stored"] += 1

        good = _record(stage, sender, KEY, ("198.51.100.1", 80))
        for number in range(self.forged):
            forged = good if number % 2 else good[:-1] + bytes([good[-1] ^ 1])
            unheard(sender.ask(peer, STORE, forged, REMAINING, None).addCallback(count))
            if number % 100 == 99:
                stage.advance(100 / FORGED_A_SECOND)
        stage.advance(5)
        allowed = UNITS_AT_ONCE + UNITS_A_SECOND * (stage.clock.seconds() - began)
        report.at_most("forged ones that were stored", answers["stored"], 0)
        checked = answers[INVALID_RECORD]
        report.at_most(f"signatures checked of {self.forged} forged", checked, allowed / UNITS)
        report.figure("... and answers BUSY", answers[BUSY])


def _prove(stage: Stage, clients: Sequence[Client], victim: Member) -> None:
    for each in clients:
        unheard(each.ask(stage.peer(victim), PING))
    stage.advance(0.2)


def _announce(stage: Stage, client: Client, peer: Peer, key: bytes) -> None:
    record = _record(stage, client, key, client.peer.address)
    unheard(client.ask(peer, STORE, record, REMAINING, None))


def _record(stage: Stage, client: Client, key: bytes, address: Address) -> bytes:
    now = int(1e6 * (EPOCH + stage.clock.seconds()))
    return announcement_record(client.identity, key, now, address)


def _held(stage: Stage, member: Member) -> list[Any]:
    """The announcements that a member holds under the key."""
    found: list[Any] = []
    reading = storage_of(member.node).get(ANNOUNCEMENT, key_of_name(NAME), stage.clock.seconds())
    reading.addCallback(found.extend)
    return found


def _own(members: Sequence[Member]) -> set[bytes]:
    return {each.node.public_key + b"\0" for each in members}


def _holds(stage: Stage, holder: Member, member: Member) -> bool:
    subs = [each.where.sub for each in _held(stage, holder)]
    return member.node.public_key + b"\0" in subs
