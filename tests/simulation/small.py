"""Tiny scenarios of the experiments on bad days, which take a second each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kadtwisted.constants import MINUTE
from kadtwisted.parameters import Parameters
from kadtwisted.simulation.models.churn import ChurnSettings
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import (
    AttackSettings,
    HoardSettings,
    PartitionSettings,
    RecordSettings,
)
from kadtwisted.simulation.scenario.scenario import Scenario

SMALL = Parameters(k=4, alpha=3)
FEW = RecordSettings(count=8, age=MINUTE)
CHURN = Scenario(
    experiment="churn",
    nodes=(16,),
    operations=48,
    rate=5,
    parameters=SMALL,
    records=FEW,
    churn=ChurnSettings(sessions=(5 * MINUTE,), lasts=(6 * MINUTE,)),
)
CRASH = Scenario(
    experiment="crash",
    nodes=(24,),
    operations=20,
    dead=(0, 50),
    parameters=replace(SMALL, replication_period=10 * MINUTE),
    records=FEW,
)
PARTITION = Scenario(
    experiment="partition",
    nodes=(16,),
    parameters=replace(SMALL, replication_period=10 * MINUTE),
    partition=PartitionSettings(lasts=10 * MINUTE, keys=2, watched=20 * MINUTE),
)
SYBIL = Scenario(
    experiment="sybil",
    nodes=(80,),
    operations=60,
    secret=False,
    upkeep=False,
    shares=(40,),
    parameters=SMALL,
    records=FEW,
    attack=AttackSettings(),
)
FEWER_LIARS = replace(SYBIL, nodes=(30,), operations=12)
ECLIPSE = Scenario(
    experiment="eclipse",
    nodes=(60,),
    operations=10,
    secret=False,
    upkeep=False,
    parameters=SMALL,
    hoard=HoardSettings(ids=60, near=1, every=30.0, lasts=3 * MINUTE),
)
NAT = Scenario(
    experiment="nat",
    nodes=(16,),
    operations=20,
    duration=4 * MINUTE,
    start="joined",
    shares=(0, 50),
    parameters=SMALL,
    records=FEW,
)


def only(outcome: Outcome) -> tuple[Any, Any]:
    """The one row, and its detail."""
    ((row,), (detail,)) = outcome.rows, outcome.details
    return row, detail
