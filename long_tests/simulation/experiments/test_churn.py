"""Members come and go: who keeps values, and that a seed decides it all."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.constants import MINUTE
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.scenario.experiment_settings import (
    RecordSettings,
)
from tests.simulation.small import CHURN, only


class ChurnTests(SynchronousTestCase):
    def test_publishers_who_stay_keep_their_values(self) -> None:
        kept = RecordSettings(count=8, lifetime=2 * MINUTE, kept=True, publishers=2, age=0.0)
        for records, alive in ((kept, True), (replace(kept, kept=False), False)):
            row, _ = only(run(replace(CHURN, records=records)))
            self.assertEqual(row["lost"] == 0, alive)

    def test_another_seed_is_another_day(self) -> None:
        one, other = (only(run(replace(CHURN, seed=seed))) for seed in (1, 2))
        self.assertNotEqual(one[0]["seconds_mean"], other[0]["seconds_mean"])
        self.assertNotEqual(one[1]["course"], other[1]["course"])
