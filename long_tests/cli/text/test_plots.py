"""Results that are drawn again."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.cli.verbs import simulating
from tests.cli.harness import Kad
from tests.cli.text.test_plots import SMALL


class PictureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.kad = Kad()

    def test_a_saved_result_is_shown_and_drawn_again_to_the_byte(self) -> None:
        document = self.mktemp() + ".json"
        first, again = self.directory / "first", self.directory / "again"
        self.kad(*SMALL, "--output", document, "--pictures", str(first))
        later = Kad()
        with patch.object(simulating, "run", None):
            code = later("simulate", document, "--pictures", str(again))
        self.assertEqual(code, 0)
        self.assertEqual(later.printed, self.kad.printed)
        for name in ("hops.png", "hops.svg"):
            self.assertEqual((first / name).read_bytes(), (again / name).read_bytes())
