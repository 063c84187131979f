"""Introducers lie: contacts name victims in INTRODUCE and PUNCHED, or keep others from being found.

A contact can put anybody into its contact lists as well, so both ways are measured beside each
other: the same liars, the same victims, the same time.  Then liars sit between a node that opens a
path and its target, and a crowd takes the places of those who want to be introduced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from kadtwisted.model.ids import NodeID
from kadtwisted.testing.attacks.client import Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import (
    INTRODUCE,
    PING,
    PUNCH,
    READ_ONLY,
    Address,
    Identity,
    identities_near,
    packed,
)
from kadtwisted.testing.attacks.introductions.seen import Seen
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import PORT, Member

BLOCK = "203.0.113."
ONE: Address = (BLOCK + "9", PORT)
PURPOSES = (0, 1)
A_SECOND = 4
"""INTRODUCEs that a liar sends each node: twice as many as are taken in the end."""
TOLD_BURST, TOLD_EVERY = 16, 0.5
"""So many PINGs a node sends to one host at once on the word of others, and one in so many
seconds."""
OF_A_BLOCK = 20
"""Datagrams that a node sends in a minute into a block on hearsay."""
MOST_PINGS = 6
"""PINGs that a node sends to open one path, wherever they go."""
NEAR = 8
"""Nodes nearest to the target that are asked to introduce."""
KEEPS_ALIVE = 100.0
"""Seconds after which a node behind the most patient NAT says that it is still there."""
TRIED = 4000
"""Keys that are tried for one near to a target."""


class Liar(Client):
    """Names only ``victims``, each under ever new keys, in its contact lists if it ``lists``."""

    victims: tuple[Address, ...] = ()
    lists = False

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        draw = self.home.random
        return [
            Peer(
                Identity.of(draw(32)).public,
                self.victims[int.from_bytes(draw(2), "big") % len(self.victims)],
            )
            for _ in range(20 if self.lists else 0)
        ]

    def introduce(self, peer: Peer, number: int) -> None:
        """Tell a node that the next victim asks for a PING."""
        victim = self.victims[number % len(self.victims)]
        key = Identity.of(self.home.random(32)).public  # others are refused, whoever shows them
        arguments = key, packed(victim), PURPOSES[number % 2], 0
        unheard(self.ask(peer, INTRODUCE, *arguments))


class Between(Client):
    """Says that the target is where a victim is."""

    victim: Address = ("", 0)
    punched = 0

    def answer(self, asked: Asked) -> tuple[int, list[Any]] | None:
        if asked.method != PUNCH:
            return super().answer(asked)
        self.punched += 1
        return PUNCH, [packed(self.victim), 2]


class Target(Client):
    """A node behind a NAT that lets itself be introduced, and answers where it is asked."""

    flags = READ_ONLY

    def answer(self, asked: Asked) -> tuple[int, list[Any]] | None:
        return (INTRODUCE, [2]) if asked.method == INTRODUCE else super().answer(asked)


@dataclass(frozen=True, slots=True)
class Introducers:
    """``liars`` among ``nodes`` nodes name victims for ``seconds``; ``paths`` paths are opened with
    none, 1, 3 and 8 liars nearest to the target; ``crowd`` strangers of nine /16s take places."""

    lasts: ClassVar[str] = "about five minutes"
    nodes: int = 30
    liars: int = 3
    seconds: float = 60.0
    paths: int = 4
    crowd: int = 1200
    seed: int = 1

    def run(self, report: Report) -> None:
        self._victims(report)
        stage = self._stage(report, "plain")
        for liars in (0, 1, 3, NEAR):
            self._between(report, stage, liars)
        self._crowded(report, stage)
        stage.stop()

    def _stage(self, report: Report, sealer: str) -> Stage:
        """In the plain form whoever lives at an address answers under any key."""
        stage = Stage(self.seed, report, sealer=sealer)
        stage.grow(self.nodes)
        stage.advance(15 * MINUTE)
        return stage

    # --- Victims -----------------------------------------------------------------------------

    def _victims(self, report: Report) -> None:
        """INTRODUCE beside contact lists."""
        block = tuple((f"{BLOCK}{1 + number % 250}", PORT + number) for number in range(1000))
        inside = ("10.9.9.9", "127.0.0.1", "169.254.7.7", "224.0.0.251", "0.0.0.7")
        martians = tuple((each, PORT) for each in inside)
        stage = self._stage(report, "box")
        liars = [stage.attacker(Liar) for _ in range(self.liars)]
        stage.introduce(liars)
        known = sum(e.identity.node_id in stage.verified(m) for e in liars for m in stage.members)
        report.at_least("liars that are known, of all pairs", known, self.nodes * self.liars / 2)
        minutes = max(1.0, self.seconds / MINUTE)
        of_a_node = (TOLD_BURST + self.seconds / TOLD_EVERY) / minutes
        for case, victims, most in (
            ("one endpoint", (ONE,), 1.0),
            ("a /24", block, OF_A_BLOCK),
            ("martians", martians, 0.0),
            ("a node", (stage.peer(stage.members[-1]).address,), of_a_node),
        ):
            seen = self._play(stage, liars, victims)
            if case != "martians":
                report.at_least(f"{case}: datagrams that it gets in all", seen.requests, 1)
            what = f"{case}: datagrams of the busiest node in a minute"
            report.at_most(what, seen.busiest / minutes, most)
            report.at_most(f"{case}: bytes for each byte of a liar", seen.factor, 1)
            if case != "martians":
                listed = self._listed(stage, liars, victims)
                what = f"{case}, by contact lists: datagrams of the busiest"
                report.figure(what, listed.busiest / minutes)
                report.figure(f"{case}, by contact lists: bytes for each byte", listed.factor)
        stage.stop()

    def _play(self, stage: Stage, liars: list[Liar], victims: tuple[Address, ...]) -> Seen:
        """All liars introduce the victims to all nodes, as fast as that has any use."""
        seen = _seen(stage, liars, victims)
        peers = [stage.peer(each) for each in stage.members]
        for each in liars:
            each.victims = victims
        for number in range(int(self.seconds * A_SECOND)):
            for at, liar in enumerate(liars):
                for peer in peers:
                    if peer.address not in victims:
                        liar.introduce(peer, number * 7 + at)
            stage.advance(1 / A_SECOND)
        return self._ended(stage, liars, seen)

    def _listed(self, stage: Stage, liars: list[Liar], victims: tuple[Address, ...]) -> Seen:
        """All nodes look something up every five seconds; the liars do no more than answer."""
        seen = _seen(stage, liars, victims)
        for each in liars:
            each.victims, each.lists = victims, True
        for _ in range(int(self.seconds / 5)):
            for member in stage.members:
                member.node.get(f"nothing {stage.random.random()}").addErrback(lambda _: None)
            stage.advance(5)
        return self._ended(stage, liars, seen)

    def _ended(self, stage: Stage, liars: list[Liar], seen: Seen) -> Seen:
        stage.advance(1)
        seen.close()
        for each in liars:
            each.lists = False
        stage.advance(2 * MINUTE)
        return seen

    # --- Between two nodes -------------------------------------------------------------------

    def _between(self, report: Report, stage: Stage, liars: int) -> None:
        """The nearest to the target lie to whoever asks for it; the next ones do not."""
        case = f"{liars} liars between"
        target = stage.attacker(Target)
        target_id = NodeID(target.identity.node_id)
        near = identities_near(target_id, liars, TRIED, stage.source.randbytes)
        crowd = [self._liar(stage, each, at) for at, each in enumerate(near)]
        if crowd:
            stage.introduce(crowd)
        honest = stage.nearest(target_id)
        victims = {each.victim for each in crowd}
        seen = Seen(stage, lambda to: to in victims)
        opened, most = 0, 0
        for number in range(self.paths):
            for each in honest[:3]:
                self._keep_alive(stage, target, each)
            before = seen.requests
            opened += self._opens(stage, honest[-1 - number], target)
            most = max(most, seen.requests - before)
            stage.advance(2 * MINUTE)
        seen.close()
        if crowd:
            asked = sum(each.punched for each in crowd)
            report.at_least(f"{case}: times that they were asked", asked, 1)
            report.at_most(f"{case}: datagrams to victims for a path", most, MOST_PINGS)
        if liars < NEAR:
            report.at_least(f"{case}: paths that open, of {self.paths}", opened, self.paths)
        else:
            report.figure(f"{case}: paths that open, of {self.paths}", opened)
        for client in (target, *crowd):
            client.close()
        stage.advance(20 * MINUTE)

    def _liar(self, stage: Stage, identity: Identity, at: int) -> Between:
        liar = stage.attacker(Between, identity=identity)
        liar.victim = (f"88.{at}.2.3", PORT)
        return liar

    def _opens(self, stage: Stage, asker: Member, target: Client) -> bool:
        found: list[Any] = []
        opening: Deferred[Any] = asker.node.open_path(target.identity.public)
        opening.addCallbacks(found.append, lambda _: None)
        stage.advance(10)
        return bool(found) and found[0].contact.endpoint == target.peer.address

    def _keep_alive(self, stage: Stage, target: Client, member: Member) -> None:
        for _ in range(2):
            stage.ask(target, stage.peer(member), PING)
        stage.advance(0.1)

    # --- Places ------------------------------------------------------------------------------

    def _crowded(self, report: Report, stage: Stage) -> None:
        """They say that they are there all the time; the target says so once in a while."""
        member = stage.members[0]
        peer = stage.peer(member)
        crowd = [
            stage.attacker(Target, address=f"{100 + at % 9}.1.{at // 9 // 250}.{1 + at // 9 % 250}")
            for at in range(self.crowd)
        ]
        target, asker = stage.attacker(Target), stage.attacker(Target)
        self._keep_alive(stage, target, member)
        stage.ask(asker, peer, PING)
        ends = stage.clock.seconds() + KEEPS_ALIVE
        while stage.clock.seconds() < ends:
            for number, each in enumerate(crowd):
                unheard(each.ask(peer, PING))
                if number % 20 == 19:
                    stage.advance(0.2)
            stage.advance(10)
        found = stage.grants(asker, peer, PUNCH, target.identity.public, 0)
        report.at_least("crowd: the target is found in spite of it", found, 1)
        kept = 0
        for each in crowd[-60:]:
            kept += stage.grants(asker, peer, PUNCH, each.identity.public, 0)
            stage.advance(3)
        report.at_least("crowd: of its last 60 that are kept", kept, 1)


def _seen(stage: Stage, liars: list[Liar], victims: tuple[Address, ...]) -> Seen:
    """What comes to victims from now on, while liars lie."""
    there, sources = set(victims), {each.peer.address for each in liars}
    return Seen(stage, lambda to: to in there, lambda source: source in sources)
