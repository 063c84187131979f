"""The answers of attackers, which otherwise are nodes like all others."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.dialects.door import Received
from kadtwisted.errors import ClockSkew, InvalidRecord
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID, key_of_name, random_id
from kadtwisted.model.messages import (
    FindNode,
    FindValue,
    Have,
    HaveEntry,
    Nodes,
    Ping,
    Pong,
    Records,
    ReplyBody,
    RequestBody,
    Store,
    Stored,
    Wanted,
)
from kadtwisted.records.kinds import NATIVE_KINDS
from kadtwisted.simulation.experiments.eclipse import BLOCKS, address_of
from kadtwisted.simulation.monitor import NullMonitor
from kadtwisted.simulation.population.attackers import (
    FORGERIES,
    Colluders,
    Conduct,
    attacking,
    conduct_of,
    drop,
)
from kadtwisted.simulation.population.dead_ends import SETS, DeadEnds
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.scenario.experiment_settings import CONDUCTS
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.inspect import link_of
from kadtwisted.testing.nodes import EPOCH

KEY = key_of_name("k")
HONEST = Pong(b"\1", 0, 0, "honest")
K = 4


def answer(conduct: Conduct, body: RequestBody, transaction: int = 0) -> object:
    endpoint = Endpoint("20.0.0.1", 8000)
    received = Received(body, endpoint, bytes(32), bytes([transaction, 0]), proven=True)

    def honest(asked: Received) -> ReplyBody:
        assert asked is received
        return HONEST

    return conduct(received, honest)


class ConductTests(SynchronousTestCase):
    def setUp(self) -> None:
        drawing = Random(1)
        self.colluders = Colluders(K)
        self.ids = [random_id(drawing) for _ in range(30)]
        for number, node_id in enumerate(self.ids):
            endpoint = Endpoint(f"60.0.{number}.1", 8000)
            self.colluders.add(Contact.at(node_id, endpoint, bytes([number]) * 32))

    def nearest(self, target: NodeID) -> list[NodeID]:
        return sorted(self.ids, key=target.__xor__)[:K]

    def test_colluders_are_named_as_an_honest_node_would_name_contacts(self) -> None:
        named = [each.node_id for each in self.colluders.near(KEY)]
        self.assertEqual(named, self.nearest(KEY))
        self.assertEqual(len(self.colluders), 30)
        self.assertIn(named[0], self.colluders)
        self.assertNotIn(KEY, self.colluders)

    def test_one_that_drops_is_silent_about_records_and_honest_else(self) -> None:
        have = Have((HaveEntry(1, KEY, bytes(8)),))
        for body in (FindValue(KEY, 1), Store(b"\1", 60), have):
            self.assertIsNone(answer(drop, body))
        for asked in (FindNode(KEY), Ping()):
            self.assertIs(answer(drop, asked), HONEST)

    def test_one_that_lies_names_colluders_and_keeps_nothing(self) -> None:
        lie = conduct_of("lie", self.colluders)
        nodes, records = answer(lie, FindNode(KEY)), answer(lie, FindValue(KEY, 1))
        assert isinstance(nodes, Nodes) and isinstance(records, Records)
        for contacts in (nodes.contacts, records.contacts):
            self.assertEqual([each.node_id for each in contacts], self.nearest(KEY))
        self.assertEqual(records.items, ())
        self.assertEqual(answer(lie, Store(b"\1", 60)), Stored(60))
        entries = tuple(HaveEntry(1, KEY, bytes(8)) for _ in range(9))
        self.assertEqual(answer(lie, Have(entries)), Wanted(bytes(2)))
        self.assertIs(answer(lie, Ping()), HONEST)

    def test_a_forger_returns_what_every_reader_can_tell_from_a_value(self) -> None:
        forge = conduct_of("forge", self.colluders)
        refused = []
        for number in range(len(FORGERIES)):
            found = answer(forge, FindValue(KEY, 1), number)
            assert isinstance(found, Records)
            ((record, _),) = found.items
            try:
                rules, where = NATIVE_KINDS.identify(record)
                rules.check(record, EPOCH + 1e9)
            except (InvalidRecord, ClockSkew) as error:
                refused.append(type(error).__name__)
            else:
                self.assertNotEqual(where.key, KEY)
                refused.append("another key")
        self.assertEqual(refused, ["another key", "InvalidRecord", "ClockSkew"])
        self.assertEqual(answer(forge, Store(b"\1", 60)), Stored(60))

    def test_every_conduct_has_its_name(self) -> None:
        known = [conduct_of(name, self.colluders) for name in CONDUCTS]
        own = [drop, self.colluders.lie, self.colluders.forge, self.colluders.hurry]
        self.assertEqual(known, own)

    def test_one_in_a_hurry_names_colluders_and_other_dead_ends_each_time(self) -> None:
        dead_ends = DeadEnds(100, K // 2)
        colluders = Colluders(K, dead_ends)
        for node_id in self.ids:
            colluders.add(Contact.at(node_id, Endpoint("60.0.0.1", 8000), bytes(32)))
        hurry = conduct_of("hurry", colluders)
        heard: list[NodeID] = []
        for number in range(SETS):
            nodes = answer(hurry, FindNode(KEY), number)
            records = answer(hurry, FindValue(KEY, 1), number)
            assert isinstance(nodes, Nodes) and isinstance(records, Records)
            self.assertEqual(nodes.contacts, records.contacts)
            named = [each.node_id for each in nodes.contacts]
            self.assertEqual(named[: K // 2], self.nearest(KEY)[: K // 2])
            heard += named[K // 2 :]
        self.assertEqual(len(set(heard)), SETS * K // 2)
        self.assertTrue(all(each in dead_ends for each in heard))
        self.assertEqual(answer(hurry, Store(b"\1", 60)), Stored(60))
        self.assertIs(answer(hurry, Ping()), HONEST)

    def test_one_in_a_hurry_sometimes_forges(self) -> None:
        hurry = conduct_of("hurry", self.colluders)
        found = [answer(hurry, FindValue(KEY, 1), number) for number in range(12)]
        made = [each.items[0].record for each in found if isinstance(each, Records) and each.items]
        self.assertEqual(len(made), 9)
        self.assertEqual(set(made), {forge(KEY) for forge in FORGERIES})


class AttackerTests(SynchronousTestCase):
    def test_it_is_asked_as_others_are_and_answers_by_its_conduct(self) -> None:
        population = Population(Scenario(upkeep=False), 10, NullMonitor())
        population.grow()
        colluders = Colluders(20)
        attacker = population.add(attacking(colluders.lie))
        colluders.add(attacker.contact)
        asker = population.members[0]
        pong = population.wait(asker.node.ping(attacker.contact))
        self.assertEqual(pong.contact, attacker.contact)
        asking = link_of(asker.node).ask(attacker.contact, FindNode(KEY))
        self.assertEqual(population.wait(asking).reply.body, Nodes((attacker.contact,)))

    def test_it_stays_one_when_it_starts_again(self) -> None:
        population = Population(Scenario(upkeep=False), 2, NullMonitor())
        population.grow()
        attacker = population.add(attacking(drop))
        population.wait(attacker.node.stop())
        population.wait(attacker.node.start())
        asking = link_of(population.members[0].node).ask(attacker.contact, FindValue(KEY, 1))
        population.advance(30)
        self.failureResultOf(asking)


class PlacesTests(SynchronousTestCase):
    def test_addresses_of_a_hoard(self) -> None:
        for place, addresses, blocks in (
            ("address", 1, 1),
            ("block", 254, 1),
            ("blocks", 5000, 50),
        ):
            found = [address_of(number, place) for number in range(5000)]
            self.assertEqual(len(set(found)), 5000)
            self.assertEqual(len({each.host for each in found}), addresses)
            self.assertEqual(len({each.host.rpartition(".")[0] for each in found}), blocks)
        self.assertEqual(address_of(BLOCKS * 254, "blocks"), Endpoint("130.0.0.1", 1025))
