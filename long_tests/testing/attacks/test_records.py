"""Small attacks on what is stored: those that take longer."""

from __future__ import annotations

from kadtwisted.records import ledger
from kadtwisted.testing.attacks.records.announcements import Announcements
from kadtwisted.testing.attacks.records.hurry import Hurry
from kadtwisted.testing.attacks.records.junk import Junk
from kadtwisted.testing.attacks.records.sybils import Sybils
from kadtwisted.testing.attacks.records.vouching import Vouching
from tests.testing.attacks.playing import AttackTestCase


class RecordAttacks(AttackTestCase):
    def test_announcements(self) -> None:
        self.patch(ledger, "LEAST_SHARE", 20)
        sizes = {"nodes": 10, "honest": 5, "late": 2, "spam": 800, "hosts": 40, "forged": 3000}
        self.play(Announcements(capacity=1200, least=20, **sizes), 11)

    def test_hurry(self) -> None:
        self.play(Hurry(nodes=36, crowd=8, tries=6000, puts=2, readers=2, holders=5, k=8), 6)

    def test_junk(self) -> None:
        self.patch(ledger, "LEAST_SHARE", 20)
        self.play(Junk(nodes=8, junk=400, capacity=400, records=4, hours=2.2, least=20), 10)

    def test_sybils(self) -> None:
        self.play(Sybils(nodes=36, crowd=4, tries=3000, readers=2, holders=5, k=8), 7)

    def test_vouching(self) -> None:
        """With 6 holders, one of which is the liar, fewer can be left than in a larger network."""
        attack = Vouching(nodes=12, k=6, replaced=2, haves=6, records=3, hours=1.5, least=60)
        self.play(attack, 3)
