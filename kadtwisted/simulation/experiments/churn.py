"""Nodes come and go: do values stay although their first holders are gone?

Values are put; then members come and go for hours, while others read at a steady rate.  There is a
case for each number of nodes and each median session.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kadtwisted.constants import HOUR, MINUTE
from kadtwisted.simulation.models.churn import ChurnSettings, SessionModel
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.stored_values import Reads, StoredValues
from kadtwisted.simulation.population.turnover import ChangingPopulation, Turnover
from kadtwisted.simulation.results.figures import mean, percentile, rounded
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import RecordSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.campaigns.crowd import made_values
from kadtwisted.testing.network.network import Datagram, Network

LOOKS = 24
"""How often copies are counted in a case."""


class ChurnCase(NamedTuple):
    """A number of nodes, how their sessions and absences are spread, and how many seconds pass."""

    nodes: int
    model: SessionModel
    lasts: float

    @property
    def name(self) -> dict[str, Any]:
        """The columns that tell this case from others."""
        return {
            "nodes": self.nodes,
            "session_minutes": rounded(self.model.session.median / MINUTE),
            "hours": rounded(self.lasts / HOUR),
        }


def churn(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes and each median session."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        for model, lasts in (scenario.churn or ChurnSettings()).cases():
            case = ChurnCase(size, model, lasts)
            row, detail = Changing(case, scenario, monitor).play()
            rows.append(case.name | row)
            details.append(case.name | detail)
    return Outcome(rows, details)


class Traffic:
    """Counts the bytes of UDP payload that all nodes of a network send from now on."""

    def __init__(self, network: Network) -> None:
        self.bytes = 0
        network.watch(self._count)

    def _count(self, datagram: Datagram) -> None:
        self.bytes += len(datagram.data)


class Changing:
    """One case."""

    def __init__(self, case: ChurnCase, scenario: Scenario, monitor: Monitor) -> None:
        self._case = case
        self._scenario = scenario
        self._monitor = monitor
        self._settings = scenario.records or RecordSettings()
        self._population = ChangingPopulation(scenario, case.nodes, monitor)
        self._values = StoredValues(self._population, made_values(self._settings.count))
        self._reads = Reads()
        self._course: list[dict[str, Any]] = []

    def play(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The figures of the case, and its course."""
        population, settings = self._population, self._settings
        population.grow()
        publishers = population.draw_many(settings.publishers) if settings.kept else []
        whose = publishers or population.members
        unstored = self._values.put(
            self._monitor, settings, lambda: whose[int(len(whose) * population.random.random())]
        )
        self._monitor.phase("letting time pass", int(settings.age))
        population.advance(settings.age)
        traffic = Traffic(population.network)
        churn = self._scenario.churn or ChurnSettings()
        turnover = Turnover(population, churn, self._case.model, publishers)
        self._change(turnover)
        row = {"left": turnover.left, "unstored": unstored, **self._figures(traffic.bytes)}
        return row, {"course": self._course, **self._reads.detail()}

    def _change(self, turnover: Turnover) -> None:
        """Let members come and go, and others read."""
        count, begun = self._scenario.operations, self._population.clock.seconds()
        minutes = self._case.model.session.median / MINUTE
        self._monitor.phase(f"reading, median session {minutes:g} min", count)
        for look in range(LOOKS):
            share = count * (look + 1) // LOOKS - count * look // LOOKS
            ends = begun + self._case.lasts * (look + 1) / LOOKS
            reads = self._read_until(ends, share, turnover)
            self._reads.add(reads)
            self._look(self._population.clock.seconds() - begun, reads)
        turnover.end()

    def _read_until(self, ends: float, count: int, turnover: Turnover) -> Reads:
        """Read ``count`` values until the moment ``ends``, or a few seconds longer."""
        clock = self._population.clock
        left = max(1.0, ends - clock.seconds())
        reads = self._values.read(count, max(count, 1) / left, turnover.draw)
        clock.run_until(max(ends, clock.seconds()))
        self._monitor.step(0)
        return reads

    def _look(self, passed: float, reads: Reads) -> None:
        """Write down the present state."""
        copies = self._values.copies()
        self._course.append(
            {
                "hour": rounded(passed / HOUR),
                "read_percent": reads.percent,
                "nodes": len(self._population.members),
                "lost": copies.lost,
                **copies.row(),
            }
        )

    def _figures(self, sent: int) -> dict[str, Any]:
        course, members = self._course, self._population.members
        nodes = mean([each["nodes"] for each in course]) or 1.0
        periods = [each.node.status().replication_period / MINUTE for each in members]
        return {
            **self._reads.row(),
            "copies_mean": mean([each["copies_mean"] for each in course]),
            "copies_least": min(each["copies_least"] for each in course),
            "lost": course[-1]["lost"],
            "period_minutes": percentile(periods, 50),
            "bytes_per_node_second": rounded(sent / (course[-1]["hour"] * HOUR) / nodes),
        }
