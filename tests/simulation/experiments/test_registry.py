"""What can be run, and that a seed gives the same bytes whatever Python hashes by."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.scenario.scenario import Scenario

FEW_LOOKUPS = """
import sys
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.results.results import document, to_json
from kadtwisted.simulation.scenario.scenario import Scenario
scenario = Scenario(nodes=(12,), operations=3)
sys.stdout.write(to_json(document(scenario, run(scenario))))
"""


def printed(program: str) -> list[bytes]:
    """What a program prints under two hash seeds."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    return [each.communicate()[0] for each in running]


class RunTests(SynchronousTestCase):
    def test_what_cannot_be_run_is_refused(self) -> None:
        for scenario in (
            Scenario(experiment="hopps"),
            Scenario(experiment="latency", level="table"),
        ):
            self.assertRaises(ConfigurationProblems, run, scenario)

    def test_few_lookups_give_the_same_bytes_whatever_the_hash_seed(self) -> None:
        one, other = printed(FEW_LOOKUPS)
        self.assertGreater(len(one), 1000)
        self.assertEqual(one, other)
