"""The network is cut in two halves for a while: does it become one network with one value a key?

Meanwhile both halves drop each other's contacts and write the same keys.  Then the cut is mended.
No node is restarted.  Every minute we look whether every node knows its true neighbours again, and
whether the k nodes nearest to each key hold the same record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.constants import MINUTE
from kadtwisted.model.results import GetResult
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.population.sampling import sample
from kadtwisted.simulation.population.stored_values import StoredValues, percent
from kadtwisted.simulation.results.figures import rounded
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import PartitionSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.nodes import Member

KNOWN_AGAIN = 90.0
"""The halves count as merged when the worst node knows so many per cent of its k nearest nodes, or
as many as before the cut if that was less.  MAGIC: right after a put or refresh it is 85 to 100."""


def partition(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        row, course = Cut(scenario, size, monitor).play()
        rows.append({"nodes": size, **row})
        details.append({"nodes": size, "course": course})
    return Outcome(rows, details)


class Cut:
    """One network that is cut and mended."""

    def __init__(self, scenario: Scenario, size: int, monitor: Monitor) -> None:
        self._settings = scenario.partition or PartitionSettings()
        self._monitor = monitor
        self._population = Population(scenario, size, monitor)
        self._names = [f"shared {number}" for number in range(self._settings.keys)]
        self._values = StoredValues(self._population, dict.fromkeys(self._names, b""))

    def play(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The figures, and the course after the cut was mended."""
        population = self._population
        population.grow()
        before = self._knowing()
        half = len(population.members) // 2
        sides = population.members[:half], population.members[half:]
        population.network.partition([each.host for each in sides[0]])
        for side, value in zip(sides, (b"left", b"right"), strict=True):
            self._monitor.phase("apart", int(self._settings.lasts / 2))
            population.advance(self._settings.lasts / 2)
            self._write(side, value)
        across = max(self._known_of(each, sides[1]) for each in sides[0])
        population.network.heal()
        course = self._heal(min(KNOWN_AGAIN, before))
        merged = [each["minute"] for each in course if each["known_percent"] >= course[0]["goal"]]
        agreed = [each["minute"] for each in course if each["agreeing"] == len(self._names)]
        read, failed = self._read_everywhere()
        row = {
            "apart_minutes": rounded(self._settings.lasts / MINUTE),
            "keys": len(self._names),
            "contacts_across": across,
            "known_before_percent": before,
            "merged_minutes": merged[0] if merged else None,
            "agreed_minutes": agreed[0] if agreed else None,
            "values_read_most": max((len(each) for each in read), default=0),
            "reads_failed": failed,
        }
        return row, course

    def _write(self, side: Sequence[Member], value: bytes) -> None:
        """Write every key from a random member of this side."""
        population = self._population

        def begin(number: int) -> Deferred[Any]:
            place = sample(0, len(side), 1, population.random)[0]
            return side[place].node.put(self._names[number], value)

        population.paced(len(self._names), population.scenario.rate, begin)

    def _heal(self, goal: float) -> list[dict[str, Any]]:
        """Look every minute until both are as they should be, or as long as the scenario says."""
        population = self._population
        healed = population.clock.seconds()
        self._monitor.phase("together again", int(self._settings.watched))
        course: list[dict[str, Any]] = []
        while True:
            passed = population.clock.seconds() - healed
            known = self._knowing()
            agreeing = sum(self._values.agree(key) for key in self._values.keys)
            course.append(
                {
                    "minute": rounded(passed / MINUTE),
                    "known_percent": known,
                    "agreeing": agreeing,
                    "goal": goal,
                }
            )
            well = agreeing == len(self._names) and any(e["known_percent"] >= goal for e in course)
            if well or passed >= self._settings.watched:
                return course
            population.advance(MINUTE)

    def _read_everywhere(self) -> tuple[list[dict[bytes, None]], int]:
        """All different values that members read under each key, and how many reads failed."""
        population = self._population
        members = population.members
        read: list[dict[bytes, None]] = [{} for _ in self._names]
        count = len(members) * len(self._names)
        self._monitor.phase("reading everything everywhere", count)

        def begin(number: int) -> Deferred[Any]:
            place, name = divmod(number, len(self._names))
            reading = members[place].node.get(self._names[name])
            return reading.addCallback(took, read[name])

        def took(result: GetResult, values: dict[bytes, None]) -> None:
            values[result.raw] = None

        results = population.paced(count, population.scenario.rate, begin)
        return read, sum(isinstance(each, Failure) for each in results)

    def _knowing(self) -> float:
        """The part of its k nearest nodes that the worst node knows, in per cent."""
        population = self._population
        k = population.scenario.parameters.k
        worst = 100.0
        for member in population.members:
            near = population.nearest(member.node.node_id, k + 1)[1:]
            worst = min(worst, percent(self._known_of(member, near), len(near)) or 0.0)
        return worst

    def _known_of(self, member: Member, others: Sequence[Member]) -> int:
        return sum(each.node.node_id in member.table for each in others)
