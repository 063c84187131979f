"""A part of all members lies: what honest ones still read."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.experiments.sybil import AT_ONCE, Infested
from kadtwisted.simulation.monitor import NullMonitor
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

    def test_no_forgery_is_believed(self) -> None:
        forging = AttackSettings(conduct="forge")
        wide = replace(SMALL, k=8)  # more than half of the nearest must not be liars
        few = replace(SYBIL, attack=forging, paths=(4,), shares=(20,), parameters=wide)
        row, _ = only(run(few))
        self.assertEqual(row["forged_accepted"], 0)
        self.assertGreater(row["read_percent"], 50)

    def test_liars_in_a_hurry_cost_time_and_requests_but_hardly_a_read(self) -> None:
        asked = replace(SYBIL, shares=(20,), paths=(4,), parameters=replace(SMALL, k=8))
        lie, _ = only(run(asked))
        hurry, detail = only(run(replace(asked, attack=AttackSettings(conduct="hurry"))))
        self.assertEqual((hurry["conduct"], hurry["forged_accepted"]), ("hurry", 0))
        self.assertGreater(hurry["read_percent"], 90, detail["failed"])
        self.assertGreater(hurry["rpcs_mean"], lie["rpcs_mean"])

    def test_those_in_a_hurry_answer_first(self) -> None:
        attack = AttackSettings(conduct="hurry", dead=0)
        scenario = replace(SYBIL, nodes=(30,), attack=attack)
        infested = Infested(scenario, 30, 40, NullMonitor())
        infested.grow()
        (one, two), liars = infested.honest[:2], infested.members
        liar = next(each for each in liars if each.node.node_id in infested.colluders)
        trips = [
            infested.latency.rtt(one.host.addresses[0], each.host.addresses[0])
            for each in (liar, two)
        ]
        self.assertEqual(trips[0], AT_ONCE)
        self.assertGreater(trips[1], AT_ONCE)

    def test_liars_keep_no_copies(self) -> None:
        outcome = run(replace(SYBIL, shares=(0, 40), paths=(4,)))
        none, some = outcome.rows
        self.assertEqual((none["read_percent"], none["table_share_percent"]), (100, 0))
        self.assertLess(some["honest_copies_mean"], none["honest_copies_mean"])
