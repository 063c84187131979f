"""Liars tell nodes that they live elsewhere, and name martians.

Whoever answers says at which address it sees the asker, and its contact lists can name anybody.  A
liar who is believed can make a public node send to addresses of its own site, or a private network
drop everybody but the liar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kadtwisted.testing.attacks.client import Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import packed
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Member

NOWHERE = ("0.0.0.7", "127.0.0.1", "127.9.9.9", "169.254.7.7", "224.0.0.251", "240.0.0.9")
"""Addresses at which no node of any network lives that has others: martians for everybody."""
INSIDE = ("10.9.9.9", "172.16.9.9", "192.168.9.9", "100.64.9.9")
"""Private ones: martians for public nodes."""


class Liar(Client):
    """Says that it sees everybody at ``seen``, and names ``martians``."""

    seen = ("", 0)
    martians: tuple[str, ...] = ()

    def observed(self, asked: Asked) -> bytes:
        return packed(self.seen)

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        return [
            Peer(self.home.random(32), (each, port))
            for each in self.martians
            for port in (8000, 8001)
        ]


class Private(Stage):
    """Members that all live on 10/8."""

    def address(self, number: int) -> str:
        return f"10.{number % 250}.{number // 250}.1"


@dataclass(frozen=True, slots=True)
class Observed:
    """``nodes`` nodes, all public or all on 10/8; one liar, then a tenth of liars, for
    ``minutes``; every ``lookup_every`` minutes each node looks something up."""

    lasts: ClassVar[str] = "about two minutes"
    nodes: int = 30
    minutes: float = 60.0
    lookup_every: float = 5.0
    seed: int = 1

    def run(self, report: Report) -> None:
        for liars in (1, max(2, self.nodes // 10)):
            case = f"public nodes, {liars} liars"
            self._play(report, Stage(self.seed, report), liars, case)
            case = f"nodes on 10/8, {liars} liars"
            self._play(report, Private(self.seed, report), liars, case)

    def _play(self, report: Report, stage: Stage, liars: int, case: str) -> None:
        stage.grow(self.nodes)
        stage.advance(15 * MINUTE)
        private = isinstance(stage, Private)
        martians = _Martians(NOWHERE if private else NOWHERE + INSIDE)
        stage.network.watch(martians.look)
        before = {each.number: stage.verified(each) for each in stage.members}
        crowd = [stage.attacker(Liar) for _ in range(liars)]
        for each in crowd:
            each.seen = ("203.0.113.9", 8000) if private else ("10.0.0.1", 8000)
            each.martians = martians.addresses
        stage.introduce(crowd)
        known = sum(self._knows(each, crowd) for each in stage.members)
        report.at_least(f"{case}: nodes that know a liar", known, 1)
        stage.every(self.lookup_every * MINUTE, lambda: _look_up(stage))
        stage.advance(self.minutes * MINUTE)
        lost = sum(len(before[each.number] - stage.verified(each)) for each in stage.members)
        told = sum(self._elsewhere(each) for each in stage.members)
        contacts = sum(map(len, before.values()))
        report.at_most(f"{case}: verified contacts lost, of {contacts}", lost, 0)
        report.at_most(f"{case}: datagrams to martians", martians.datagrams, 0)
        report.at_most(f"{case}: nodes that say they live elsewhere", told, 0)
        stage.stop()

    def _knows(self, member: Member, liars: list[Liar]) -> bool:
        known = {int(each) for each in member.known()}
        return any(each.identity.node_id in known for each in liars)

    def _elsewhere(self, member: Member) -> bool:
        seen = member.node.status().links[0].observed
        return seen is not None and seen.host != member.host.addresses[0]


def _look_up(stage: Stage) -> None:
    for member in stage.members:
        name = f"nothing {stage.random.random()}"
        member.node.get(name).addErrback(lambda _: None)  # there is nothing


class _Martians:
    """Counts the datagrams to these addresses."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self.addresses = addresses
        self.datagrams = 0

    def look(self, datagram: Datagram) -> None:
        self.datagrams += datagram.destination[0] in self.addresses
