"""Small attacks on what is stored."""

from __future__ import annotations

from kadtwisted.node.serving import telling
from kadtwisted.testing.attacks.records import listening
from kadtwisted.testing.attacks.records.clock import Clock
from kadtwisted.testing.attacks.records.forgery import Forgery
from kadtwisted.testing.attacks.records.listening import Listening
from kadtwisted.testing.attacks.records.rollback import Rollback
from tests.testing.attacks.playing import AttackTestCase


class RecordAttacks(AttackTestCase):
    def test_clock(self) -> None:
        self.play(Clock(writes=6), 7)

    def test_forgery(self) -> None:
        self.play(Forgery(nodes=10, forged=500, liars=2, tries=200, reads=9, k=4), 8)

    def test_listening(self) -> None:
        """A holder that keeps 256 listeners: an eighth of them from one /16."""
        self.patch(telling, "MOST_LISTENERS", 256)
        self.patch(listening, "A_PROVIDER", 32)
        self.patch(listening, "OF_ONE_KEY", 4)
        self.patch(listening, "MOST", 256)
        self.patch(listening, "EACH", 40)
        self.play(Listening(nodes=8, listeners=200, watchers=3, times=5, keys=100), 20)

    def test_rollback(self) -> None:
        self.play(Rollback(nodes=4, minutes=60.0), 18)
