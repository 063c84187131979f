"""Members behind NATs: who is in no table, and what a relay costs."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from kadtwisted.simulation.models.nat import NatSettings
from tests.simulation.small import NAT


class NatTests(SynchronousTestCase):
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
