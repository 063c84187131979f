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

    def test_who_cannot_be_reached_is_in_no_table(self) -> None:
        none, half = run(NAT).rows
        self.assertEqual((none["reachable_percent"], none["natted_reachable_percent"]), (100, None))
        self.assertEqual(half["reachable_percent"], 50 + half["natted_reachable_percent"] / 2)
        self.assertLess(half["contacts_mean"], none["contacts_mean"])
        for row in (none, half):
            self.assertEqual(row["read_percent"], 100)
            self.assertEqual((row["unreached_percent"], row["useless_percent"]), (0, 0))
            self.assertEqual((row["unstored"], row["complete_percent"]), (0, 100))
            self.assertEqual((row["serving_in_vain"], row["hidden_holders_mean"]), (0, 0))

    def test_what_it_costs_if_nobody_measures(self) -> None:
        changed = replace(NAT, shares=(50,), nat=NatSettings(reachability=("measure", "assume")))
        _, assumed = run(changed).rows
        self.assertEqual(assumed["reachability"], "assume")
        self.assertGreater(assumed["serving_in_vain"], 0)
        self.assertGreater(assumed["hidden_holders_mean"], 1)

    def test_a_relay_lets_everybody_serve_and_those_without_a_nat_pay(self) -> None:
        changed = replace(NAT, shares=(50,), nat=NatSettings(reachability=("assume", "relay")))
        assumed, relayed = run(changed).rows
        self.assertEqual([row["reachability"] for row in (assumed, relayed)], ["assume", "relay"])
        self.assertLess(assumed["reachable_percent"], 80)
        self.assertEqual(relayed["reachable_percent"], 100)
        self.assertEqual((relayed["useless_percent"], relayed["hidden_holders_mean"]), (0, 0))
        self.assertEqual(assumed["lifelines_mean"], assumed["holders_mean"])
        self.assertLess(relayed["lifelines_mean"], relayed["holders_mean"])
        self.assertGreater(relayed["contacts_mean"], assumed["contacts_mean"])
        self.assertGreater(relayed["public_sent"], 2 * relayed["natted_sent"])

    def test_traffic_of_both_sides_is_told(self) -> None:
        row, detail = only(run(replace(NAT, shares=(50,))))
        for side in ("public", "natted"):
            self.assertGreater(row[f"{side}_sent_bytes"], row[f"{side}_sent"])
            self.assertGreater(detail[f"reading_{side}_sent"], row[f"{side}_sent"])
            self.assertEqual(detail[f"{side}_read_percent"], 100)
