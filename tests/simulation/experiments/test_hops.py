"""How far lookups go: of whole nodes, and of tables alone."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.scenario.scenario import Scenario


class HopsTests(SynchronousTestCase):
    def test_lookups_that_fail_are_counted(self) -> None:
        # All datagrams are lost: each lookup ends without a node, and none is exact.
        scenario = Scenario(nodes=(20,), operations=3, upkeep=False)
        deaf = replace(scenario, faults=replace(scenario.faults, loss=1.0))
        (row,) = run(deaf).rows
        self.assertEqual((row["exact_percent"], row["hops_mean"]), (0, 0))
