"""Nodes behind NATs: who can be reached, what do tables hold, are values found, who pays for it?

Every node really joins, through members without a NAT, as bootstrap nodes are.  A node behind a NAT
asks and stores as all others do, but others can ask it only as far as its NAT lets them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from twisted.internet.defer import DeferredList

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.models.nat import NatSettings
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.natted import STRANGER, NattedPopulation
from kadtwisted.simulation.population.stored_values import Reads, StoredValues, percent
from kadtwisted.simulation.results.figures import mean, spread
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import RecordSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.campaigns.crowd import made_values
from kadtwisted.testing.nodes import Member


def nat(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes, each part of them behind NATs, and each rule of these.

    :class:`~kadtwisted.errors.ConfigurationProblems` for settings that make no sense with NATs.
    """
    settings = scenario.nat or NatSettings()
    wrong: list[str] = []
    if scenario.start != "joined":
        wrong.append("start: nodes behind NATs must really join; choose joined")
    if not any(settings.weights().values()):
        wrong.append("nat: at least one of the parts must be above 0")
    if wrong:
        raise ConfigurationProblems(wrong)
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        for share in scenario.shares:
            for rule in settings.reachability:
                name = {"nodes": size, "natted_percent": share, "reachability": rule}
                population = NattedPopulation(scenario, size, share, rule, monitor)
                row, detail = Case(population, monitor).play()
                rows.append(name | row)
                details.append(name | detail)
    return Outcome(rows, details)


class Case(NamedTuple):
    """One network, and who is told of its progress."""

    population: NattedPopulation
    monitor: Monitor

    def play(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Join, wait, put values, let them age, and read them; then look at tables."""
        population, monitor = self
        scenario = population.scenario
        records = scenario.records or RecordSettings()
        population.grow()
        values = StoredValues(population, made_values(records.count))
        unstored = values.put(monitor, records, population.draw)
        complete = self._complete_puts(values)
        monitor.phase("letting time pass", int(records.age))
        population.meter.restart()
        population.advance(records.age)
        at_rest = self._traffic(records.age)
        reads, by_side, busy = self._read(values)
        row = {
            **self._reach(),
            "unstored": unstored,
            "complete_percent": percent(complete, len(values.names)),
            **reads.row(),
            "rpcs_mean": mean(reads.rpcs),
            **self._holders(values),
            **self._tables(),
            **at_rest,
        }
        return row, {**reads.detail(), **by_side, **busy}

    def _complete_puts(self, values: StoredValues) -> int:
        """How many values all nodes have acknowledged that their puts found nearest."""
        population = self.population
        ends = DeferredList([each.complete() for each in values.receipts])
        receipts = [receipt for good, receipt in population.wait(ends) if good]
        return sum(not each.failures for each in receipts)

    def _read(self, values: StoredValues) -> tuple[Reads, dict[str, Any], dict[str, Any]]:
        """Let both sides read, each its part; all reads, those of each side, and their traffic."""
        population, monitor = self
        scenario = population.scenario
        count = scenario.operations
        monitor.phase(f"reading, {len(population.split()[1])} behind NATs", count)
        population.meter.restart()
        began = population.clock.seconds()
        both = Reads()
        by_side: dict[str, Any] = {}
        for side, members in self._sides():
            part = count * len(members) // len(population.members)
            reads = values.read(part, scenario.rate, partial(_one_of, population, members))
            both.add(reads)
            by_side[f"{side}_read_percent"] = reads.percent
            by_side |= spread(f"{side}_seconds", reads.seconds)
        busy = self._traffic(population.clock.seconds() - began)
        return both, by_side, {f"reading_{name}": each for name, each in busy.items()}

    def _sides(self) -> Sequence[tuple[str, list[Member]]]:
        return tuple(zip(("public", "natted"), self.population.split(), strict=True))

    # --- Looking -----------------------------------------------------------------------------

    def _traffic(self, seconds: float) -> dict[str, Any]:
        """What a member of each side has sent and received a second since the meter's start."""
        found: dict[str, Any] = {}
        for side, members in self._sides():
            counted = self.population.meter.of(each.host.addresses[0] for each in members)
            rates = counted.rates(len(members), seconds)
            found |= {f"{side}_{name}": rate for name, rate in rates.items()}
        return found

    def _reach(self) -> dict[str, Any]:
        """How many members anybody can reach, and how many serve though nobody can, or do not
        serve though everybody can."""
        population = self.population
        reachable, natted = population.reachable(), population.split()[1]
        natted_too = [each for each in reachable if population.is_natted(each)]
        ready = dict.fromkeys(each.number for each in reachable)
        serving = dict.fromkeys(each.number for each in population.serving())
        return {
            "reachable_percent": percent(len(reachable), len(population.members)),
            "natted_reachable_percent": percent(len(natted_too), len(natted)),
            "serving_in_vain": sum(each not in ready for each in serving),
            "idle_though_reachable": sum(each not in serving for each in ready),
        }

    def _holders(self, values: StoredValues) -> dict[str, Any]:
        """Who has a value: members that anybody can reach, the hosts without which none of these
        could be reached, and others."""
        population = self.population
        holders = values.holders(population.reachable())
        counts = [len(each) for each in holders]
        hosts = [population.lifelines(each) for each in holders]
        everybody = values.copies().anywhere
        return {
            "holders_mean": mean(counts),
            "holders_least": min(counts),
            "lifelines_mean": mean(hosts),
            "lifelines_least": min(hosts),
            "hidden_holders_mean": mean(
                [every - count for every, count in zip(everybody, counts, strict=True)]
            ),
        }

    def _tables(self) -> dict[str, Any]:
        """What all tables hold: verified and tentative contacts, and the parts of the verified ones
        that could not be reached now by their owner, and by anybody who is told of them."""
        population = self.population
        verified = tentative = unreached = useless = 0
        for member in population.members:
            own = population.seen(member)
            for view in member.table.buckets():
                for entry in view.entries:
                    if entry.tentative:
                        tentative += 1
                        continue
                    verified += 1
                    unreached += not population.lets_in(entry.contact.endpoint, own)
                    useless += not population.lets_in(entry.contact.endpoint, STRANGER)
        return {
            "contacts_mean": mean([verified / len(population.members)]),
            "tentative_mean": mean([tentative / len(population.members)]),
            "unreached_percent": percent(unreached, verified),
            "useless_percent": percent(useless, verified),
        }


def _one_of(population: NattedPopulation, members: Sequence[Member]) -> Member:
    return members[int(len(members) * population.random.random())]
