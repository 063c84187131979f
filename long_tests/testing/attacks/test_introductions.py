"""Small attacks with PROBE, PUNCH and INTRODUCE: those that take longer."""

from __future__ import annotations

from kadtwisted.testing.attacks.introductions.introducers import Introducers
from kadtwisted.testing.attacks.introductions.verdicts import Verdicts
from tests.testing.attacks.playing import AttackTestCase


class IntroductionAttacks(AttackTestCase):
    def test_introducers(self) -> None:
        sizes = Introducers(nodes=12, liars=1, seconds=5.0, paths=1, crowd=60)
        self.play(sizes, 31)

    def test_verdicts(self) -> None:
        self.play(Verdicts(nodes=24, newcomers=1, minutes=15.0, most=1), 8)
