"""Many IDs at few addresses get few places in a table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.experiments.registry import run
from tests.simulation.small import ECLIPSE


class EclipseTests(SynchronousTestCase):
    def test_few_addresses_get_few_places(self) -> None:
        outcome = run(ECLIPSE)
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
