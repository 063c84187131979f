"""A scenario: all that an experiment is told, so that the same scenario gives the same result.

Scenarios are written as TOML.  What belongs together is a sub-table; ``parameters`` and
``timeouts`` are those of a node.  Nothing here runs anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.model.fields import setting
from kadtwisted.model.value_kinds import Choice, Duration, Number, Text, WholeNumber, YesOrNo
from kadtwisted.parameters import DAY, Parameters, Timeouts
from kadtwisted.settings.kinds import Several
from kadtwisted.simulation.models.churn import Churn
from kadtwisted.simulation.models.latency import LatencySettings
from kadtwisted.simulation.models.nat import NatSettings
from kadtwisted.simulation.scenario.experiment_settings import (
    AttackSettings,
    HoardSettings,
    PartitionSettings,
    RecordSettings,
)
from kadtwisted.simulation.scenario.settings import Changes, read_table

LEVELS = ("stack", "table")
STARTS = ("stocked", "joined")
MOST_NODES = 1_000_000
"""MAGIC: more bare tables than a machine's memory holds; whatever is above is a slip of the pen."""

PRIVATE = (b"a network in simulation",)
"""The secret of a simulated private network."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What the network does to datagrams besides delaying them."""

    loss: float = setting(0.0, Number(0, 1), "The part of all datagrams that gets lost.")
    duplicate: float = setting(0.0, Number(0, 1), "The part that arrives twice.")
    reorder: float = setting(
        0.0, Number(0, 1), "The part that takes up to three times as long, and so is overtaken."
    )


@dataclass(frozen=True, slots=True)
class Scenario:
    """One experiment with everything it depends on."""

    name: str = setting("", Text("a text"), "What people call it.")
    about: str = setting("", Text("a text"), "One sentence on what it shows.")
    experiment: str = setting("hops", Text("an experiment's name"), "What is done and measured.")
    level: str = setting(
        "stack", Choice(LEVELS), "stack: whole nodes; table: tables and lookups alone, no network."
    )
    nodes: tuple[int, ...] = setting(
        (1000,),
        Several(WholeNumber(2, MOST_NODES)),
        "How many nodes; several sizes are run one after the other.",
    )
    seed: int = setting(1, WholeNumber(0, 2**63 - 1), "Everything that is drawn comes from it.")
    operations: int = setting(
        500, WholeNumber(1, 10_000_000), "Lookups, or whatever is measured, in each case."
    )
    rate: float = setting(
        20.0, Number(0.001, 1e6), "How many of them begin in a simulated second, over all nodes."
    )
    duration: float = setting(
        0.0, Duration(0.0, 365 * DAY), "Simulated time before the measurement begins."
    )
    start: str = setting(
        "stocked",
        Choice(STARTS),
        "stocked: tables as after a long life; joined: every node really joins.",
    )
    upkeep: bool = setting(
        True, YesOrNo(), "Whether nodes look after their contacts and records, as in production."
    )
    sealer: str = setting("plain", Choice(("plain", "box")), "How datagrams are sealed.")
    secret: bool = setting(
        True,
        YesOrNo(),
        "Whether the network has a secret: then lookups have one path, tables any address.",
    )
    dead: tuple[int, ...] = setting(
        (0, 10, 30),
        Several(WholeNumber(0, 90)),
        "Nodes that have just crashed, in per cent, where that matters.",
    )
    shares: tuple[int, ...] = setting(
        (10, 20, 30),
        Several(WholeNumber(0, 90)),
        "Attackers, or nodes behind NATs, in per cent of all.",
    )
    paths: tuple[int, ...] = setting(
        (1, 4),
        Several(WholeNumber(1, 16)),
        "Disjoint paths of a search, where several are compared.",
    )
    latency: LatencySettings = field(default_factory=LatencySettings)
    faults: Faults = field(default_factory=Faults)
    parameters: Parameters = field(default_factory=Parameters)
    timeouts: Timeouts = field(default_factory=Timeouts)
    records: RecordSettings | None = None
    churn: Churn | None = None
    partition: PartitionSettings | None = None
    attack: AttackSettings | None = None
    hoard: HoardSettings | None = None
    nat: NatSettings | None = None

    def node_settings(self, **changes: Any) -> dict[str, Any]:
        """What a node of this scenario is told, as arguments of
        :class:`~kadtwisted.parameters.NodeSettings`."""
        return {
            "network": "simulation",
            "sealer": self.sealer,
            "network_secrets": PRIVATE if self.secret else (),
            "parameters": self.parameters,
            "timeouts": self.timeouts,
            **changes,
        }


TABLES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "latency": LatencySettings,
        "faults": Faults,
        "parameters": Parameters,
        "timeouts": Timeouts,
        "records": RecordSettings,
        "churn": Churn,
        "partition": PartitionSettings,
        "attack": AttackSettings,
        "hoard": HoardSettings,
        "nat": NatSettings,
    }
)
"""The sub-tables of a scenario, by the names of its fields."""


def read_scenario(document: Mapping[str, Any], base: Path, changes: Changes) -> Scenario:
    """The scenario that a TOML document tells, with ``changes`` (texts by key) on top.

    Relative paths in it start at ``base``.  Raises
    :class:`~kadtwisted.errors.ConfigurationProblems` with everything that is wrong.
    """
    scenario: Scenario = read_table(Scenario, TABLES, document, base, changes)
    wrong = list(contradictions(scenario))
    if wrong:
        raise ConfigurationProblems(wrong)
    return scenario


def contradictions(scenario: Scenario) -> list[str]:
    """What does not go together in a scenario, a sentence each."""
    wrong: list[str] = []
    if scenario.level == "table" and scenario.start == "joined":
        wrong.append("start: tables alone cannot join; choose stocked, or the level stack")
    if scenario.latency.model == "measured" and scenario.latency.file is None:
        wrong.append("latency.file: the model measured needs a file")
    timeouts = scenario.timeouts
    if timeouts.floor > timeouts.ceiling:
        wrong.append("timeouts.floor: must not be above timeouts.ceiling")
    return wrong
