"""The experiments there are, by name.

An experiment is a function of a scenario (and a watch, which it only talks to) that returns its
outcome.  A new one is a file of its own and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.experiments.churning import churning
from kadtwisted.simulation.experiments.crash import crash
from kadtwisted.simulation.experiments.eclipse import eclipse
from kadtwisted.simulation.experiments.hops import hops
from kadtwisted.simulation.experiments.natting import natting
from kadtwisted.simulation.experiments.partition import partition
from kadtwisted.simulation.experiments.sybil import sybil
from kadtwisted.simulation.experiments.waiting import latency
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.watch import Watch

Experiment = Callable[[Scenario, Watch], Outcome]

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "hops": hops,
        "latency": latency,
        "churn": churning,
        "crash": crash,
        "partition": partition,
        "sybil": sybil,
        "eclipse": eclipse,
        "nat": natting,
    }
)

AT_TABLE_LEVEL = ("hops",)
"""The experiments that can do without whole nodes."""


def run(scenario: Scenario, watch: Watch) -> Outcome:
    """Run what a scenario names.

    :class:`~kadtwisted.errors.ConfigurationProblems` if there is no such experiment, or
    not at this level.
    """
    experiment = EXPERIMENTS.get(scenario.experiment)
    if experiment is None:
        known = ", ".join(EXPERIMENTS)
        raise ConfigurationProblems(
            [f"experiment: there is no {scenario.experiment!r}; choose one of {known}"]
        )
    if scenario.level == "table" and scenario.experiment not in AT_TABLE_LEVEL:
        raise ConfigurationProblems([f"level: {scenario.experiment} needs whole nodes: stack"])
    return experiment(scenario, watch)
