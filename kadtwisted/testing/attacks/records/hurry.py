"""Liars around a key answer before everybody else, and name each other and dead neighbours.

They want to end a search before honest nodes are heard: the nearest that answer are liars, and
nearer ones are silent, whom a search may give up or ask others instead of.  What is stored with
them is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.node.node import Node
from kadtwisted.parameters import Parameters
from kadtwisted.testing.attacks.client import Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import Identity, identities_near, node_id_of
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Conditions
from kadtwisted.testing.nodes import PORT, Member

NAME = "hurried"
AT_ONCE = 0.0005
"""Seconds that a datagram from or to a liar takes."""
LATENCY, JITTER = 0.02, 0.04
"""Seconds that one between honest nodes takes at least, and up to how many more."""
NAMED = 20
"""Contacts that an answer names: half of them liars, half of them dead."""
SETS = 4
"""How many answers name other dead neighbours."""


class Hurried(Client):
    """Names liars and dead neighbours, knows of no record, and says that what is stored is
    stored."""

    dead: tuple[Peer, ...] = ()

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        def distance(each: Peer) -> int:
            return node_id_of(each.key) ^ target

        dead = sorted(self.dead, key=distance)[asked.transaction_id[0] % SETS :: SETS]
        return [*sorted(self.known, key=distance)[: NAMED // 2], *dead[: NAMED // 2]]


@dataclass(frozen=True, slots=True)
class Hurry:
    """Among ``nodes`` honest nodes, ``crowd`` liars around a key and as many dead neighbours, every
    other of the nearest of ``tries`` keys tried.  ``puts`` newer and newer values are put there.
    Bounds: ``holders`` honest ones a minute after each, at least ``acknowledged`` when the receipt
    comes, and after each all ``readers`` succeed."""

    lasts: ClassVar[str] = "about two minutes"
    nodes: int = 120
    crowd: int = 40
    tries: int = 114_000
    puts: int = 5
    readers: int = 10
    holders: int = 10
    acknowledged: int = 1
    k: int = 20
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(
            self.seed,
            report,
            conditions=Conditions(latency=_delay),
            parameters=Parameters(k=self.k),
        )
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        self._surround(stage, key_of_name(NAME))
        at_once: list[int] = []
        later: list[int] = []
        right = 0
        for number in range(self.puts):
            value = b"value %d" % number
            writer = stage.draw(stage.members)
            putting = writer.node.put(NAME, value, lifetime=24 * HOUR)
            told = stage.wait(putting)
            at_once.append(_holders(stage, value))
            stage.advance(MINUTE)
            later.append(_holders(stage, value))
            report.figure(f"put {number}: acknowledgements", told.remote_acks)
            readers = stage.draw_many(stage.members, self.readers)
            right += sum(_reads(stage, each.node, value) for each in readers)
        report.at_least("honest holders at the receipt, least", min(at_once), self.acknowledged)
        report.at_least("honest holders after a minute, least", min(later), self.holders)
        report.at_least("reads that succeed", right, self.puts * self.readers)
        stage.stop()

    def _surround(self, stage: Stage, key: NodeID) -> None:
        """Let liars live around the key, and be known."""
        found = identities_near(int(key), 2 * self.crowd, self.tries, stage.source.randbytes)
        dead = tuple(_nobody(each, number) for number, each in enumerate(found[1::2]))
        known = [stage.attacker(Hurried, identity=each).peer for each in found[::2]]
        for liar in stage.attackers:
            assert isinstance(liar, Hurried)
            liar.known, liar.dead = known, dead
        stage.introduce(stage.attackers)
        stage.advance(20 * MINUTE)


def _nobody(identity: Identity, number: int) -> Peer:
    """A dead neighbour, in an address block of its own where no member and no liar lives."""
    return Peer(identity.public, (f"{110 + number % 10}.{number // 10 % 250}.0.1", PORT))


def _delay(source: str, destination: str, random: Random) -> float:
    """How long a datagram takes; liars live at 150.0.0.0 and above, as a stage has it."""
    if max(_first(source), _first(destination)) >= 150:
        return AT_ONCE
    return LATENCY + JITTER * random.random()


def _first(address: str) -> int:
    return int(address.partition(".")[0])


def _holders(stage: Stage, value: bytes) -> int:
    """How many honest members hold this value."""
    return sum(_holds(stage, each, value) for each in stage.holders(NAME))


def _holds(stage: Stage, member: Member, value: bytes) -> bool:
    return any(value in each.data for each in stage.held(member, key_of_name(NAME)))


def _reads(stage: Stage, node: Node, value: bytes) -> bool:
    try:
        found = stage.wait(node.get(NAME, mode="latest"))
    except KadtwistedError:
        return False
    return found.value == value
