"""``kad simulate sweep`` as a picture."""

from __future__ import annotations

from pathlib import Path

from tests.cli.verbs.test_sweeping import SweepingTestCase


class SweepTests(SweepingTestCase):
    def test_as_json_and_as_pictures(self) -> None:
        pictures = self.mktemp()
        self.assertEqual(self.sweep("--jobs", "1", "--json", "--pictures", pictures), 0)
        self.assertEqual([row["parameters.k"] for row in self.kad.json["rows"]], [4, 5])
        self.assertEqual(
            sorted(each.name for each in Path(pictures).iterdir()), ["mine.png", "mine.svg"]
        )
