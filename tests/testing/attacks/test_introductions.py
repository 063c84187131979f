"""Small attacks with PROBE, PUNCH and INTRODUCE."""

from __future__ import annotations

from kadtwisted.testing.attacks.introductions.asking import Introductions
from kadtwisted.testing.attacks.introductions.introducers import Introducers
from kadtwisted.testing.attacks.introductions.verdicts import Verdicts
from tests.testing.attacks.playing import AttackTestCase


class IntroductionAttacks(AttackTestCase):
    def test_introductions(self) -> None:
        sizes = Introductions(nodes=12, times=2, ports=20, hosts=20, seconds=8.0)
        self.play(sizes, 27)

    def test_introducers(self) -> None:
        sizes = Introducers(nodes=12, liars=1, seconds=5.0, paths=1, crowd=60)
        self.play(sizes, 31)

    def test_verdicts(self) -> None:
        self.play(Verdicts(nodes=24, newcomers=1, minutes=15.0, most=1), 8)
