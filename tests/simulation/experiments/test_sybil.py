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
    def test_no_forgery_is_believed(self) -> None:
        forging = AttackSettings(conduct="forge")
        wide = replace(SMALL, k=8)  # more than half of the nearest must not be liars
        few = replace(SYBIL, attack=forging, paths=(4,), shares=(20,), parameters=wide)
        row, _ = only(run(few))
        self.assertEqual(row["forged_accepted"], 0)
        self.assertGreater(row["read_percent"], 50)

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
