"""Members that come and go: how many, when, and with which identity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import MINUTE
from kadtwisted.model.record import StorageUsage
from kadtwisted.simulation.models.churn import ChurnSettings
from kadtwisted.simulation.monitor import NullMonitor
from kadtwisted.simulation.population.turnover import ChangingPopulation, Turnover
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.inspect import storage_of
from kadtwisted.testing.nodes import Member

SCENARIO = Scenario(upkeep=False, nodes=(20,))
BRISK = ChurnSettings(sessions=(MINUTE,), lasts=(10 * MINUTE,), offline=30.0)


class TurnoverCase(SynchronousTestCase):
    def begin(
        self, churn: ChurnSettings, size: int = 20, *, stay: int = 0, **changes: Any
    ) -> tuple[ChangingPopulation, Turnover]:
        population = ChangingPopulation(replace(SCENARIO, **changes), size, NullMonitor())
        population.grow()
        self.patch(population, "join", lambda member: succeed(None))  # it would only take time
        ((model, _),) = churn.cases()
        return population, Turnover(population, churn, model, population.members[:stay])


class ReplacedTests(TurnoverCase):
    def test_there_are_always_as_many_and_they_leave_at_the_rate_of_the_sessions(self) -> None:
        population, turnover = self.begin(BRISK)
        for _ in range(60):
            population.advance(10)
            self.assertEqual(len(population.members), 20)
        self.assertEqual(turnover.left, turnover.came)
        expected = 20 * 600 / turnover._model.session.mean
        self.assertLess(abs(turnover.left / expected - 1), 0.2)
        self.assertGreater(min(each.number for each in population.members), 3, "all are others")

    def test_those_who_stay_stay(self) -> None:
        population, turnover = self.begin(BRISK, stay=5)
        faithful = population.members[:5]
        population.advance(600)
        self.assertEqual([each for each in population.members if each in faithful], faithful)
        self.assertGreater(turnover.left, 50)

    def test_the_same_seed_gives_the_same_history(self) -> None:
        histories = []
        for seed in (1, 1, 2):
            population, turnover = self.begin(BRISK, seed=seed)
            population.advance(200)
            histories.append((turnover.left, [each.node.node_id for each in population.members]))
        self.assertEqual(histories[0], histories[1])
        self.assertNotEqual(histories[0], histories[2])

    def test_nothing_happens_after_the_end(self) -> None:
        population, turnover = self.begin(BRISK)
        population.advance(60)
        turnover.end()
        before = list(population.members)
        population.advance(600)
        self.assertEqual(population.members, before)


class JoiningTests(TurnoverCase):
    def test_who_is_still_joining_is_not_drawn(self) -> None:
        population, turnover = self.begin(BRISK)
        joining: list[Member] = []

        def never(member: Member) -> Deferred[Any]:
            joining.append(member)
            return Deferred()

        self.patch(population, "join", never)
        population.advance(30)
        drawn = {turnover.draw().number for _ in range(300)}
        self.assertTrue(joining)
        self.assertFalse(drawn.intersection(each.number for each in joining))
        self.assertEqual(len(drawn), 20 - sum(each in population.members for each in joining))
        population.advance(1200)
        self.assertIn(turnover.draw(), population.members, "all are joining: any will do")


class ReturningTests(TurnoverCase):
    def test_as_many_are_away_from_the_first_moment_on(self) -> None:
        counts = []
        population, turnover = self.begin(replace(BRISK, returns="new"), size=60)
        for _ in range(40):
            population.advance(15)
            counts.append(len(population.members))
        self.assertLess(abs(sum(counts) / len(counts) / 60 - 1), 0.15)
        self.assertLess(abs(sum(counts[:10]) / 10 / 60 - 1), 0.25)
        self.assertEqual(60 + turnover.came - turnover.left, counts[-1])

    def test_they_come_back_as_who_they_were(self) -> None:
        population, turnover = self.begin(replace(BRISK, returns="same"))
        first = {each.number: each.contact for each in population.members}
        population.advance(1200)
        back = [each for each in population.members if each.number in first]
        self.assertGreater(len(back), 5)
        for each in back:
            self.assertEqual(each.contact, first[each.number])
            self.assertEqual(population.nearest(each.node.node_id, 1), [each])
            self.assertTrue(each.node.status().running)
        self.assertLess(population.born, 40, "nobody comes as somebody new")
        self.assertGreater(turnover.came, 100)

    def usage(self, member: Member) -> StorageUsage:
        return self.successResultOf(storage_of(member.node).usage())

    def test_with_their_records_if_they_left_in_good_order(self) -> None:
        for orderly, kept in ((1.0, True), (0.0, False)):
            churn = replace(BRISK, returns="same", orderly=orderly)
            population, turnover = self.begin(churn)
            population.wait(population.members[0].node.put("k", b"v"))
            holders = [each for each in population.members if self.usage(each).records]
            self.assertGreater(len(holders), 10)
            population.advance(600)
            self.assertGreater(turnover.came, 20)
            back = [each for each in holders if each in population.members]
            with_it = [each for each in back if self.usage(each).records]
            self.assertTrue(back)
            self.assertEqual(bool(with_it), kept)
