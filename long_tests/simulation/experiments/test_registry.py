"""A seed gives the same bytes whatever Python hashes by: members that come and go, NATs, liars."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.experiments.test_registry import printed

LOOKUPS = """
import sys
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.results.results import document, to_json
from kadtwisted.simulation.scenario.scenario import Scenario
for name in ("hops", "latency"):
    scenario = Scenario(experiment=name, nodes=(25,), operations=6, dead=(20,))
    sys.stdout.write(to_json(document(scenario, run(scenario))))
"""
BAD_DAYS = """
import sys
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.results.results import document, to_json
from tests.simulation.small import CHURN, FEWER_LIARS, NAT
for scenario in (CHURN, NAT, FEWER_LIARS):
    sys.stdout.write(to_json(document(scenario, run(scenario))))
"""


class RunTests(SynchronousTestCase):
    def test_lookups_give_the_same_bytes_whatever_the_hash_seed(self) -> None:
        one, other = printed(LOOKUPS)
        self.assertGreater(len(one), 1500)
        self.assertEqual(one, other)

    def test_bad_days_give_the_same_bytes_whatever_the_hash_seed(self) -> None:
        one, other = printed(BAD_DAYS)
        self.assertGreater(len(one), 10_000)
        self.assertEqual(one, other)
