"""Small attacks on what is stored."""

from __future__ import annotations

from kadtwisted.testing.attacks.records.rollback import Rollback
from tests.testing.attacks.playing import AttackTestCase


class RecordAttacks(AttackTestCase):
    def test_rollback(self) -> None:
        self.play(Rollback(nodes=4, minutes=60.0), 12)
