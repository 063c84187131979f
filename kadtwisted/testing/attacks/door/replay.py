"""Recorded datagrams of a private network are sent again, by somebody who does not know its secret.

A hello, or a request without a token, that is answered wherever it comes from would show to any
outsider who once saw one that the node is there, with its key, until the secret changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from kadtwisted.testing.attacks.client import Client
from kadtwisted.testing.attacks.datagrams import FIND_NODE, HELLO, PING, REQUEST, SEALED
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram

SECRET = b"the secret of a private network."
WINDOW = 5 * MINUTE
"""Seconds by which a stranger's clock may be off."""
CASES = (
    ("at once, from elsewhere", 1.0),
    ("within the window", WINDOW - MINUTE),
    ("at the end of the window", 2 * WINDOW - 1.0),
    ("after the window", 2 * WINDOW + 1.0),
    ("an hour later", 60 * MINUTE),
)
"""When the datagrams are sent again: seconds after they were recorded."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A member of a private network of ``nodes`` greets and asks another one; whatever it sent is
    sent again ``times`` times from new addresses, some time later."""

    lasts: ClassVar[str] = "about ten seconds"
    nodes: int = 5
    times: int = 3
    seed: int = 1

    def run(self, report: Report) -> None:
        stage = Stage(self.seed, report, sealer="box", secret=SECRET)
        stage.grow(self.nodes)
        recorded: list[Datagram] = []
        stage.network.watch(recorded.append)
        node = stage.peer(stage.members[0])
        member = stage.attacker(Client)  # who knows the secret, and attacks nobody
        answers = [
            stage.wait(member.hello(node.address, node.key)).number == PING,
            stage.wait(member.hello(node.address)).number == PING,
        ]
        member.tokens.clear()
        answers.append(stage.ask(member, node, FIND_NODE, bytes(20), 0).number == FIND_NODE)
        member.tokens.clear()
        answers.append(stage.ask(member, node, PING).number == PING)
        stage.wait(stage.add().node.bootstrap([stage.members[0].address]))
        report.at_least("answers that a member gets, of 4", sum(answers), 4)
        strangers = [each.data for each in recorded if _can_be_replayed(each, node.address[0])]
        kinds = {each[0] - SEALED for each in strangers}
        report.at_least("kinds of datagram recorded", len(kinds & {HELLO, REQUEST}), 2)
        start = stage.clock.seconds()
        for case, later in CASES:
            stage.advance(start + later - stage.clock.seconds())
            report.at_most(f"{case}: answers", self._replay(stage, strangers, node.address), 0)
        answers = [stage.ask(member, node, PING) is not None for _ in range(2)]
        report.at_least("answers that a member gets then, of 2", sum(answers), 2)
        stage.stop()

    def _replay(self, stage: Stage, datagrams: Sequence[bytes], node: tuple[str, int]) -> int:
        """Send them all from new addresses; how many datagrams come back."""
        outsiders = [stage.attacker(Client) for _ in range(self.times)]
        for each in outsiders:
            for datagram in datagrams:
                each.write(datagram, node)
        stage.advance(5)
        return sum(each.received for each in outsiders)


def _can_be_replayed(datagram: Datagram, host: str) -> bool:
    """A hello, or a request without a token, to this host."""
    form = datagram.data[0] - SEALED
    if datagram.destination[0] != host or form not in (HELLO, REQUEST):
        return False
    return form == HELLO or datagram.data[57:65] == bytes(8)
