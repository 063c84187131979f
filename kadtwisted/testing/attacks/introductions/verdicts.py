"""Liars among introducers and observers: does a node believe that it can be reached, or cannot?

Some introducers promise a PING and send nothing, some refuse, some send it themselves from where
the asker's NAT may still let them in, and all say that they see everybody elsewhere.  The NATs here
go on letting in whoever goes on sending, as Linux does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from kadtwisted.nat.reachability import Reachability
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.attacks.client import Asked, Client
from kadtwisted.testing.attacks.datagrams import (
    ERROR,
    NOT_ACCEPTED,
    PING,
    PROBE,
    Address,
    packed,
)
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import Member

LIFETIME = 120.0
"""Seconds for which a NAT lets in who was written to, or has come, last."""
INSIDE = "192.168.1.2"
OUTSIDE = 40_000
"""The port that a NAT shows everybody."""
KEEP_OPEN = 20.0
"""Seconds after which a liar sends something that nobody answers."""
PATIENCE = 20
"""After so many of these it sends a request: nobody has written to it for over five minutes."""


class Cone:
    """A NAT with one port outside that lets in those endpoints alone that the host has written to,
    for as long as anything passes."""

    def __init__(self) -> None:
        self._inside: Address | None = None
        self._passed: dict[Address, float] = {}

    def leaves(self, source: Address, destination: Address, now: float) -> Address:
        self._inside = source
        self._passed[destination[0], destination[1]] = now
        return source[0], OUTSIDE

    def enters(self, source: Address, destination: Address, now: float) -> Address | None:
        remote = source[0], source[1]
        passed = self._passed.get(remote)
        if passed is None or now - passed > LIFETIME:
            return None
        self._passed[remote] = now
        return self._inside


class Liar(Client):
    """Lies about probes, each in its own way, and about where it sees others."""

    manner = 0

    def answer(self, asked: Asked) -> tuple[int, list[Any]] | None:
        if asked.method != PROBE:
            return super().answer(asked)
        if self.manner % 3 == 1:
            return ERROR, [NOT_ACCEPTED, "no third node is known here", 0]
        if self.manner % 3 == 2:
            envelope = [PING, self.home.random(8), 0]
            self.write(self.request(asked.key, envelope, ()), asked.address)
            return PROBE, [self.identity.public]
        return PROBE, [self.home.random(32)]

    def observed(self, asked: Asked) -> bytes:
        return packed(("203.0.113.9", 9000 + self.manner))


class Town(Stage):
    """Members that measure whether they can be reached."""

    def __init__(self, seed: int, report: Report) -> None:
        super().__init__(seed, report, reachability="measure")

    def newcomer(self, box: Cone | None) -> Member:
        """One more member, behind a NAT if there is one; it has begun to join."""
        behind: dict[str, Any] = {}
        if box is not None:
            behind = {
                "wrap_world": lambda world: replace(world, source_address=lambda _: INSIDE),
                "interfaces": ("0.0.0.0",),
            }
        member = self._builder.build({"storage": MemoryStorage(1000, 1 << 20)}, **behind)
        if box is not None:
            self.network.put_behind(member.host, box)
        member.start()
        self.join(member)
        return member


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Among ``nodes`` nodes 1, 3, and a tenth are liars, or ``most``; ``newcomers`` that can be
    reached and as many behind NATs join, and are looked at for ``minutes``."""

    lasts: ClassVar[str] = "about three minutes"
    nodes: int = 50
    newcomers: int = 3
    minutes: float = 30.0
    most: int = 1000
    seed: int = 1

    def run(self, report: Report) -> None:
        for liars in dict.fromkeys(min(each, self.most) for each in (1, 3, self.nodes // 10)):
            self._play(report, liars)

    def _play(self, report: Report, liars: int) -> None:
        town, case = Town(self.seed, report), f"{liars} liars"
        town.grow(self.nodes)
        town.advance(10 * MINUTE)
        crowd = [town.attacker(Liar) for _ in range(liars)]
        for number, each in enumerate(crowd):
            each.manner = number
        town.introduce(crowd)
        known = sum(town.verified(m) >= {crowd[0].identity.node_id} for m in town.members)
        report.at_least(f"{case}: nodes that know the first", known, 1)
        before = list(town.members)
        open_ones = [town.newcomer(None) for _ in range(self.newcomers)]
        natted = [town.newcomer(Cone()) for _ in range(self.newcomers)]
        said = self._watch(town, before + open_ones, natted, crowd)
        report.at_most(f"{case}: open nodes said to be unreachable", said["lost"], 0)
        report.at_most(f"{case}: natted nodes said to be reachable", said["found"], 0)
        links = [each.node.status().links[0].reach for each in open_ones]
        serving = sum(reach is not None and not reach.read_only for reach in links)
        report.at_least(f"{case}: open newcomers that serve", serving, self.newcomers)
        right = sum(_verdict(each) is Reachability.REACHABLE for each in open_ones)
        report.figure(f"{case}: of them know that they are reachable", right)
        right = sum(_verdict(each) is Reachability.UNREACHABLE for each in natted)
        report.at_least(f"{case}: natted newcomers that know it", right, self.newcomers)
        told = sum(
            (seen := each.node.status().links[0].observed) is None or seen.host == "203.0.113.9"
            for each in before + open_ones + natted
        )
        report.at_most(f"{case}: nodes that believe the observers", told, 0)
        town.members += [*open_ones, *natted]
        town.stop()

    def _watch(
        self, town: Town, open_ones: list[Member], natted: list[Member], crowd: list[Liar]
    ) -> Counter[str]:
        """Wrong verdicts at any time, while liars keep the NATs open for themselves."""
        said: Counter[str] = Counter()
        for tick in range(1, 1 + int(self.minutes * MINUTE / KEEP_OPEN)):
            for each in natted:
                for liar in crowd:
                    liar.write(b"\x88" + bytes(99), (each.host.addresses[0], OUTSIDE))
                    if tick % PATIENCE == 0:
                        envelope = [PING, town.source.randbytes(8), 0]
                        datagram = liar.request(each.node.public_key, envelope, ())
                        liar.write(datagram, (each.host.addresses[0], OUTSIDE))
            town.advance(KEEP_OPEN)
            said["lost"] += sum(_verdict(each) is Reachability.UNREACHABLE for each in open_ones)
            said["found"] += sum(_verdict(each) is Reachability.REACHABLE for each in natted)
        return said


def _verdict(member: Member) -> Reachability:
    """What a member says of itself."""
    reach = member.node.status().links[0].reach
    return Reachability.UNKNOWN if reach is None else Reachability(reach.verdict)
