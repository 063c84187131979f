"""Plays an attack in a size that takes seconds, and judges it as its command does."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from kadtwisted.testing.attacks.__main__ import Attack
from kadtwisted.testing.campaigns.report import Report


class AttackTestCase(SynchronousTestCase):
    def play(self, attack: Attack, figures: int) -> None:
        """Play an attack: so many figures, none of them missed."""
        out = io.StringIO()
        report = Report(out, lambda: 0.0, 1.0)
        with report.errors_counted():
            attack.run(report)
        self.assertEqual(report.missed, [], out.getvalue())
        self.assertEqual(len(report.rows), figures, out.getvalue())
