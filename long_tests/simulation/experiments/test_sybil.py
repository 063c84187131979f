"""A part of all members lies: what honest ones still read, and what it costs them."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.scenario.experiment_settings import (
    AttackSettings,
)
from tests.simulation.small import SMALL, SYBIL, only


class SybilTests(SynchronousTestCase):
    def test_paths_help_against_liars(self) -> None:
        one, four = run(SYBIL).rows
        self.assertEqual((one["paths"], four["paths"]), (1, 4))
        self.assertEqual((one["forged_accepted"], four["forged_accepted"]), (0, 0))
        self.assertGreater(four["read_percent"], one["read_percent"])
        self.assertGreater(four["rpcs_mean"], one["rpcs_mean"])
        for row in (one, four):
            self.assertEqual(row["liars_percent"], 40)
            self.assertTrue(30 < row["table_share_percent"] < 50)

    def test_liars_in_a_hurry_cost_time_and_requests_but_hardly_a_read(self) -> None:
        asked = replace(SYBIL, shares=(20,), paths=(4,), parameters=replace(SMALL, k=8))
        lie, _ = only(run(asked))
        hurry, detail = only(run(replace(asked, attack=AttackSettings(conduct="hurry"))))
        self.assertEqual((hurry["conduct"], hurry["forged_accepted"]), ("hurry", 0))
        self.assertGreater(hurry["read_percent"], 90, detail["failed"])
        self.assertGreater(hurry["rpcs_mean"], lie["rpcs_mean"])

    def test_liars_keep_no_copies(self) -> None:
        outcome = run(replace(SYBIL, shares=(0, 40), paths=(4,)))
        none, some = outcome.rows
        self.assertEqual((none["read_percent"], none["table_share_percent"]), (100, 0))
        self.assertLess(some["honest_copies_mean"], none["honest_copies_mean"])
