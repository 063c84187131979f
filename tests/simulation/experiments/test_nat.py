"""Members behind NATs are in no table that could not reach them."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.models.nat import NatSettings
from tests.simulation.small import NAT


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
                run(wrong)
            self.assertIn(f"{key}: ", str(raised.exception))

    def test_who_cannot_be_reached_is_in_no_table(self) -> None:
        none, half = run(NAT).rows
        self.assertEqual((none["reachable_percent"], none["natted_reachable_percent"]), (100, None))
        self.assertEqual(half["reachable_percent"], 50 + half["natted_reachable_percent"] / 2)
        self.assertLess(half["contacts_mean"], none["contacts_mean"])
        for row in (none, half):
            self.assertEqual(row["read_percent"], 100)
            self.assertLess(row["unreached_percent"], 10)
            self.assertEqual(row["unstored"], 0)
