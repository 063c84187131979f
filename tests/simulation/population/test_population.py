"""Populations: real nodes, made from a seed; crashed nodes are gone, but stay in tables."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NotFound
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.ids import NodeID, random_id
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.scenario.scenario import Faults, Scenario
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.inspect import endpoints_of, link_of, storage_of
from kadtwisted.testing.nodes import PORT
from tests.simulation.monitoring import RecordingMonitor


def grown(size: int, monitor: RecordingMonitor | None = None, **fields: Any) -> Population:
    population = Population(Scenario(**fields), size, monitor or RecordingMonitor())
    population.grow()
    return population


class GrowthTests(SynchronousTestCase):
    def test_a_stocked_population_finds_whom_it_should(self) -> None:
        population = grown(150)
        asker, target = population.draw(), random_id(population.random)
        found = population.wait(asker.node.find_node(target))
        wanted = [each.contact for each in population.nearest(target, 21) if each is not asker]
        self.assertEqual(list(found.contacts), wanted[:20])

    def test_a_joined_one_too(self) -> None:
        monitor = RecordingMonitor()
        population = grown(40, monitor, start="joined", duration=30.0)
        self.assertEqual(monitor.phases, ["letting 40 nodes join", "letting time pass"])
        self.assertGreater(monitor.rpcs, 500)
        asker, target = population.draw(), random_id(population.random)
        found = population.wait(asker.node.find_node(target))
        wanted = [each.contact for each in population.nearest(target, 21) if each is not asker]
        self.assertEqual(list(found.contacts), wanted[:20])

    def test_the_seed_makes_everything(self) -> None:
        one, same, other = (grown(30, seed=seed) for seed in (1, 1, 2))

        def picture(population: Population) -> list[Any]:
            return [(each.contact, each.table.contacts()) for each in population.members]

        self.assertEqual(picture(one), picture(same))
        self.assertNotEqual(picture(one), picture(other))

    def test_sealed_identities_are_real_ones(self) -> None:
        population = grown(30, sealer="box")
        asker = population.draw()
        found = population.wait(asker.node.find_node(random_id(population.random)))
        self.assertEqual(len(found.contacts), 20)

    def test_an_open_network_has_diverse_tables(self) -> None:
        population = grown(100, secret=False)
        self.assertGreater(min(len(each.table) for each in population.members), 40)

    def test_equal_contacts_are_one_object(self) -> None:
        population = grown(30)
        held = [c for each in population.members for c in each.table.contacts()]
        self.assertEqual(len({id(each) for each in held}), 30)

    def test_parts_and_settings_of_its_own(self) -> None:
        storage = MemoryStorage(5, 500)
        population = Population(Scenario(), 1, RecordingMonitor())
        member = population.add({"storage": storage}, read_only=True)
        self.assertIs(storage_of(member.node), storage)
        self.assertTrue(member.node.status().read_only)

    def test_without_upkeep_nothing_waits_on_the_clock(self) -> None:
        self.assertEqual(grown(20, upkeep=False).clock.pending(), 0)
        self.assertEqual(grown(20).clock.pending(), 20)

    def test_faults_reach_the_network(self) -> None:
        population = grown(20, faults=Faults(loss=0.25, duplicate=0.5))
        conditions = population.network.conditions
        self.assertEqual((conditions.loss, conditions.duplicate), (0.25, 0.5))


class MemberTests(SynchronousTestCase):
    def test_who_crashes_is_gone_and_still_in_all_tables(self) -> None:
        population = grown(50)
        gone = population.crash_many(20)
        self.assertEqual(len(population.members), 30)
        self.assertFalse(set(gone) & set(population.members))
        for each in gone:
            self.assertNotIn(each, population.nearest(each.node.node_id, 30))
        dead = {each.node.node_id for each in gone}
        knows = [each.node_id in dead for each in population.members[0].table.contacts()]
        self.assertGreater(sum(knows), 5)

    def test_a_newcomer_joins(self) -> None:
        population = grown(50)
        newcomer = population.add()
        self.assertEqual(len(newcomer.table), 0)
        population.wait(population.join(newcomer))
        self.assertGreater(len(newcomer.table), 30)

    def test_acquainted_nodes_know_their_round_trips(self) -> None:
        population = grown(30)
        member = population.members[0]
        contact = member.table.contacts()[0]
        endpoints = endpoints_of(member.node)
        self.assertIsNone(endpoints.get(contact.endpoint))
        population.acquaint([member])
        record = endpoints.get(contact.endpoint)
        assert record is not None
        base = population.latency.rtt(member.host.addresses[0], contact.endpoint.host)
        self.assertApproximates(record.srtt, base * 1.025, base * 0.03)
        self.assertTrue(record.answered)

    def test_drawing(self) -> None:
        population = grown(20)
        self.assertEqual(len(set(population.draw_many(10))), 10)
        self.assertEqual(population.draw_many(100), population.members)

    def test_nodes_know_where_they_are_seen(self) -> None:
        member = grown(10).members[3]
        self.assertEqual(link_of(member.node).reach.own, Endpoint(member.host.addresses[0], PORT))

    def test_when_all_are_stopped_nothing_is_left_on_the_clock(self) -> None:
        population = grown(20)
        population.draw().node.find_node(NodeID(1)).addErrback(lambda _: None)
        population.stop()
        self.assertEqual(population.clock.pending(), 0)


class TimeTests(SynchronousTestCase):
    def test_operations_begin_at_their_pace_and_all_are_awaited(self) -> None:
        population = Population(Scenario(), 1, RecordingMonitor())
        started = population.clock.seconds()
        begun: list[float] = []

        def begin(number: int) -> Deferred[int]:
            begun.append(population.clock.seconds() - started)
            if number == 1:
                return fail(NotFound())
            waiting: Deferred[int] = Deferred()
            population.clock.callLater(5.0, waiting.callback, number)
            return waiting

        results = population.paced(3, 2.0, begin)
        self.assertEqual(begun, [0.0, 0.5, 1.0])
        self.assertEqual((results[0], results[2]), (0, 2))
        assert isinstance(results[1], Failure)
        self.assertTrue(results[1].check(NotFound))

    def test_an_operation_that_cannot_begin_has_failed(self) -> None:
        population = Population(Scenario(), 1, RecordingMonitor())
        (result,) = population.paced(1, 1.0, lambda number: 1 // number)  # type: ignore[arg-type]
        assert isinstance(result, Failure)
        self.assertTrue(result.check(ZeroDivisionError))

    def test_an_operation_that_never_ends_is_a_fault(self) -> None:
        population = Population(Scenario(), 1, RecordingMonitor())
        self.assertRaises(AssertionError, population.paced, 1, 1.0, lambda _: Deferred())

    def test_the_watch_can_end_a_run(self) -> None:
        population = Population(Scenario(), 1, RecordingMonitor(patience=5))
        self.assertRaises(InterruptedError, population.advance, 100.0)
        self.assertLess(population.clock.seconds(), 1_000_010)

    def test_rpcs_are_told(self) -> None:
        monitor = RecordingMonitor()
        population = grown(50, monitor, upkeep=False)

        def begin(_: int) -> Deferred[Any]:
            return population.members[0].node.find_node(NodeID(1))

        population.paced(1, 1.0, begin)
        self.assertGreaterEqual(monitor.rpcs, 20)
        told = monitor.rpcs
        population.paced(1, 1.0, succeed)
        self.assertEqual(monitor.rpcs, told)
