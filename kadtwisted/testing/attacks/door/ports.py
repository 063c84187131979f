"""One host proves many ports, and from each sends garbage that costs public-key work.

A garbage box under a right tag costs its recipient an X25519, unless it remembers the secret of
the key shown: so an attacker alternates its keys, or takes fresh ones.  A token for a fresh key
costs nobody any such work: a node that is over its budget for strangers gives one in each cookie.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

from kadtwisted.testing.attacks.client import Client, Peer
from kadtwisted.testing.attacks.datagrams import (
    COOKIE,
    HELLO,
    NO_TOKEN,
    PING,
    REQUEST,
    Identity,
    Sealed,
)
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.nodes import Member

ADDRESS = "198.51.100.1"
GARBAGE = bytes(56)
"""A box that opens for nobody."""
KEYS = 8192
"""Fresh keys, in turn: more than a node remembers secrets."""
ASKED = 1024
"""Hellos that a port remembers until a cookie comes."""
WORK = ("dropped.bad-box", "dropped.bad-key")
"""Counters of what public-key work was done for, and nothing came of it."""
MOST = 2000
"""Such work a second that a node may do for all others together."""
WITHIN = 0.2
"""Seconds in which an honest peer must be answered."""
STEP, PING_EVERY = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Ports:
    """``ports`` ports of one host send ``rate`` garbage boxes a second together, first with two
    keys in turn and then with fresh ones; after ``warm_up`` seconds, ``seconds`` count."""

    lasts: ClassVar[str] = "about a minute"
    ports: int = 100
    rate: int = 20_000
    warm_up: float = 3.0
    seconds: float = 5.0
    seed: int = 1

    def run(self, report: Report) -> None:
        for case, alternating in (("two keys in turn", True), ("fresh keys", False)):
            stage = Stage(self.seed, report, sealer="box")
            stage.grow(3)
            stage.advance(MINUTE)
            node = stage.peer(stage.members[0])
            honest = _Honest(stage, node)
            flood = _Flood(stage, node, self.ports, alternating=alternating)
            flood.send(self.rate, self.warm_up)
            before = _work(stage.members[0])
            stop = stage.every(PING_EVERY, honest.ask)
            flood.send(self.rate, self.seconds)
            stop()
            work = (_work(stage.members[0]) - before) / self.seconds
            report.figure(f"{case}: with a valid token, %", 100 * flood.proven / flood.sent)
            report.at_most(f"{case}: public-key work a second", work, MOST)
            report.at_least(f"{case}: honest pings answered in time, %", honest.ratio(), 99)
            stage.stop()


def _work(member: Member) -> int:
    counters = member.node.status().counters
    return sum(counters.get(name, 0) for name in WORK)


class _Honest:
    """Another peer, proven, which asks all the time."""

    def __init__(self, stage: Stage, node: Peer) -> None:
        self._stage = stage
        self._node = node
        self._client = stage.attacker(Client)
        stage.ask(self._client, node, PING)
        self._asked = self._answered = 0

    def ratio(self) -> float:
        """Answers in time, in per cent, when all have come that may."""
        self._stage.advance(1)
        return 100 * self._answered / max(1, self._asked)

    def ask(self) -> None:
        """Ask once more."""
        self._asked += 1
        asking = self._client.ask(self._node, PING, patience=WITHIN)
        unheard(asking.addCallback(self._count))

    def _count(self, _: object) -> None:
        self._answered += 1


class _Flood:
    """The ports of one host."""

    def __init__(self, stage: Stage, node: Peer, ports: int, *, alternating: bool) -> None:
        self.sent = self.proven = 0
        self._stage = stage
        self._node = node
        make = Alternating if alternating else Fresh
        self._ports = [
            stage.attacker(make, address=ADDRESS, port=9000 + number) for number in range(ports)
        ]
        keys = [stage.identity().public for _ in range(KEYS)]
        for each in self._ports:
            each.prove(stage, node, keys)
            stage.advance(0.02)
        stage.advance(1)

    def send(self, rate: int, seconds: float) -> None:
        """Send so many garbage boxes a second for so long."""
        self.sent = self.proven = 0
        for _ in range(round(seconds / STEP)):
            for _ in range(round(rate * STEP)):
                port = self._ports[self.sent % len(self._ports)]
                self.proven += port.garbage(self._node)
                self.sent += 1
            self._stage.advance(STEP)


class Alternating(Client):
    """A port with two keys that have tokens."""

    def prove(self, stage: Stage, node: Peer, keys: list[bytes]) -> None:
        """Get a token for each."""
        self.other = Identity.of(self.home.random(32))
        self.shown: list[tuple[bytes, bytes]] = []
        mine, form = self.identity, self.form
        for identity in (mine, self.other):
            self.identity, self.form = identity, self.home.form(identity)
            self.tokens.clear()
            stage.ask(self, node, PING)
            self.shown.append((identity.public, self.tokens[node]))
        self.identity, self.form = mine, form

    def garbage(self, node: Peer) -> bool:
        """Send one box; whether with a token."""
        self.shown.reverse()
        key, token = self.shown[0]
        self.send_garbage(REQUEST, node, key, token)
        return True

    def send_garbage(self, form: int, node: Peer, key: bytes, token: bytes) -> None:
        """A datagram that shows this key and token, under a right tag."""
        assert isinstance(self.form, Sealed)
        self.write(self.form.header(form, node.key, key + token) + GARBAGE, node.address)


class Fresh(Alternating):
    """A port that takes fresh keys, and the tokens that come in cookies."""

    def prove(self, stage: Stage, node: Peer, keys: list[bytes]) -> None:
        """Nothing to prove: draw the keys."""
        start = self.home.random(2)
        at = int.from_bytes(start, "big") % len(keys)
        self.keys = deque(keys[at:] + keys[:at])
        self.asked: dict[bytes, bytes] = {}
        self.proven: deque[tuple[bytes, bytes]] = deque(maxlen=ASKED)

    def garbage(self, node: Peer) -> bool:
        """Use a token that a cookie brought, else ask for one by a hello that opens for nobody."""
        if self.proven:
            self.send_garbage(REQUEST, node, *self.proven.popleft())
            return True
        self.keys.rotate(1)
        assert isinstance(self.form, Sealed)
        header = self.form.header(HELLO, node.key, self.keys[0] + NO_TOKEN)
        self.asked[header[1:17]] = self.keys[0]
        if len(self.asked) > ASKED:
            del self.asked[next(iter(self.asked))]
        self.write(header + GARBAGE, node.address)
        return False

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Take the token of a cookie."""
        opened = self.form.open(datagram)
        if opened is None or opened.form != COOKIE:
            return
        key = self.asked.pop(opened.body[:16], None)
        if key is not None:
            self.proven.append((key, opened.body[16:24]))
