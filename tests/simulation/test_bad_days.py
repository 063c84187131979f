"""The experiments on bad days, tiny: what their figures say, and that a seed repeats them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.parameters import MINUTE, Parameters
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.models.churn import ChurnSettings
from kadtwisted.simulation.models.nat import NatSettings
from kadtwisted.simulation.results.results import Outcome
from kadtwisted.simulation.scenario.experiment_settings import (
    AttackSettings,
    HoardSettings,
    PartitionSettings,
    RecordSettings,
)
from kadtwisted.simulation.scenario.scenario import Scenario
from tests.simulation.monitoring import RecordingMonitor

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

PROGRAM = """
import sys
from kadtwisted.simulation.results.results import document, to_json
from tests.simulation.test_bad_days import CHURN, NAT, SYBIL, played
for scenario in (CHURN, NAT, SYBIL):
    sys.stdout.write(to_json(document(scenario, played(scenario))))
"""


def played(scenario: Scenario) -> Outcome:
    return run(scenario)


def only(outcome: Outcome) -> tuple[Any, Any]:
    """The one row, and its detail."""
    ((row,), (detail,)) = outcome.rows, outcome.details
    return row, detail


class ChurnTests(SynchronousTestCase):
    def test_values_stay_though_members_go(self) -> None:
        monitor = RecordingMonitor()
        row, detail = only(run(CHURN, monitor))
        self.assertEqual((row["nodes"], row["session_minutes"], row["hours"]), (16, 5, 0.1))
        self.assertGreater(row["left"], 5)
        self.assertGreater(row["reads"], 40)
        self.assertGreaterEqual(row["read_percent"], 90)
        self.assertEqual((row["read_another"], row["unstored"]), (0, 0))
        self.assertTrue(1 < row["copies_mean"] <= 4)
        self.assertTrue(10 < row["bytes_per_node_second"] < 3000)
        course = detail["course"]
        self.assertEqual(len(course), 24)
        self.assertAlmostEqual(course[-1]["hour"], 0.1, places=2)
        self.assertEqual({each["nodes"] for each in course}, {16})
        self.assertEqual(course[-1]["lost"], row["lost"])
        self.assertGreaterEqual(monitor.steps, 48)

    def test_publishers_who_stay_keep_their_values(self) -> None:
        kept = RecordSettings(count=8, lifetime=2 * MINUTE, kept=True, publishers=2, age=0.0)
        for records, alive in ((kept, True), (replace(kept, kept=False), False)):
            row, _ = only(played(replace(CHURN, records=records)))
            self.assertEqual(row["lost"] == 0, alive)

    def test_another_seed_is_another_day(self) -> None:
        one, other = (only(played(replace(CHURN, seed=seed))) for seed in (1, 2))
        self.assertNotEqual(one[0]["seconds_mean"], other[0]["seconds_mean"])
        self.assertNotEqual(one[1]["course"], other[1]["course"])


class RepeatingTests(SynchronousTestCase):
    def test_again_it_is_the_same_to_the_byte_whatever_python_hashes_by(self) -> None:
        once, again = (
            subprocess.run(
                [sys.executable, "-c", PROGRAM],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        )
        self.assertEqual(once, again)
        self.assertGreater(len(once), 10_000)


class CrashTests(SynchronousTestCase):
    def test_of_nobody_and_of_half(self) -> None:
        outcome = played(CRASH)
        nobody, half = outcome.rows
        self.assertEqual([each["dead_percent"] for each in outcome.rows], [0, 50])
        self.assertEqual(nobody["lost"], 0)
        self.assertLessEqual(nobody["whole_minutes"], 0.1)
        self.assertGreaterEqual(nobody["left_least"], 4)
        self.assertLess(half["left_least"], nobody["left_least"])
        self.assertEqual(nobody["read_percent"], 100)
        course = outcome.details[1]["course"]
        self.assertLess(course[0]["copies_mean"], 4)
        self.assertGreater(course[-1]["copies_mean"], course[0]["copies_mean"])
        self.assertLessEqual(course[-1]["minute"], 11)

    def test_if_too_many_go_values_are_lost(self) -> None:
        settings = replace(CRASH, dead=(90,), parameters=replace(SMALL, k=1))
        row, detail = only(played(settings))
        self.assertGreater(row["lost"], 2)
        self.assertIsNone(row["whole_minutes"])
        self.assertEqual(detail["course"][-1]["lost"], row["lost"])
        self.assertLess(row["read_percent"], 100)
        self.assertEqual(row["reads"], 20)
        self.assertGreater(sum(detail["failed"].values()), 0)


class PartitionTests(SynchronousTestCase):
    def test_two_halves_become_one(self) -> None:
        row, detail = only(played(PARTITION))
        self.assertEqual((row["keys"], row["apart_minutes"]), (2, 10))
        self.assertTrue(0 < row["known_before_percent"] <= 100)
        self.assertIsNotNone(row["merged_minutes"])
        self.assertIsNotNone(row["agreed_minutes"])
        self.assertEqual((row["values_read_most"], row["reads_failed"]), (1, 0))
        first, last = detail["course"][0], detail["course"][-1]
        self.assertLess(first["agreeing"], 2, "they were apart, and wrote other values")
        self.assertEqual(last["agreeing"], 2)

    def test_if_nobody_waits_they_do_not_agree(self) -> None:
        hasty = PartitionSettings(lasts=10 * MINUTE, keys=2, watched=1.0)
        row, _ = only(played(replace(PARTITION, partition=hasty)))
        self.assertIsNone(row["agreed_minutes"])


class SybilTests(SynchronousTestCase):
    def test_paths_help_against_liars(self) -> None:
        one, four = played(SYBIL).rows
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
        row, _ = only(played(few))
        self.assertEqual(row["forged_accepted"], 0)
        self.assertGreater(row["read_percent"], 50)

    def test_liars_keep_no_copies(self) -> None:
        outcome = played(replace(SYBIL, shares=(0, 40), paths=(4,)))
        none, some = outcome.rows
        self.assertEqual((none["read_percent"], none["table_share_percent"]), (100, 0))
        self.assertLess(some["honest_copies_mean"], none["honest_copies_mean"])


class EclipseTests(SynchronousTestCase):
    def test_few_addresses_get_few_places(self) -> None:
        outcome = played(ECLIPSE)
        rows = {(each["place"], each["victim"]): each for each in outcome.rows}
        self.assertEqual(len(rows), 6)
        for start in ("stocked", "cold"):
            places = [rows[place, start]["hoarded"] for place in ("address", "block", "blocks")]
            self.assertLessEqual(places[0], places[1])
            self.assertLess(places[1], places[2])
        for (_, start), row in rows.items():
            self.assertEqual(row["displaced"], 0)
            self.assertEqual(row["honest_before"] > 0, start == "stocked")
            self.assertGreaterEqual(row["share_most_percent"], row["share_percent"])
        for detail in outcome.details:
            self.assertEqual(len(detail["course"]), 10)


class NatTests(SynchronousTestCase):
    def test_what_makes_no_sense_is_refused(self) -> None:
        nobody = NatSettings(
            full_cone=0.0, address_restricted=0.0, port_restricted=0.0, symmetric=0.0, lifetime=60.0
        )
        for wrong, key in (
            (replace(NAT, start="stocked"), "start"),
            (replace(NAT, nat=nobody), "nat"),
        ):
            with self.assertRaises(ConfigurationProblems) as raised:
                played(wrong)
            self.assertIn(f"{key}: ", str(raised.exception))

    def test_who_cannot_be_reached_is_in_no_table(self) -> None:
        none, half = played(NAT).rows
        self.assertEqual((none["reachable_percent"], none["natted_reachable_percent"]), (100, None))
        self.assertEqual(half["reachable_percent"], 50 + half["natted_reachable_percent"] / 2)
        self.assertLess(half["contacts_mean"], none["contacts_mean"])
        for row in (none, half):
            self.assertEqual(row["read_percent"], 100)
            self.assertLess(row["unreached_percent"], 10)
            self.assertEqual(row["unstored"], 0)
