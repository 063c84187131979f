"""All experiments, by name.

An experiment is a function of a scenario and a monitor, which it tells of its progress; it returns
its outcome.  A new experiment is a file of its own and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.experiments.churn import churn
from kadtwisted.simulation.experiments.crash import crash
from kadtwisted.simulation.experiments.eclipse import eclipse
from kadtwisted.simulation.experiments.hops import hops
from kadtwisted.simulation.experiments.latency import latency
from kadtwisted.simulation.experiments.nat import nat
from kadtwisted.simulation.experiments.partition import partition
from kadtwisted.simulation.experiments.sybil import sybil
from kadtwisted.simulation.experiments.waiting import waiting
from kadtwisted.simulation.garbage import collecting_seldom
from kadtwisted.simulation.monitor import Monitor, NullMonitor
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.scenario import Scenario

Experiment = Callable[[Scenario, Monitor], Outcome]

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "hops": hops,
        "latency": latency,
        "waiting": waiting,
        "churn": churn,
        "crash": crash,
        "partition": partition,
        "sybil": sybil,
        "eclipse": eclipse,
        "nat": nat,
    }
)

AT_TABLE_LEVEL = ("hops",)
"""The experiments that need no whole nodes."""


def experiment_of(scenario: Scenario) -> Experiment:
    """The experiment that a scenario names.

    :class:`~kadtwisted.errors.ConfigurationProblems` if there is no such experiment at this level.
    """
    experiment = EXPERIMENTS.get(scenario.experiment)
    if experiment is None:
        known = ", ".join(EXPERIMENTS)
        raise ConfigurationProblems(
            [f"experiment: there is no {scenario.experiment!r}; choose one of {known}"]
        )
    if scenario.level == "table" and scenario.experiment not in AT_TABLE_LEVEL:
        raise ConfigurationProblems([f"level: {scenario.experiment} needs whole nodes: stack"])
    return experiment


def run(scenario: Scenario, monitor: Monitor | None = None) -> Outcome:
    """Run the experiment that a scenario names, and tell ``monitor`` of its progress; errors as of
    :func:`experiment_of`."""
    experiment = experiment_of(scenario)
    with collecting_seldom(monitor or NullMonitor()) as told:
        return experiment(scenario, told)
