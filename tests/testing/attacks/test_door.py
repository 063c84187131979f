"""Small attacks at the door of a node."""

from __future__ import annotations

from kadtwisted.testing.attacks.door.malformed import Malformed
from tests.testing.attacks.playing import AttackTestCase


class DoorAttacks(AttackTestCase):
    def test_malformed(self) -> None:
        self.play(Malformed(nodes=2, count=1500), 5)
