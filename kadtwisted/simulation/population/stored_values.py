"""Values stored in a population: putting them, reading them, and counting their copies.

Copies are counted in the storages of the members, never over the network, so counting takes no
simulated time and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import NodeStopped
from kadtwisted.lookup.records import Mode
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.results import GetResult, Receipt
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.results.figures import cdf, mean, rounded, spread
from kadtwisted.simulation.scenario.experiment_settings import RecordSettings
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.nodes import Member

Draw = Callable[[], Member]
"""Draws the member that does the next operation."""


class Copies(NamedTuple):
    """For each value, how many of the k nodes nearest to its key hold it, and how many in all."""

    nearest: list[int]
    anywhere: list[int]

    @property
    def lost(self) -> int:
        """Values that nobody holds."""
        return self.anywhere.count(0)

    def row(self) -> dict[str, Any]:
        """The mean and the least number on the k nearest."""
        return {"copies_mean": mean(self.nearest), "copies_least": min(self.nearest)}


@dataclass(slots=True)
class Reads:
    """Results of reads: the seconds and requests of each read that was right, and the other
    outcomes."""

    seconds: list[float] = field(default_factory=list)
    rpcs: list[int] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    other: int = 0
    """Reads that returned another value than the one that was put."""

    @property
    def percent(self) -> float | None:
        """The part of the reads that was right."""
        return percent(len(self.seconds), self.begun)

    @property
    def begun(self) -> int:
        """All reads, except those whose reader was gone before the end."""
        return len(self.seconds) + self.other + self.wrong.total()

    def add(self, others: Reads) -> None:
        """Add the results of others."""
        self.seconds += others.seconds
        self.rpcs += others.rpcs
        self.wrong += others.wrong
        self.other += others.other

    def row(self, other: str = "read_another") -> dict[str, Any]:
        """The figures for a row; ``other`` is the column for reads of another value."""
        return {
            "reads": self.begun,
            "read_percent": self.percent,
            other: self.other,
            **spread("seconds", self.seconds),
        }

    def detail(self) -> dict[str, Any]:
        """What is too long for a row."""
        failed = {name: self.wrong[name] for name in sorted(self.wrong)}
        return {"seconds_cdf": cdf(self.seconds), "failed": failed}


def percent(part: float, whole: float) -> float | None:
    """A part in per cent of the whole; ``None`` if the whole is nothing."""
    return rounded(100 * part / whole) if whole else None


class StoredValues:
    """Values by name, in a population."""

    def __init__(self, population: Population, values: Mapping[str, bytes]) -> None:
        self._population = population
        self.values = values
        self.names = list(self.values)
        self.keys = [key_of_name(name) for name in self.names]
        self.receipts: list[Receipt] = []
        """Of the puts that succeeded, in the order of the values."""

    def put(self, monitor: Monitor, settings: RecordSettings, draw: Draw) -> int:
        """Put all values, each by a member that is drawn; returns how many puts failed."""
        population = self._population
        monitor.phase(f"storing {len(self.names):,} values", len(self.names))

        def begin(number: int) -> Deferred[Any]:
            name = self.names[number]
            return draw().node.put(
                name, self.values[name], lifetime=settings.lifetime, keep=settings.kept
            )

        stored = population.paced(len(self.names), population.scenario.rate, begin)
        self.receipts = [each for each in stored if isinstance(each, Receipt)]
        return sum(isinstance(each, Failure) for each in stored)

    def read(self, count: int, rate: float, draw: Draw, mode: str = "latest") -> Reads:
        """Read ``count`` random values, ``rate`` a second, each by a member that is drawn."""
        how: Mode = "first" if mode == "first" else "latest"
        found = Reads()

        def begin(number: int) -> Deferred[None]:
            name = self.names[int(len(self.names) * self._population.random.random())]
            expected = self.values[name]
            reading = draw().node.get(name, mode=how)
            return reading.addCallbacks(took, lost, callbackArgs=(expected,))

        def took(result: GetResult, expected: bytes) -> None:
            if result.value == expected:
                found.seconds.append(result.trace.duration)
                found.rpcs.append(len(result.trace.steps))
            else:
                found.other += 1

        def lost(failure: Failure) -> None:
            if not failure.check(NodeStopped):
                found.wrong[failure.type.__name__ if failure.type else "unknown"] += 1

        self._population.paced(count, rate, begin)
        return found

    def copies(self, members: Sequence[Member] | None = None) -> Copies:
        """The copies that ``members`` hold now; without ``members``, all living members."""
        population, k = self._population, self._population.scenario.parameters.k
        holders = self._holders(population.members if members is None else members)
        nearest: list[int] = []
        anywhere: list[int] = []
        for key in self.keys:
            held = holders.get(key, {})
            anywhere.append(len(held))
            near = population.nearest(key, k)
            nearest.append(sum(each.number in held for each in near))
        return Copies(nearest, anywhere)

    def holders(self, members: Sequence[Member]) -> list[list[Member]]:
        """Those of ``members`` that hold each of the values, in the order of the values."""
        held = self._holders(members)
        return [[each for each in members if each.number in held[key]] for key in self.keys]

    def _holders(self, members: Sequence[Member]) -> dict[NodeID, dict[int, bytes]]:
        """The records that members hold: by key, then by the number of the member."""
        now = self._population.clock.seconds()
        found: dict[NodeID, dict[int, bytes]] = {key: {} for key in self.keys}
        for member in members:
            for record in records_of(member.node):
                if record.expires > now and record.where.key in found:
                    found[record.where.key][member.number] = record.data
        return found

    def agree(self, key: NodeID) -> bool:
        """Whether the k nodes nearest to a key hold the same record under it."""
        near = self._population.nearest(key, self._population.scenario.parameters.k)
        held = self._holders(near).get(key, {})
        return len(held) == len(near) and len(dict.fromkeys(held.values())) == 1
