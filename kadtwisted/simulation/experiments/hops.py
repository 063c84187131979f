"""How far does a lookup go?  Hops, RPCs and time of lookups for random targets by random nodes.

The lookups are those of whole nodes on a network or, with ``level = "table"``, of tables alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID, random_id
from kadtwisted.model.results import NodesResult, Trace
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.population.table_lookups import look_up_in_tables
from kadtwisted.simulation.results.figures import cdf, histogram, mean, percentile, rounded, spread
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.scenario import Scenario


class Finding(NamedTuple):
    """One lookup: its trace, and whether it found exactly the k nearest nodes."""

    trace: Trace
    exact: bool


def hops(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        if scenario.level == "table":
            found = [Finding(*each) for each in look_up_in_tables(scenario, size, monitor)]
        else:
            found = look_up(scenario, size, monitor)
        rows.append({"nodes": size, **_figures(found, scenario.operations)})
        details.append({"nodes": size, **_distributions(found)})
    return Outcome(rows, details)


def look_up(scenario: Scenario, size: int, monitor: Monitor) -> list[Finding]:
    """The lookups of a population that succeeded."""
    population = Population(scenario, size, monitor)
    population.grow()
    askers = population.draw_many(scenario.operations)
    population.acquaint(askers)
    monitor.phase(f"looking up {scenario.operations:,} random targets", scenario.operations)
    found: list[Finding] = []

    def begin(number: int) -> Deferred[None]:
        asker = askers[number % len(askers)]
        return asker.node.find_node(random_id(population.random)).addCallback(judge, asker.contact)

    def judge(result: NodesResult, asker: Contact) -> None:
        exact = _is_exact(population, result.target, result.contacts, asker)
        found.append(Finding(result.trace, exact))

    population.paced(scenario.operations, scenario.rate, begin)
    return found  # a lookup that failed is missing here, and so it is counted


def _is_exact(
    population: Population, target: NodeID, contacts: Sequence[Contact], asker: Contact
) -> bool:
    """Whether these are the k nodes nearest to a target, not counting the asker itself."""
    k = population.scenario.parameters.k
    nearest = [each.node.node_id for each in population.nearest(target, k + 1)]
    truly = [each for each in nearest if each != asker.node_id][:k]
    return [each.node_id for each in contacts] == truly


def _figures(found: Sequence[Finding], begun: int) -> dict[str, Any]:
    hops_of = [each.trace.hops for each in found]
    rpcs = [len(each.trace.steps) for each in found]
    seconds = [each.trace.duration for each in found]
    exact = sum(each.exact for each in found)
    return {
        "lookups": begun,
        "failed": begun - len(found),
        "exact_percent": rounded(100 * exact / max(1, len(found))),
        "hops_mean": mean(hops_of),
        "hops_max": max(hops_of, default=None),
        "rpcs_mean": mean(rpcs),
        "rpcs_p95": percentile(rpcs, 95),
        **spread("seconds", seconds),
    }


def _distributions(found: Sequence[Finding]) -> dict[str, Any]:
    return {
        "hops_histogram": histogram([each.trace.hops for each in found]),
        "rpcs_histogram": histogram([len(each.trace.steps) for each in found]),
        "seconds_cdf": cdf([each.trace.duration for each in found]),
    }
