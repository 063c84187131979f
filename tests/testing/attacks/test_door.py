"""Small attacks at the door of a node."""

from __future__ import annotations

from kadtwisted.testing.attacks.door.amplification import Amplification
from kadtwisted.testing.attacks.door.malformed import Malformed
from kadtwisted.testing.attacks.door.ports import Ports
from kadtwisted.testing.attacks.door.replay import Replay
from kadtwisted.testing.attacks.door.writes import Writes
from tests.testing.attacks.playing import AttackTestCase


class DoorAttacks(AttackTestCase):
    def test_amplification(self) -> None:
        self.play(Amplification(nodes=8, times=100), 7)

    def test_malformed(self) -> None:
        self.play(Malformed(nodes=2, count=1500), 5)

    def test_ports(self) -> None:
        self.play(Ports(ports=10, rate=6000, warm_up=2.0, seconds=0.5), 7)

    def test_replay(self) -> None:
        self.play(Replay(nodes=2), 9)

    def test_writes(self) -> None:
        self.play(Writes(seconds=2.0), 7)
