"""Sybils crowd around a key and around its writer, take the record and lose it.

A writer that estimates the network's size by the density around itself believes in a huge network
when Sybils crowd there, and then takes the crowd around the key for its true neighbours.  A Sybil
needs no more than a key whose ID is near, and an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kadtwisted.errors import KadtwistedError
from kadtwisted.model.ids import key_of_name
from kadtwisted.node.node import Node
from kadtwisted.parameters import Parameters
from kadtwisted.testing.attacks.client import Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import identities_near, node_id_of
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE
from kadtwisted.testing.campaigns.report import Report

NAME = "crowded"
VALUE = b"what the writer wrote"


class Sybil(Client):
    """Names Sybils, knows of no record, and says that what is stored is stored."""

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        return sorted(self.known, key=lambda each: node_id_of(each.key) ^ target)


@dataclass(frozen=True, slots=True)
class Sybils:
    """Among ``nodes`` honest nodes, ``crowd`` Sybils at the key and as many at the writer, then
    twice as many; they are the nearest of ``tries`` keys tried for each 20.  Bounds: ``holders``
    honest ones, and all ``readers`` succeed."""

    lasts: ClassVar[str] = "about two minutes"
    nodes: int = 120
    crowd: int = 20
    tries: int = 28_500
    readers: int = 10
    holders: int = 10
    k: int = 20
    seed: int = 1

    def run(self, report: Report) -> None:
        for count in (self.crowd, 2 * self.crowd):
            self._play(report, count)

    def _play(self, report: Report, count: int) -> None:
        case = f"{count} + {count} Sybils"
        stage = Stage(self.seed, report, parameters=Parameters(k=self.k))
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        writer = stage.members[0]
        key = key_of_name(NAME)
        known: list[Peer] = []
        tries = self.tries * count // 20
        for target in (int(key), int(writer.node.node_id)):
            for each in identities_near(target, count, tries, stage.source.randbytes):
                known.append(stage.attacker(Sybil, identity=each).peer)
        for sybil in stage.attackers:
            sybil.known = known
        stage.introduce(stage.attackers)
        stage.advance(20 * MINUTE)
        wrote = stage.wait(writer.node.put(NAME, VALUE, lifetime=24 * HOUR, wait="all"))
        report.figure(f"{case}: acknowledgements", wrote.remote_acks)
        stage.advance(MINUTE)
        honest = len(stage.holders(NAME))
        report.at_least(f"{case}: honest holders", honest, self.holders)
        readers = stage.draw_many(stage.members[1:], self.readers)
        right = sum(self._reads(stage, each.node) for each in readers)
        report.at_least(f"{case}: readers that succeed", right, self.readers)
        stage.stop()

    def _reads(self, stage: Stage, node: Node) -> bool:
        try:
            found = stage.wait(node.get(NAME, mode="latest"))
        except KadtwistedError:
            return False
        return found.value == VALUE
