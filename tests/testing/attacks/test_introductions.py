"""Small attacks with PROBE, PUNCH and INTRODUCE."""

from __future__ import annotations

from kadtwisted.testing.attacks.introductions.asking import Introductions
from tests.testing.attacks.playing import AttackTestCase


class IntroductionAttacks(AttackTestCase):
    def test_introductions(self) -> None:
        sizes = Introductions(nodes=12, times=2, ports=20, hosts=20, seconds=8.0)
        self.play(sizes, 27)
