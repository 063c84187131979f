"""Documents of outcomes, as JSON and as CSV."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.simulation.results.results import Outcome, document, to_csv, to_json
from kadtwisted.simulation.scenario.scenario import Scenario


class DocumentTests(SynchronousTestCase):
    outcome = Outcome([{"nodes": 3, "rule": "ours", "x": None}], [{"nodes": 3}], ["mind this"])

    def test_a_document_says_all_and_nothing_of_this_machine(self) -> None:
        found = document(Scenario(upkeep=False), self.outcome)
        self.assertEqual(found["scenario"]["seed"], 1)
        self.assertEqual(found["rows"], [{"nodes": 3, "rule": "ours", "x": None}])
        self.assertEqual(len(found["notes"]), 2)
        self.assertIn('"upkeep": false', found["notes"][0])
        self.assertNotIn("machine", found)
        self.assertEqual(document(Scenario(), self.outcome, {"x": 1})["machine"], {"x": 1})

    def test_a_table_says_so_loudly(self) -> None:
        found = document(Scenario(level="table"), self.outcome)
        self.assertEqual((found["level"], found["upkeep"]), ("table", False))
        self.assertIn('"level": "table"', found["notes"][0])

    def test_texts(self) -> None:
        found = document(Scenario(), self.outcome)
        self.assertEqual(to_csv(found), "nodes,rule,x\n3,ours,\n")
        again = json.loads(to_json(found))
        self.assertEqual(again, found)
        self.assertEqual(to_csv(again), to_csv(found))  # the columns are still in order
        self.assertEqual(to_csv({"rows": []}), "\n")
