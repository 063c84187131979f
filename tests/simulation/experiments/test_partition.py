"""A network that is cut in two becomes one again."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import MINUTE
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.scenario.experiment_settings import (
    PartitionSettings,
)
from tests.simulation.small import PARTITION, only


class PartitionTests(SynchronousTestCase):
    def test_if_nobody_waits_they_do_not_agree(self) -> None:
        hasty = PartitionSettings(lasts=10 * MINUTE, keys=2, watched=1.0)
        row, _ = only(run(replace(PARTITION, partition=hasty)))
        self.assertIsNone(row["agreed_minutes"])
