"""Liars name addresses of one victim network: nodes must not bomb it.

A contact in a list costs the liar 38 bytes, and a node that asks it pads its request to 1,232.  The
addresses all differ, so a budget for each exact address does not help the victim, who has a /24 (or
an IPv6 /48).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from kadtwisted.testing.attacks.client import Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import SHORT
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import MINUTE, made_values
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram

NAMED = 20
"""Contacts in a list of IPv4 contacts, as the page allows."""
FOUR, SIX = "203.0.113.", "2001:db8:bad:"


class Bomber(Client):
    """Names nodes of the victim near each target, as anybody can make them up, never the same."""

    block = FOUR

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        draw = self.home.random
        last = "" if self.block == FOUR else "::1"
        hosts = [f"{self.block}{1 + draw(1)[0] % 99}{last}" for _ in range(NAMED)]
        ports = [1024 + int.from_bytes(draw(2), "big") % 60000 for _ in range(NAMED)]
        return [Peer(draw(32), where) for where in zip(hosts, ports, strict=True)]


class IPv6Stage(Stage):
    """Members and attackers with IPv6 addresses, each in a /32 of its own."""

    def address(self, number: int) -> str:
        return f"26{number:02x}::1"

    def attacker_address(self, number: int) -> str:
        return f"2a{number:02x}::1"


@dataclass(frozen=True, slots=True)
class Carpet:
    """Among ``nodes`` nodes ``liars`` lie; ``lookups`` reads in turn, each from another node, then
    as many at once from one node; then ``records`` records are kept by all for ``minutes``, with
    all upkeep that this takes."""

    lasts: ClassVar[str] = "about four minutes"
    nodes: int = 110
    liars: int = 10
    lookups: int = 10
    records: int = 60
    minutes: float = 90.0
    seed: int = 1

    def run(self, report: Report) -> None:
        for kind, block in ((Stage, FOUR), (IPv6Stage, SIX)):
            self._play(report, kind(self.seed, report), block)

    def _play(self, report: Report, stage: Stage, block: str) -> None:
        case = "a /24" if block == FOUR else "a /48"
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        crowd = [stage.attacker(Bomber) for _ in range(self.liars)]
        for each in crowd:
            each.block = block
        stage.introduce(crowd)
        hits = _Hits(stage, block)
        most = max(self._look_up(stage, hits, number) for number in range(self.lookups))
        report.at_most(f"{case}: datagrams that one lookup sends there", most, 8)
        self._look_up_at_once(stage)
        stage.put(made_values(self.records), lifetime=24 * 60 * MINUTE)
        stage.advance(MINUTE)
        padded = hits.padded
        stage.advance(self.minutes * MINUTE)
        what = f"{case}: datagrams from one node in its busiest minute"
        report.at_most(what, max(hits.minutes.values(), default=0), 20)
        what = f"{case}: padded datagrams while nobody waits"
        report.at_most(what, hits.padded - padded, 0)
        report.figure(f"{case}: bytes that it gets, in all", hits.bytes)
        stage.stop()

    def _look_up(self, stage: Stage, hits: _Hits, number: int) -> int:
        """How many datagrams a node sends to the victim while it reads."""
        member = stage.members[number % len(stage.members)]
        before = hits.datagrams[member.host.addresses[0]]
        reading = member.node.get(f"nothing {number}", mode="latest")
        stage.wait(reading.addErrback(lambda _: None))  # there is nothing
        stage.advance(MINUTE)
        return hits.datagrams[member.host.addresses[0]] - before

    def _look_up_at_once(self, stage: Stage) -> None:
        for number in range(self.lookups):
            reading = stage.members[-1].node.get(f"at once {number}", mode="latest")
            reading.addErrback(lambda _: None)  # there is nothing
        stage.advance(MINUTE)


class _Hits:
    """What is sent to the victim, and by whom."""

    def __init__(self, stage: Stage, block: str) -> None:
        self.datagrams: Counter[str] = Counter()
        self.minutes: Counter[tuple[str, int]] = Counter()
        self.bytes = 0
        self.padded = 0
        self._block = block
        stage.network.watch(self._look)

    def _look(self, datagram: Datagram) -> None:
        if datagram.destination[0].startswith(self._block):
            source = datagram.source[0]
            self.bytes += len(datagram.data)
            self.padded += len(datagram.data) > SHORT
            self.datagrams[source] += 1
            self.minutes[source, int(datagram.moment / MINUTE)] += 1
