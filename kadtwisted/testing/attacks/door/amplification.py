"""A proven request is recorded and sent again and again: its answers hit whoever proved it.

A FIND_VALUE with a token has some 120 bytes, and brings up to 1,232.  Nobody needs to forge a
token who has seen one, for as long as it lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.testing.attacks.client import Client, Peer
from kadtwisted.testing.attacks.datagrams import FIND_NODE, FIND_VALUE, PING, REQUEST, SEALED, VALUE
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram

NAME = "long"


@dataclass(frozen=True, slots=True)
class Amplification:
    """Requests of a victim at one of ``nodes`` nodes, each sent again ``times`` times, ``rate`` a
    second, with the victim's address."""

    lasts: ClassVar[str] = "about ten seconds"
    nodes: int = 30
    times: int = 2000
    rate: float = 50.0
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(self.seed, report, sealer="box")
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        stage.wait(stage.members[0].node.put(NAME, b"v" * 990, lifetime=HOUR))
        key = id_to_bytes(key_of_name(NAME))
        node = stage.peer(stage.nearest(key_of_name(NAME))[0])
        victim = stage.attacker(Client)
        stage.ask(victim, node, PING)
        find_value = (FIND_VALUE, key, VALUE, b"", b"", 0)
        self._play(report, "FIND_VALUE", _Replayed(stage, victim, node, find_value))
        self._play(report, "FIND_NODE", _Replayed(stage, victim, node, (FIND_NODE, key, 0)))
        stage.stop()

    def _play(self, report: Report, case: str, replayed: _Replayed) -> None:
        report.figure(f"{case}: bytes of the request", replayed.asks())
        for _ in range(self.times):
            replayed.again(1 / self.rate)
        ratio = replayed.received / replayed.sent
        report.at_most(f"{case}: bytes that come for each that is sent again", ratio, 1.5)
        report.at_least(f"{case}: the victim is still answered", bool(replayed.asks()), 1)


class _Replayed:
    """One request of a victim, and what becomes of its copies; counts are in bytes."""

    def __init__(self, stage: Stage, victim: Client, node: Peer, request: tuple[Any, ...]) -> None:
        self.sent = self.received = 0
        self._stage = stage
        self._victim = victim
        self._address = victim.peer.address  # while it has a port
        self._node = node
        self._request = request
        self._recorded = b""
        stage.network.watch(self._look)

    def asks(self) -> int:
        """The victim asks; the length of its request, 0 if nobody answers."""
        answer = self._stage.ask(self._victim, self._node, *self._request)
        self._stage.advance(1)
        self.sent = self.received = 0
        return len(self._recorded) if answer is not None else 0

    def again(self, pause: float) -> None:
        """The attacker sends the request again."""
        self.sent += len(self._recorded)
        self._stage.network.send(self._recorded, self._address, self._node.address)
        self._stage.advance(pause)

    def _look(self, datagram: Datagram) -> None:
        if tuple(datagram.destination) == self._address:
            self.received += len(datagram.data)
        elif datagram.source == self._address and datagram.data[0] == SEALED | REQUEST:
            self._recorded = datagram.data
