"""Many IDs at few addresses attack one node: how much of its table do they get?

The victim is an old member, or a newcomer who joins during the attack.  Each ID of the *hoard* is a
real node that pings the victim again and again, so that the victim knows it; when the victim asks,
it names other nodes of the hoard.  Meanwhile the victim looks up random targets, as a node in use
does.  Each honest member has an address block of its own.  The hoard has one address, one block
(/24), or fifty blocks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.identity.keys import SEED_BYTES, NodeKey, node_id_of
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID, random_id
from kadtwisted.node.node import Node
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.attackers import Colluders, attacking
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.population.stored_values import percent
from kadtwisted.simulation.results.figures import rounded
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import PLACES, HoardSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.nodes import Member, NodeBuilder
from kadtwisted.wire.cbor import CBORSerializer

FIRST_PORT = 1024
BLOCKS = 50
HOSTS = 254
"""Addresses for hosts in a /24."""
STARTS = ("stocked", "cold")
LOOKS = 10
"""How often the victim's table is looked at in a case."""


def eclipse(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes, place of the hoard, and start of the victim."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        for place in PLACES:
            for start in STARTS:
                name = {"nodes": size, "place": place, "victim": start}
                row, course = _play(scenario, size, place, start, monitor)
                rows.append(name | row)
                details.append(name | {"course": course})
    return Outcome(rows, details)


def address_of(number: int, place: str) -> Endpoint:
    """The endpoint of the ID with this number (from 0), in a block that no honest member has."""
    if place == "address":
        return Endpoint("130.0.0.1", FIRST_PORT + number)
    if place == "block":
        return Endpoint(f"130.0.0.{1 + number % HOSTS}", FIRST_PORT + number // HOSTS)
    block, nth = number % BLOCKS, number // BLOCKS
    return Endpoint(f"130.0.{block}.{1 + nth % HOSTS}", FIRST_PORT + nth // HOSTS)


class Hoard:
    """The IDs of one attacker, whose victim is a member of a population."""

    def __init__(
        self, population: Population, settings: HoardSettings, place: str, near: NodeID
    ) -> None:
        self._population = population
        self._settings = settings
        self._drawing = random.Random(f"hoard {population.scenario.seed}")
        self.colluders = Colluders(population.scenario.parameters.k)
        self._nodes = self._settle([address_of(each, place) for each in range(settings.ids)], near)
        self._turn = 0
        self._ended = False

    def _settle(self, endpoints: Sequence[Endpoint], near: NodeID) -> list[Node]:
        """Start a node at each endpoint."""
        population = self._population
        builder = NodeBuilder(
            population.network,
            lambda number: self._find_key(near),
            lambda host, number: population.world,
            population.scenario.node_settings(),
            lambda number: endpoints[number - 1].host,
        )
        parts = attacking(self.colluders.lie)
        parts["serializer"] = CBORSerializer(node_id_of, contacts=2 * len(endpoints))
        return [self._start(builder.build(parts, port=each.port)) for each in endpoints]

    def _start(self, attacker: Member) -> Node:
        attacker.start()
        attacker.node.switch_upkeep(on=False)
        self.colluders.add(attacker.contact)
        return attacker.node

    def _find_key(self, near: NodeID) -> NodeKey:
        """Try keys until one has an ID that begins like the victim's; each bit doubles the work."""
        shift = self._population.scenario.parameters.id_bits - self._settings.near
        while True:
            raw = self._drawing.randbytes(SEED_BYTES)
            sealed = self._population.scenario.sealer != "plain"
            key = NodeKey.from_seed(raw) if sealed else NodeKey(raw, raw)
            if (node_id_of(key.public_key) ^ near) >> shift == 0:
                return key

    def attack(self, victim: Contact) -> None:
        """Let all IDs ping the victim in turn, again and again."""
        if self._ended:
            return
        node = self._nodes[self._turn]
        self._turn = (self._turn + 1) % len(self._nodes)
        node.ping(victim).addErrback(lambda _: None)
        wait = self._settings.every / len(self._nodes)
        self._population.clock.callLater(wait, self.attack, victim)

    def end(self) -> None:
        """Stop pinging."""
        self._ended = True


def _play(
    scenario: Scenario, size: int, place: str, start: str, monitor: Monitor
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    settings = scenario.hoard or HoardSettings()
    population = Population(scenario, size, monitor)
    population.grow()
    victim = population.draw() if start == "stocked" else population.add()
    monitor.phase(f"making {settings.ids:,} attackers", 1)
    hoard = Hoard(population, settings, place, victim.node.node_id)
    monitor.step()
    if not scenario.upkeep:
        victim.node.switch_upkeep(on=True)
    before = _verified(victim)
    hoard.attack(victim.contact)
    if start == "cold":
        population.wait(population.join(victim))
    course = _suffer(population, victim, hoard, settings, monitor)
    hoard.end()
    after = victim.table.contacts()
    taken = [each for each in after if each.node_id in hoard.colluders]
    row = {
        "ids": settings.ids,
        "near_bits": settings.near,
        "table": len(after),
        "hoarded": len(taken),
        "share_percent": percent(len(taken), len(after)),
        "share_most_percent": max(each["share_percent"] for each in course),
        "honest_before": len(before),
        "displaced": sum(each not in victim.table for each in before),
    }
    return row, course


def _verified(member: Member) -> list[NodeID]:
    """The verified contacts of a table."""
    entries = [entry for view in member.table.buckets() for entry in view.entries]
    return [each.contact.node_id for each in entries if not each.tentative]


def _suffer(
    population: Population, victim: Member, hoard: Hoard, settings: HoardSettings, monitor: Monitor
) -> list[dict[str, Any]]:
    """Let time pass while the victim looks up targets; returns looks at its table."""
    count = max(1, population.scenario.operations // LOOKS)
    begun = population.clock.seconds()
    monitor.phase("under attack", LOOKS * count)

    def begin(_: int) -> Deferred[Any]:
        return victim.node.find_node(random_id(population.random))

    course: list[dict[str, Any]] = []
    for look in range(LOOKS):
        ends = begun + settings.lasts * (look + 1) / LOOKS
        population.paced(count, count / max(1.0, ends - population.clock.seconds()), begin)
        population.clock.run_until(max(ends, population.clock.seconds()))
        monitor.step(0)
        known = victim.table.contacts()
        taken = sum(each.node_id in hoard.colluders for each in known)
        course.append(
            {
                "minute": rounded((population.clock.seconds() - begun) / 60),
                "table": len(known),
                "hoarded": taken,
                "share_percent": percent(taken, len(known)) or 0.0,
            }
        )
    return course
