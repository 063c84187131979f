"""The command chooses an attack, says how long it takes, and fails if a figure is missed."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.attacks import __main__ as command
from kadtwisted.testing.campaigns.report import Report


@dataclass(frozen=True, slots=True)
class Growing:
    """Its figure is how large it is."""

    lasts: ClassVar[str] = "no time"
    how_large: int = 3

    def run(self, report: Report) -> None:
        report.at_most("size", self.how_large, 5)


class CommandTests(SynchronousTestCase):
    def play(self, *words: str) -> tuple[int, str]:
        out = io.StringIO()
        with patch.object(command, "ATTACKS", {"growing": Growing}), redirect_stdout(out):
            code = command.main(["growing", *words])
        return code, out.getvalue()

    def test_a_figure_within_its_bound(self) -> None:
        code, said = self.play()
        self.assertEqual(code, 0, said)
        self.assertIn("it takes no time", said)

    def test_a_figure_out_of_its_bound(self) -> None:
        code, said = self.play("--how-large", "6")
        self.assertEqual(code, 1, said)
        self.assertIn("MISSED", said)

    def test_every_attack_has_its_sizes(self) -> None:
        for name in (*command.ATTACKS, *command.REAL):
            attack, minutes = command.parse([name])
            made = {**command.ATTACKS, **command.REAL}[name]
            self.assertEqual((attack, minutes), (made(), 30.0))
            self.assertTrue(attack.lasts.startswith("about "), name)

    def test_the_page_names_every_attack(self) -> None:
        page = (Path(__file__).parents[3] / "docs" / "reliability.md").read_text("utf-8")
        rows = page.partition("\n## Attacks\n")[2].partition("\n## ")[0]
        named = [row.split("|")[2].strip(" `") for row in rows.splitlines() if row.startswith("| ")]
        self.assertEqual(sorted(named[1:]), sorted({**command.ATTACKS, **command.REAL}))
