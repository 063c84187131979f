"""The experiments, small; and that a seed gives the same bytes whatever Python hashes by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationProblems, NotFound
from kadtwisted.lookup.iterative import Breadth
from kadtwisted.model.ids import random_id
from kadtwisted.parameters import Parameters
from kadtwisted.simulation.experiments.lookup_rules import RULES, InRounds
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.results.results import Outcome, document, to_csv, to_json
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.simulation.monitoring import RecordingMonitor

PAPER = Parameters(alpha=3)
PROGRAM = """
import sys
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.results.results import document, to_json
from kadtwisted.simulation.scenario.scenario import Scenario
for name in ("hops", "latency"):
    scenario = Scenario(experiment=name, nodes=(50,), operations=12, dead=(20,))
    sys.stdout.write(to_json(document(scenario, run(scenario))))
"""


class HopsTests(SynchronousTestCase):
    def test_whole_nodes(self) -> None:
        monitor = RecordingMonitor()
        scenario = Scenario(nodes=(100, 200), operations=40, parameters=PAPER)
        outcome = run(scenario, monitor)
        small, large = outcome.rows
        self.assertEqual((small["nodes"], large["nodes"]), (100, 200))
        for row in outcome.rows:
            self.assertEqual((row["lookups"], row["failed"]), (40, 0))
            self.assertEqual(row["exact_percent"], 100)
            self.assertTrue(1 < row["hops_mean"] < 2)
            self.assertTrue(20 <= row["rpcs_mean"] < 23)
            self.assertLess(row["seconds_p50"], row["seconds_p95"])
        self.assertGreater(large["hops_mean"], small["hops_mean"])
        detail = outcome.details[0]
        self.assertEqual(sum(detail["hops_histogram"].values()), 40)
        self.assertEqual(len(detail["seconds_cdf"]), 101)
        self.assertGreater(monitor.rpcs, 2 * 40 * 20)

    def test_tables_alone_go_about_as_far(self) -> None:
        monitor = RecordingMonitor()
        scenario = Scenario(level="table", nodes=(200,), operations=40, parameters=PAPER)
        (row,) = run(scenario, monitor).rows
        self.assertEqual(row["exact_percent"], 100)
        whole = replace(scenario, level="stack")
        (other,) = run(whole).rows
        self.assertApproximates(row["hops_mean"], other["hops_mean"], 0.25)
        self.assertApproximates(row["rpcs_mean"], other["rpcs_mean"], 1)
        self.assertEqual(monitor.rpcs, round(row["rpcs_mean"] * 40))

    def test_lookups_that_fail_are_counted(self) -> None:
        # Nobody hears anybody: every lookup ends with nobody found, and none is exact.
        scenario = Scenario(nodes=(20,), operations=3, upkeep=False)
        deaf = replace(scenario, faults=replace(scenario.faults, loss=1.0))
        (row,) = run(deaf).rows
        self.assertEqual((row["exact_percent"], row["hops_mean"]), (0, 0))


class LatencyTests(SynchronousTestCase):
    def test_dead_contacts_cost_most_where_they_are_waited_for_longest(self) -> None:
        scenario = Scenario(
            experiment="latency", nodes=(60,), operations=30, dead=(0, 30), upkeep=False
        )
        rows = run(scenario).rows
        self.assertEqual(len(rows), 6)
        rules = [each.name for each in RULES]
        self.assertEqual([each["rule"] for each in rows], 2 * rules)
        alive, dead = rows[:3], rows[3:]
        for row in rows:
            self.assertLessEqual(row["first_failed"], 1)
            self.assertEqual(row["full_failed"], 0)
        for before, after in zip(alive, dead, strict=True):
            self.assertLess(before["full_seconds_p50"], 1)
            self.assertGreater(after["full_seconds_p50"], before["full_seconds_p50"])
        ours, plain, rounds = (each["full_seconds_p50"] for each in dead)
        self.assertLess(ours, plain)
        self.assertGreater(plain, 1)
        self.assertGreater(rounds, 5)
        self.assertLess(dead[0]["first_seconds_mean"], dead[2]["first_seconds_mean"])

    def test_rounds_wait_for_everybody(self) -> None:
        """Of five contacts three are asked; one answers, and still nobody else is asked."""
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


class RunTests(SynchronousTestCase):
    def test_what_cannot_be_run_is_refused(self) -> None:
        for scenario in (
            Scenario(experiment="hopps"),
            Scenario(experiment="latency", level="table"),
        ):
            self.assertRaises(ConfigurationProblems, run, scenario)

    def test_a_seed_gives_the_same_bytes_whatever_the_hash_seed(self) -> None:
        running = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env={**os.environ, "PYTHONHASHSEED": seed},
                stdout=subprocess.PIPE,
            )
            for seed in ("1", "2")
        ]
        one, other = (each.communicate()[0] for each in running)
        self.assertGreater(len(one), 2000)
        self.assertEqual(one, other)


class DocumentTests(SynchronousTestCase):
    outcome = Outcome([{"nodes": 3, "rule": "ours", "x": None}], [{"nodes": 3}], ["mind this"])

    def test_a_document_says_all_and_nothing_of_this_machine(self) -> None:
        found = document(Scenario(upkeep=False), self.outcome)
        self.assertEqual(found["scenario"]["seed"], 1)
        self.assertEqual(found["rows"], [{"nodes": 3, "rule": "ours", "x": None}])
        self.assertEqual(len(found["notes"]), 2)
        self.assertIn('"upkeep": false', found["notes"][0])
        self.assertNotIn("machine", found)
        self.assertEqual(document(Scenario(), self.outcome, {"x": 1})["machine"], {"x": 1})

    def test_a_table_says_so_loudly(self) -> None:
        found = document(Scenario(level="table"), self.outcome)
        self.assertEqual((found["level"], found["upkeep"]), ("table", False))
        self.assertIn('"level": "table"', found["notes"][0])

    def test_texts(self) -> None:
        found = document(Scenario(), self.outcome)
        self.assertEqual(to_csv(found), "nodes,rule,x\n3,ours,\n")
        again = json.loads(to_json(found))
        self.assertEqual(again, found)
        self.assertEqual(to_csv(again), to_csv(found))  # the columns are still in order
        self.assertEqual(to_csv({"rows": []}), "\n")
