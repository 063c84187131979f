"""How long does somebody wait for each kind of operation when nodes have just crashed?

Five kinds: the first value under a key, the k nodes nearest to a random target, a key that nobody
has put, the latest value under a key, and a put.  Of a put there are two moments: its receipt, and
the end of all its STOREs.  At that end an observer counts how many of the living nodes that are
truly nearest to the key hold the record.

Each kind has a population of its own, from the same seed: what one operation has learnt of the dead
helps no other kind.  A time is from the call to its result.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import KadtwistedError, NotFound
from kadtwisted.lookup.records import Mode
from kadtwisted.model.ids import NodeID, id_to_bytes, random_id
from kadtwisted.model.results import Trace
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.population.stored_values import percent
from kadtwisted.simulation.results.figures import cdf, mean, spread
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import RecordSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.inspect import records_of
from kadtwisted.testing.nodes import Member


class WrongValue(Exception):
    """A read returned another value than the one that was put, or a value that nobody has put."""


class Case(NamedTuple):
    """A scenario, one of its numbers of nodes, and the part of them (in per cent) that crashes."""

    scenario: Scenario
    nodes: int
    dead: int

    @property
    def name(self) -> dict[str, Any]:
        """The columns that tell this case from others."""
        scenario = self.scenario
        paths = 1 if scenario.secret else scenario.parameters.disjoint_paths
        return {"nodes": self.nodes, "dead_percent": self.dead, "paths": paths}


class Crowd(NamedTuple):
    """A population of which a part has just crashed, who asks in it, and the values that were put
    before the crash, by their keys."""

    population: Population
    askers: Sequence[Member]
    values: Mapping[NodeID, bytes]

    @property
    def now(self) -> float:
        """The simulated time."""
        return self.population.clock.seconds()

    def key(self) -> NodeID:
        """The key of one of the values, at random."""
        keys = list(self.values)
        return keys[int(len(keys) * self.population.random.random())]

    def free_key(self) -> NodeID:
        """A key under which nothing was put."""
        return random_id(self.population.random)

    def share(self, key: NodeID) -> float:
        """How many of the k living nodes that are truly nearest to a key hold a record under it, in
        per cent."""
        near = self.population.nearest(key, self.population.scenario.parameters.k)
        held = (any(each.where.key == key for each in records_of(one.node)) for one in near)
        return percent(sum(held), len(near)) or 0.0


@dataclass(slots=True)
class Waits:
    """What the operations of one kind took.

    Of those that succeeded: the seconds, and the requests of their lookups where these are told.
    Of puts also the seconds to the end, and then the share of the nearest that held the record.
    """

    seconds: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    failed: int = 0


Operation = Callable[[Crowd, Member, Waits], Coroutine[Any, Any, None]]
"""One operation of a member, which adds what it took; it raises what it fails with."""


def waiting(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes and each part of them that crashes."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        for dead in scenario.dead:
            case = Case(scenario, size, dead)
            kinds = {name: _play(case, name, monitor) for name in OPERATIONS}
            times = {name: each.seconds for name, each in kinds.items()}
            times["complete"] = kinds["receipt"].ends
            rows.append(case.name | _row(scenario, kinds, times))
            shapes = {f"{name}_seconds_cdf": cdf(each) for name, each in times.items()}
            details.append(case.name | shapes)
    return Outcome(rows, details)


def _row(
    scenario: Scenario, kinds: Mapping[str, Waits], times: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"operations": scenario.operations}
    row |= {f"{name}_failed": each.failed for name, each in kinds.items()}
    for name, each in times.items():
        row |= spread(f"{name}_seconds", each)
    row["full_rpcs_mean"] = mean(kinds["full"].requests)
    row["latest_rpcs_mean"] = mean(kinds["latest"].requests)
    row["share_percent"] = mean(kinds["receipt"].shares)
    return row


def _play(case: Case, kind: str, monitor: Monitor) -> Waits:
    """Let operations of one kind begin one after the other, and wait for all."""
    crowd, waits = _crowd(case, kind in OF_STORED, monitor), Waits()
    operate, count = OPERATIONS[kind], case.scenario.operations

    async def operation(number: int) -> None:
        try:
            await operate(crowd, crowd.askers[number % len(crowd.askers)], waits)
        except (KadtwistedError, WrongValue):
            waits.failed += 1

    monitor.phase(f"{kind}, {case.dead} % dead", count)
    for each in crowd.population.paced(
        count, case.scenario.rate, lambda number: Deferred.fromCoroutine(operation(number))
    ):
        if isinstance(each, Failure):
            each.raiseException()
    return waits


def _crowd(case: Case, stores: bool, monitor: Monitor) -> Crowd:
    """A new population, in which the scenario's values are put before the crash if it ``stores``
    any."""
    population = Population(case.scenario, case.nodes, monitor)
    population.grow()
    records = case.scenario.records or RecordSettings()
    count = records.count if stores else 0
    put = {random_id(population.random): b"%099d." % each for each in range(count)}
    keys = list(put)

    def store(number: int) -> Deferred[Any]:
        key = keys[number]
        return population.draw().node.put(id_to_bytes(key), put[key], lifetime=records.lifetime)

    if stores:
        monitor.phase(f"storing {count} values", count)
        population.paced(count, case.scenario.rate, store)
    population.crash_many(case.nodes * case.dead // 100)
    askers = population.draw_many(case.scenario.operations)
    population.acquaint(askers)
    return Crowd(population, askers, put)


# --- The kinds -----------------------------------------------------------------------------------


async def _first(crowd: Crowd, asker: Member, waits: Waits) -> None:
    await _read(crowd, asker, waits, "first")


async def _latest(crowd: Crowd, asker: Member, waits: Waits) -> None:
    await _read(crowd, asker, waits, "latest")


async def _read(crowd: Crowd, asker: Member, waits: Waits, mode: Mode) -> None:
    began, key = crowd.now, crowd.key()
    found = await asker.node.get(id_to_bytes(key), mode=mode)
    if found.value != crowd.values[key]:
        raise WrongValue("another value than the one that was put")
    _note(waits, crowd.now - began, found.trace)


async def _full(crowd: Crowd, asker: Member, waits: Waits) -> None:
    began = crowd.now
    found = await asker.node.find_node(crowd.free_key())
    _note(waits, crowd.now - began, found.trace)


async def _missing(crowd: Crowd, asker: Member, waits: Waits) -> None:
    began = crowd.now
    try:
        await asker.node.get(id_to_bytes(crowd.free_key()), mode="first")
    except NotFound:
        waits.seconds.append(crowd.now - began)
    else:
        raise WrongValue("a value that nobody has put")


async def _put(crowd: Crowd, asker: Member, waits: Waits) -> None:
    began, key = crowd.now, crowd.free_key()
    receipt = await asker.node.put(id_to_bytes(key), b"%099d." % len(waits.seconds))
    _note(waits, crowd.now - began, receipt.trace)
    await receipt.complete()
    waits.ends.append(crowd.now - began)
    waits.shares.append(crowd.share(key))


def _note(waits: Waits, seconds: float, trace: Trace) -> None:
    waits.seconds.append(seconds)
    waits.requests.append(len(trace.steps))


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "first": _first,
        "full": _full,
        "missing": _missing,
        "latest": _latest,
        "receipt": _put,
    }
)
"""The kinds of operations, by the names that their figures have."""
OF_STORED = ("first", "latest")
"""Those that need values which were put before the crash."""
