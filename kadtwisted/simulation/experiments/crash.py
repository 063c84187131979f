"""A part of the nodes crashes at once: what is lost, what is read, when are there k copies again?

Values are put and left alone for a while.  Right after the crash others read, while every table is
still full of dead contacts.  Copies are counted until every value has enough of them, or a period
of replication is over.
"""

from __future__ import annotations

from typing import Any

from kadtwisted.constants import MINUTE
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.population.stored_values import Copies, StoredValues
from kadtwisted.simulation.results.figures import rounded
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import RecordSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.campaigns.crowd import made_values

LOOK_EVERY = 5 * MINUTE
"""Seconds between two counts of copies."""


def crash(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes and each part of them that crashes."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        for dead in scenario.dead:
            name = {"nodes": size, "dead_percent": dead}
            row, detail = _play(scenario, size, dead, monitor)
            rows.append(name | row)
            details.append(name | detail)
    return Outcome(rows, details)


def _play(
    scenario: Scenario, size: int, dead: int, monitor: Monitor
) -> tuple[dict[str, Any], dict[str, Any]]:
    settings = scenario.records or RecordSettings()
    population = Population(scenario, size, monitor)
    population.grow()
    values = StoredValues(population, made_values(settings.count))
    unstored = values.put(monitor, settings, population.draw)
    monitor.phase("letting time pass", int(settings.age))
    population.advance(settings.age)
    population.crash_many(size * dead // 100)
    left = values.copies()
    happened = population.clock.seconds()
    monitor.phase(f"reading, {dead} % dead", scenario.operations)
    reads = values.read(scenario.operations, scenario.rate, population.draw)
    wanted = min(scenario.parameters.k, len(population.members))
    course = [_seen(left, 0.0), *_watch_copies(population, values, happened, wanted, monitor)]
    whole = [each["minute"] for each in course if each["copies_least"] >= wanted]
    row = {
        "records": settings.count,
        "unstored": unstored,
        "lost": left.lost,
        "left_least": min(left.anywhere),
        **reads.row(),
        "whole_minutes": whole[0] if whole else None,
        "copies_mean": course[-1]["copies_mean"],
        "copies_least": course[-1]["copies_least"],
    }
    return row, {"course": course, **reads.detail()}


def _watch_copies(
    population: Population, values: StoredValues, since: float, wanted: int, monitor: Monitor
) -> list[dict[str, Any]]:
    """Count copies again and again; returns the moment and the result of each count."""
    period = population.scenario.parameters.replication_period
    course: list[dict[str, Any]] = []
    monitor.phase("waiting for k copies of everything", int(period))
    while True:
        passed = population.clock.seconds() - since
        copies = values.copies()
        course.append(_seen(copies, passed))
        if passed >= period or min(copies.nearest) >= wanted:
            return course
        ends = (passed // LOOK_EVERY + 1) * LOOK_EVERY
        population.advance(min(ends, period) - passed)


def _seen(copies: Copies, passed: float) -> dict[str, Any]:
    """The state ``passed`` seconds after the crash."""
    return {"minute": rounded(passed / MINUTE), "lost": copies.lost, **copies.row()}
