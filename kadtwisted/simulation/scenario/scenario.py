"""A scenario: all settings of an experiment, so that the same scenario gives the same result.

Scenarios are written as TOML.  Settings that belong together are a sub-table; ``parameters`` and
``timeouts`` are those of a node.  Nothing here runs an experiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kadtwisted.constants import DAY
from kadtwisted.errors import ConfigurationProblems
from kadtwisted.model.settings.fields import setting
from kadtwisted.model.settings.value_kinds import (
    Choice,
    Duration,
    Number,
    Text,
    WholeNumber,
    YesOrNo,
)
from kadtwisted.parameters import Parameters, Timeouts
from kadtwisted.settings.kinds import Several
from kadtwisted.simulation.models.churn import ChurnSettings
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
"""MAGIC: more tables than fit into a machine's memory, so a larger number is a slip of the pen."""

PRIVATE = (b"a network in simulation",)
"""The secret of a simulated private network."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What the network does to datagrams besides delaying them, as parts of all datagrams."""

    loss: float = setting(
        0.0, Number(0, 1), "The share of all datagrams that is lost, from 0 to 1."
    )
    duplicate: float = setting(0.0, Number(0, 1), "The share that arrives twice.")
    reorder: float = setting(
        0.0,
        Number(0, 1),
        "The share that takes up to three times as long, so that others overtake it.",
    )


@dataclass(frozen=True, slots=True)
class Scenario:
    """One experiment with everything it depends on."""

    name: str = setting("", Text("a text"), "The name of the scenario.")
    about: str = setting("", Text("a text"), "One sentence on what the scenario shows.")
    experiment: str = setting(
        "hops", Text("an experiment's name"), "The experiment: what is done and measured."
    )
    level: str = setting(
        "stack",
        Choice(LEVELS),
        "stack: whole nodes. table: only routing tables and lookups, without a network.",
    )
    nodes: tuple[int, ...] = setting(
        (1000,),
        Several(WholeNumber(2, MOST_NODES)),
        "Number of nodes. Several numbers are run one after the other.",
    )
    seed: int = setting(
        1, WholeNumber(0, 2**63 - 1), "The seed. All random choices follow from it."
    )
    operations: int = setting(
        500,
        WholeNumber(1, 10_000_000),
        "Number of lookups, or of what else is measured, in each case.",
    )
    rate: float = setting(
        20.0,
        Number(0.001, 1e6),
        "How many of them begin in one simulated second, at all nodes together.",
    )
    duration: float = setting(
        0.0, Duration(0.0, 365 * DAY), "Simulated time before the measurement begins."
    )
    start: str = setting(
        "stocked",
        Choice(STARTS),
        "stocked: the routing tables are filled as after a long time. joined: each node joins the "
        "network.",
    )
    upkeep: bool = setting(
        True, YesOrNo(), "Whether nodes care for their contacts and records, as real nodes do."
    )
    sealer: str = setting("plain", Choice(("plain", "box")), "How datagrams are sealed.")
    secret: bool = setting(
        True,
        YesOrNo(),
        "Whether the network has a secret. Then a lookup has one path, and a routing table takes "
        "any number of contacts from one address.",
    )
    dead: tuple[int, ...] = setting(
        (0, 10, 30),
        Several(WholeNumber(0, 90)),
        "Nodes that have just crashed, in per cent of all, in experiments about crashes.",
    )
    shares: tuple[int, ...] = setting(
        (10, 20, 30),
        Several(WholeNumber(0, 90)),
        "Attackers, or nodes behind NATs, in per cent of all.",
    )
    paths: tuple[int, ...] = setting(
        (1, 4),
        Several(WholeNumber(1, 16)),
        "Number of disjoint paths of a search, in experiments that compare them.",
    )
    latency: LatencySettings = field(default_factory=LatencySettings)
    faults: Faults = field(default_factory=Faults)
    parameters: Parameters = field(default_factory=Parameters)
    timeouts: Timeouts = field(default_factory=Timeouts)
    records: RecordSettings | None = None
    churn: ChurnSettings | None = None
    partition: PartitionSettings | None = None
    attack: AttackSettings | None = None
    hoard: HoardSettings | None = None
    nat: NatSettings | None = None

    def node_settings(self, **changes: Any) -> dict[str, Any]:
        """The settings of a node of this scenario, as arguments of
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
        "churn": ChurnSettings,
        "partition": PartitionSettings,
        "attack": AttackSettings,
        "hoard": HoardSettings,
        "nat": NatSettings,
    }
)
"""The sub-tables of a scenario, by the names of its fields."""


def read_scenario(document: Mapping[str, Any], base: Path, changes: Changes) -> Scenario:
    """The scenario of a TOML document, with ``changes`` (texts by key) on top.

    Relative paths in it start at ``base``.  Raises
    :class:`~kadtwisted.errors.ConfigurationProblems` with everything that is wrong.
    """
    scenario: Scenario = read_table(Scenario, TABLES, document, base, changes)
    wrong = list(contradictions(scenario))
    if wrong:
        raise ConfigurationProblems(wrong)
    return scenario


def contradictions(scenario: Scenario) -> list[str]:
    """A sentence for each pair of settings that contradict each other."""
    wrong: list[str] = []
    if scenario.level == "table" and scenario.start == "joined":
        wrong.append("start: tables alone cannot join; choose stocked, or the level stack")
    if scenario.latency.model == "measured" and scenario.latency.file is None:
        wrong.append("latency.file: the model measured needs a file")
    timeouts = scenario.timeouts
    if timeouts.floor > timeouts.ceiling:
        wrong.append("timeouts.floor: must not be above timeouts.ceiling")
    return wrong
