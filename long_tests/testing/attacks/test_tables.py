"""Small attacks on whom a node knows: those that take longer."""

from __future__ import annotations

from kadtwisted.testing.attacks.tables.carpet import Carpet
from kadtwisted.testing.attacks.tables.observed import Observed
from kadtwisted.testing.attacks.tables.prefixes import Prefixes
from tests.testing.attacks.playing import AttackTestCase


class TableAttacks(AttackTestCase):
    def test_observed(self) -> None:
        self.play(Observed(nodes=12, minutes=10.0), 17)

    def test_carpet(self) -> None:
        self.play(Carpet(nodes=16, liars=4, lookups=4, records=4, minutes=10.0), 9)

    def test_prefixes(self) -> None:
        self.play(Prefixes(nodes=16, attackers=40, watched=2, minutes=2.0, k=6), 10)
