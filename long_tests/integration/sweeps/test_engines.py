"""Runs in processes of their own: one that fails again and again."""

from __future__ import annotations

from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.simulation.sweeps.work import Answer, attempt
from tests.integration.sweeps.test_engines import SweptTestCase


def fails(scenario: Scenario, program: str) -> Answer:
    """Something that even an attempt does not expect."""
    if scenario.parameters.k == 5:
        raise SystemExit("never mind")
    return attempt(scenario, program)


class ProcessesTests(SweptTestCase):
    def test_one_fails_again_and_again(self) -> None:
        harvest, _ = self.with_work(fails)
        self.assertEqual(sorted(harvest.documents), [0, 2])
        self.assertEqual(harvest.troubles, dict.fromkeys([1, 3], "SystemExit: never mind"))
