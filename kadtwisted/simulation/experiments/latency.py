"""How long does a lookup take when nodes have just crashed and every table still holds them?

Values are stored while all nodes live.  Then a part of them crashes, and others look up the first
value under a key, and the k nodes nearest to a random target.  The same network, from the same
seed, does so by each of the rules in ``lookup_rules.py``; ours comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.model.ids import NodeID, random_id
from kadtwisted.model.results import Trace
from kadtwisted.simulation.experiments.lookup_rules import RULES, Rule
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.results.figures import cdf, mean, spread
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.scenario import Scenario

VALUES = 50
"""MAGIC: enough that no single neighbourhood decides; each costs a lookup and k STOREs."""


class LatencyCase(NamedTuple):
    """A number of nodes, the part of them (in per cent) that crashes, and the rule of lookups."""

    nodes: int
    dead: int
    rule: Rule

    @property
    def name(self) -> dict[str, Any]:
        """The columns that tell this case from others."""
        return {"nodes": self.nodes, "dead_percent": self.dead, "rule": self.rule.name}


def latency(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes, part of dead ones, and rule."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        for dead in scenario.dead:
            for rule in RULES:
                case = LatencyCase(size, dead, rule)
                first, full = _play(case, scenario, monitor)
                rows.append(case.name | _figures(scenario.operations, first, full))
                details.append(
                    case.name
                    | {
                        "first_seconds_cdf": cdf([each.duration for each in first]),
                        "full_seconds_cdf": cdf([each.duration for each in full]),
                    }
                )
    return Outcome(rows, details)


def _figures(begun: int, first: Sequence[Trace], full: Sequence[Trace]) -> dict[str, Any]:
    return {
        "lookups": begun,
        "first_failed": begun - len(first),
        "full_failed": begun - len(full),
        **spread("first_seconds", [each.duration for each in first]),
        **spread("full_seconds", [each.duration for each in full]),
        "full_rpcs_mean": mean([len(each.steps) for each in full]),
    }


def _play(
    case: LatencyCase, scenario: Scenario, monitor: Monitor
) -> tuple[list[Trace], list[Trace]]:
    """The lookups that succeeded: those for a first value, and the full ones."""
    population = Population(case.rule.applied(scenario), case.nodes, monitor)
    population.grow()
    keys = _store(population, monitor)
    population.crash_many(case.nodes * case.dead // 100)
    what = f"{case.rule.name}, {case.dead} % dead"
    count, rate = scenario.operations, scenario.rate
    askers = population.draw_many(count)
    population.acquaint(askers)

    def read(number: int) -> Deferred[Trace]:
        key = keys[int(len(keys) * population.random.random())]
        return case.rule.first_value(askers[number % len(askers)], key)

    def find(number: int) -> Deferred[Trace]:
        target = random_id(population.random)
        return case.rule.find_node(askers[number % len(askers)], target)

    monitor.phase(f"reading values: {what}", count)
    first = population.paced(count, rate, read)
    monitor.phase(f"full lookups: {what}", count)
    full = population.paced(count, rate, find)
    return _good(first), _good(full)


def _good(outcomes: Sequence[Trace | Failure]) -> list[Trace]:
    return [each for each in outcomes if not isinstance(each, Failure)]


def _store(population: Population, monitor: Monitor) -> list[NodeID]:
    """Store values, each from a random node; returns their keys."""
    monitor.phase(f"storing {VALUES} values", VALUES)
    keys = [random_id(population.random) for _ in range(VALUES)]

    def begin(number: int) -> Deferred[Any]:
        raw = keys[number].to_bytes(20, "big")
        return population.draw().node.put(raw, b"%099d." % number)

    population.paced(VALUES, population.scenario.rate, begin)
    return keys
