"""Nodes behind NATs: who can be reached, what do tables hold, are values found?

Every node really joins, through members without a NAT, as bootstrap nodes are.  A node behind a NAT
asks and stores as all others do, but others can ask it only as far as its NAT lets them in.  Which
datagrams a NAT would let in is read from the NAT itself, so looking changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.model.contact import Endpoint
from kadtwisted.simulation.models.nat import Nat, NatSettings
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import BOOTSTRAPS, Population
from kadtwisted.simulation.population.sampling import sample
from kadtwisted.simulation.population.stored_values import StoredValues, percent
from kadtwisted.simulation.results.figures import mean
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import RecordSettings
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.campaigns.crowd import made_values
from kadtwisted.testing.inspect import link_of
from kadtwisted.testing.nodes import Member, NodeParts

STRANGER = ("131.0.0.1", 8000)
"""An endpoint to which no node ever sends."""


def nat(scenario: Scenario, monitor: Monitor) -> Outcome:
    """A case for each number of nodes and each part of them behind NATs.

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
            name = {"nodes": size, "natted_percent": share}
            row, detail = NattedPopulation(scenario, size, share, monitor).play(monitor)
            rows.append(name | row)
            details.append(name | detail)
    return Outcome(rows, details)


class NattedPopulation(Population):
    """A population of which a part, in per cent, lives behind NATs."""

    def __init__(self, scenario: Scenario, size: int, share: int, monitor: Monitor) -> None:
        super().__init__(scenario, size, monitor)
        settings = scenario.nat or NatSettings()
        self._records = scenario.records or RecordSettings()
        drawing = random.Random(f"nat {scenario.seed}")
        # Others join through the first members.
        behind = sample(BOOTSTRAPS, size, size * share // 100, drawing)
        kinds = settings.kinds(len(behind))
        self._nats = {
            1 + place: Nat(kind, settings.lifetime)
            for place, kind in zip(behind, kinds, strict=False)
        }
        self._at: dict[str, Nat] = {}

    def add(self, parts: NodeParts | None = None, **settings: Any) -> Member:
        """One more member, behind a NAT if it should be."""
        member = super().add(parts, **settings)
        nat = self._nats.get(member.number)
        if nat is not None:
            self.network.put_behind(member.host, nat)
            self._at[member.host.addresses[0]] = nat
        return member

    def join(self, member: Member, through: Sequence[Member] = ()) -> Deferred[Any]:
        """Let a member join through members without a NAT."""
        others = [
            each
            for each in through or self.members
            if each is not member and each.number not in self._nats
        ]
        return super().join(member, others) if others else succeed(None)

    # --- Looking -----------------------------------------------------------------------------

    def lets_in(self, endpoint: Endpoint, source: tuple[str, int]) -> bool:
        """Whether a datagram from ``source`` to this endpoint would reach a member now."""
        nat = self._at.get(endpoint.host)
        if nat is not None:
            return nat.enters(source, endpoint, self.clock.seconds()) is not None
        return endpoint.host in self.network

    def outside(self, member: Member) -> Endpoint | None:
        """The endpoint at which others see a member, as far as it was told."""
        told = link_of(member.node).told
        return told if member.number in self._nats else member.contact.endpoint

    def _reachable(self) -> list[Member]:
        """The members that anybody can reach."""
        found: list[Member] = []
        for member in self.members:
            at = self.outside(member)
            if at is not None and self.lets_in(at, STRANGER):
                found.append(member)
        return found

    def _seen(self, member: Member) -> Endpoint:
        """The source that others see of a member's own datagrams."""
        return self.outside(member) or member.contact.endpoint

    def play(self, monitor: Monitor) -> tuple[dict[str, Any], dict[str, Any]]:
        """Join, wait, put values and read them, then look at tables."""
        self.grow()
        values = StoredValues(self, made_values(self._records.count))
        unstored = values.put(monitor, self._records, self.draw)
        monitor.phase("letting time pass", int(self._records.age))
        self.advance(self._records.age)
        scenario = self.scenario
        monitor.phase(f"reading, {len(self._nats)} behind NATs", scenario.operations)
        reads = values.read(scenario.operations, scenario.rate, self.draw)
        reachable = self._reachable()
        natted = [each for each in reachable if each.number in self._nats]
        row = {
            "reachable_percent": percent(len(reachable), len(self.members)),
            "natted_reachable_percent": percent(len(natted), len(self._nats)),
            "unstored": unstored,
            **reads.row(),
            "rpcs_mean": mean(reads.rpcs),
            **self._tables(),
        }
        return row, reads.detail()

    def _tables(self) -> dict[str, Any]:
        """What all tables hold: verified and tentative contacts, and the parts of the verified ones
        that could not be reached now by their owner, and by anybody who is told of them."""
        verified = tentative = unreached = useless = 0
        for member in self.members:
            own = self._seen(member)
            for view in member.table.buckets():
                for entry in view.entries:
                    if entry.tentative:
                        tentative += 1
                        continue
                    verified += 1
                    unreached += not self.lets_in(entry.contact.endpoint, own)
                    useless += not self.lets_in(entry.contact.endpoint, STRANGER)
        return {
            "contacts_mean": mean([verified / len(self.members)]),
            "tentative_mean": mean([tentative / len(self.members)]),
            "unreached_percent": percent(unreached, verified),
            "useless_percent": percent(useless, verified),
        }
