"""Other rules of lookups: rounds, and what no rule finds."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import NotFound
from kadtwisted.lookup.iterative import Breadth
from kadtwisted.model.ids import random_id
from kadtwisted.simulation.experiments.lookup_rules import RULES, InRounds
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.simulation.monitoring import RecordingMonitor


class RoundsTests(SynchronousTestCase):
    def test_rounds_wait_for_everybody(self) -> None:
        """Three of five contacts are asked; after one answer the lookup still asks no other."""
        population = Population(Scenario(), 6, RecordingMonitor())
        population.grow()
        own, *others = [each.contact for each in population.members]
        lookup = InRounds(own.node_id, Breadth(5, 3, own.node_id))
        lookup.add(others, 0.0)
        first = lookup.next(0.0)
        self.assertEqual(len(first), 3)
        for each in first:
            lookup.asked(each, 0.0, 5.0)
        lookup.replied(first[0], [], 0.1)
        self.assertEqual(lookup.next(0.1), [])
        self.assertFalse(lookup.finished)
        lookup.failed(first[1], 5.0)
        lookup.replied(first[2], [], 0.1)
        self.assertEqual(len(lookup.next(5.0)), 2)

    def test_a_round_that_brings_nobody_nearer_asks_all_that_are_left(self) -> None:
        population = Population(Scenario(), 10, RecordingMonitor())
        population.grow()
        own, *others = [each.contact for each in population.members]
        lookup = InRounds(own.node_id, Breadth(9, 3, own.node_id))
        lookup.add(others, 0.0)
        first = lookup.next(0.0)
        for each in first:
            lookup.asked(each, 0.0, 5.0)
            lookup.replied(each, others, 0.1)
        self.assertEqual((len(first), len(lookup.next(0.2))), (3, 6))

    def test_a_value_that_nobody_has_is_not_found_by_any_rule(self) -> None:
        for rule in RULES:
            scenario = rule.applied(Scenario(upkeep=False))
            population = Population(scenario, 30, RecordingMonitor())
            population.grow()
            asker, key = population.draw(), random_id(population.random)
            reading: Deferred[Any] = rule.first_value(asker, key)
            self.assertRaises(NotFound, population.wait, reading)
