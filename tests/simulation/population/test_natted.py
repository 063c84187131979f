"""A population behind NATs: whose machine knows which address, and which way datagrams go."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.models.latency import LatencySettings
from kadtwisted.simulation.models.nat import ASSUME, RELAY, NatSettings
from kadtwisted.simulation.monitor import NullMonitor
from kadtwisted.simulation.population.natted import BEHIND, NattedPopulation
from kadtwisted.simulation.population.traffic import Traffic
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.inspect import context_of
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import Member

SCENARIO = Scenario(
    start="joined",
    upkeep=False,
    latency=LatencySettings(model="constant", median=0.1, jitter=0.0),
    nat=NatSettings(full_cone=0.0, address_restricted=0.0, symmetric=0.0, lifetime=(60.0,)),
)
"""All NATs are port-restricted, and every way takes 0.05 s."""


class NattedCase(SynchronousTestCase):
    def begin(self, rule: str) -> tuple[NattedPopulation, list[Member], list[Member]]:
        population = NattedPopulation(SCENARIO, 8, 50, rule, NullMonitor())
        members = [population.add() for _ in range(8)]
        for each in members:
            each.node.stop()  # so that their ports are free for ours
        population.advance(1.0)
        population.meter.restart()
        self.seen: list[Datagram] = []
        population.network.watch(self.seen.append)
        return (population, *population.split())

    def send(self, population: NattedPopulation, one: Member, other: Member) -> None:
        population.network.send(
            b"12345", tuple(one.contact.endpoint), tuple(other.contact.endpoint)
        )

    def counted(self, population: NattedPopulation, members: Sequence[Member]) -> list[Traffic]:
        return [population.meter.of([each.host.addresses[0]]) for each in members]


class AddressTests(NattedCase):
    def test_machines_behind_nats_know_a_private_address(self) -> None:
        _, public, natted = self.begin(ASSUME)
        self.assertEqual((len(public), len(natted)), (4, 4))
        for members, private in ((public, False), (natted, True)):
            for each in members:
                world = context_of(each.node).world
                own = world.source_address(public[0].contact.endpoint)
                self.assertEqual(own, BEHIND if private else each.host.addresses[0])


class RelayTests(NattedCase):
    def test_what_a_nat_would_drop_and_its_answer_go_through_a_relay(self) -> None:
        population, public, (hidden, *_) = self.begin(RELAY)
        relay = min(public, key=lambda each: each.node.node_id ^ hidden.node.node_id)
        asker = next(each for each in public if each is not relay)
        self.send(population, asker, hidden)
        population.advance(0.2)
        self.assertEqual(self.counted(population, [relay]), [Traffic(5, 5, 1, 1)])
        self.send(population, hidden, asker)
        population.advance(0.2)
        expected = [Traffic(5, 5, 1, 1), Traffic(5, 5, 1, 1), Traffic(10, 10, 2, 2)]
        self.assertEqual(self.counted(population, [asker, hidden, relay]), expected)
        self.assertEqual(self.seen[-1].source, tuple(hidden.contact.endpoint))

    def test_what_the_nat_lets_in_goes_its_own_way(self) -> None:
        population, public, (hidden, other, *_) = self.begin(RELAY)
        relay = min(public, key=lambda each: each.node.node_id ^ hidden.node.node_id)
        asked = next(each for each in public if each is not relay)
        self.send(population, hidden, asked)
        population.advance(0.2)
        self.send(population, asked, hidden)
        population.advance(0.2)
        self.assertEqual(self.counted(population, [relay]), [Traffic()])
        self.send(population, other, hidden)
        self.assertEqual(self.counted(population, [relay]), [Traffic(5, 5, 1, 1)], "a stranger")

    def test_who_hangs_on_whom(self) -> None:
        population, public, natted = self.begin(RELAY)
        relays = {
            min(public, key=lambda one: one.node.node_id ^ each.node.node_id).number
            for each in natted
        }
        self.assertEqual(population.lifelines(natted), len(relays))
        self.assertEqual(population.lifelines(population.members), len(public))
        population, public, natted = self.begin(ASSUME)
        self.assertEqual(population.lifelines(population.members), len(population.members))

    def test_the_way_through_a_relay_takes_longer(self) -> None:
        population, public, (hidden, *_) = self.begin(RELAY)
        relay = min(public, key=lambda each: each.node.node_id ^ hidden.node.node_id)
        asker = next(each for each in public if each is not relay)
        for direct, (one, other) in ((True, (asker, relay)), (False, (asker, hidden))):
            arrived = population.network.dropped  # nobody listens any more
            self.send(population, one, other)
            population.advance(0.06)
            self.assertEqual(population.network.dropped - arrived, int(direct))
            population.advance(0.06)
            self.assertEqual(population.network.dropped - arrived, 1)
