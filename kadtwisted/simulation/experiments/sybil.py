"""A part of all members lies: do honest members still read what honest members put?

Attackers live all over the network, each in an address block of its own, and tables treat them like
all others.  There is a case for each part of attackers and each number of disjoint paths.

Attackers in a hurry are nearer to everybody than everybody else: they shall be heard first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.attackers import Colluders, attacking, conduct_of
from kadtwisted.simulation.population.dead_ends import DeadEnds
from kadtwisted.simulation.population.population import Population
from kadtwisted.simulation.population.sampling import sample
from kadtwisted.simulation.population.stored_values import StoredValues, percent
from kadtwisted.simulation.results.figures import cdf, mean
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import AttackSettings, RecordSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.campaigns.crowd import made_values
from kadtwisted.testing.nodes import Member, NodeParts

AT_ONCE = 0.001
"""The round trip to attackers in a hurry, in seconds; less than any honest one."""
DEAD_ENDS = 20
"""Dead ends that they made, for each member: so most of the nearest to a key do not exist.  MAGIC:
a few seconds of a processor for a network of 10,000 nodes; no more than an attacker has."""

NOTES = ("plain values bear no signature: a well-formed newer value is a write, whoever made it",)


def sybil(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes, part of attackers, and number of paths."""
    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for size in scenario.nodes:
        for share in scenario.shares:
            for paths in scenario.paths:
                name = {"nodes": size, "liars_percent": share, "paths": paths}
                parameters = replace(scenario.parameters, disjoint_paths=paths)
                case = Infested(replace(scenario, parameters=parameters), size, share, monitor)
                row, detail = case.play(monitor)
                rows.append(name | row)
                details.append(name | detail)
    return Outcome(rows, details, NOTES)


class Infested(Population):
    """A population of which a part attacks."""

    def __init__(self, scenario: Scenario, size: int, share: int, monitor: Monitor) -> None:
        super().__init__(scenario, size, monitor)
        self._attack = scenario.attack or AttackSettings()
        self._records = scenario.records or RecordSettings()
        k, hurry = scenario.parameters.k, self._attack.conduct == "hurry"
        named = round(k * self._attack.dead) if hurry else 0
        dead_ends = DeadEnds(DEAD_ENDS * size if named else 0, named, scenario.seed)
        self.colluders = Colluders(k, dead_ends)
        self._fast: dict[str, None] = {}
        if hurry:
            self.latency.shorten(self._fast, AT_ONCE)
        self._conduct = conduct_of(self._attack.conduct, self.colluders)
        # The numbers that members will have, from 1 on.
        self._attackers = frozenset(
            1 + place for place in sample(0, size, size * share // 100, self.random)
        )
        self.honest: list[Member] = []

    def parts_of(self, number: int) -> NodeParts:
        """Let attackers answer as their conduct says."""
        return attacking(self._conduct) if number in self._attackers else {}

    def add(self, parts: NodeParts | None = None, **settings: Any) -> Member:
        """One more member, an attacker if its turn has come."""
        member = super().add(parts, **settings)
        if member.number in self._attackers:
            self.colluders.add(member.contact)
            self._fast[member.host.addresses[0]] = None
        else:
            self.honest.append(member)
        return member

    def draw_honest(self) -> Member:
        """An honest member at random."""
        return self.honest[int(len(self.honest) * self.random.random())]

    def play(self, monitor: Monitor) -> tuple[dict[str, Any], dict[str, Any]]:
        """Put values and read them, then look at tables."""
        self.grow()
        values = StoredValues(self, made_values(self._records.count))
        unstored = values.put(monitor, self._records, self.draw_honest)
        monitor.phase("letting time pass", int(self._records.age))
        self.advance(self._records.age)
        held = values.copies(self.honest)
        scenario = self.scenario
        monitor.phase(f"reading, {len(self.colluders)} liars", scenario.operations)
        reads = values.read(scenario.operations, scenario.rate, self.draw_honest, self._attack.mode)
        shares = [self._share_of(each) for each in self.honest]
        row = {
            "conduct": self._attack.conduct,
            "mode": self._attack.mode,
            "unstored": unstored,
            **reads.row("forged_accepted"),
            "rpcs_mean": mean(reads.rpcs),
            "honest_copies_mean": mean(held.anywhere),
            "honest_copies_least": min(held.anywhere),
            "table_share_percent": mean(shares),
        }
        return row, {"table_share_cdf": cdf(shares), **reads.detail()}

    def _share_of(self, member: Member) -> float:
        """The part of a member's table that attackers have, in per cent."""
        known = member.table.contacts()
        bad = sum(each.node_id in self.colluders for each in known)
        return percent(bad, len(known)) or 0.0
