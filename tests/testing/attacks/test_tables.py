"""Small attacks on whom a node knows."""

from __future__ import annotations

from kadtwisted.testing.attacks.tables.relays import Relays
from tests.testing.attacks.playing import AttackTestCase


class TableAttacks(AttackTestCase):
    def test_relays(self) -> None:
        self.play(Relays(nodes=14, newcomers=1, minutes=20.0), 5)
