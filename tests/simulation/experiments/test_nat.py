"""Members behind NATs are in no table that could not reach them."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.errors import ConfigurationProblems
from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.models.nat import NatSettings
from tests.simulation.small import NAT, only


class NatTests(SynchronousTestCase):
    def test_what_makes_no_sense_is_refused(self) -> None:
        nobody = NatSettings(
            full_cone=0.0, address_restricted=0.0, port_restricted=0.0, symmetric=0.0
        )
        for wrong, key in (
            (replace(NAT, start="stocked"), "start"),
            (replace(NAT, nat=nobody), "nat"),
        ):
            with self.assertRaises(ConfigurationProblems) as raised:
                run(wrong)
            self.assertIn(f"{key}: ", str(raised.exception))

    def test_traffic_of_both_sides_is_told(self) -> None:
        row, detail = only(run(replace(NAT, shares=(50,))))
        for side in ("public", "natted"):
            self.assertGreater(row[f"{side}_sent_bytes"], row[f"{side}_sent"])
            self.assertGreater(detail[f"reading_{side}_sent"], row[f"{side}_sent"])
            self.assertEqual(detail[f"{side}_read_percent"], 100)
