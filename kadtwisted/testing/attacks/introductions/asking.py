"""PROBE and PUNCH make others send: to somebody who did not ask, or without end?

A stranger forges its address, shows tokens of others, sends again what it has recorded, leaves out
the padding, and introduces though it is nobody's contact.  Then hosts with many ports and keys, and
many hosts of one network, ask as often as they can, for PINGs now and later, and for one target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from kadtwisted.testing.attacks.client import TOKEN, Answer, Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import (
    BAD_TOKEN,
    ERROR,
    INTRODUCE,
    NO_TOKEN,
    PING,
    PROBE,
    PUNCH,
    READ_ONLY,
    REQUEST,
    SHORT,
    Address,
    packed,
)
from kadtwisted.testing.attacks.introductions.seen import FORM, Introduced, Seen
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import PORT

VICTIM: Address = ("88.1.2.3", PORT)
GUESSED = b"guessed!"
BURST, EVERY = 16, 2.0
"""So often at once is a host served, and once more in so many seconds."""
TOLD_BURST, TOLD_EVERY = 16, 0.5
"""The same for a node that is told, of each introducer."""
LONGEST = 300
PROMISES = 256
"""PINGs for later that a node owes."""
ATTACKERS = "66.6."
"""The /16 from which hosts flood."""


class Quiet(Client):
    """Wants to be in no table."""

    flags = READ_ONLY


class Silent(Quiet):
    """Hears, and says nothing."""

    told = 0

    def answer(self, asked: Asked) -> tuple[int, list[Any]] | None:
        self.told += asked.method == INTRODUCE
        return None


class Willing(Quiet):
    """A node behind a NAT that lets itself be introduced."""

    told = 0

    def answer(self, asked: Asked) -> tuple[int, list[Any]] | None:
        if asked.method != INTRODUCE:
            return super().answer(asked)
        self.told += 1
        return (INTRODUCE, [2]) if asked.token == TOKEN else (ERROR, [BAD_TOKEN, "", 0])


@dataclass(frozen=True, slots=True)
class Introductions:
    """Among ``nodes`` nodes; each forged or repeated datagram is sent ``times`` times; a host
    floods from ``ports`` ports, then ``hosts`` hosts of one /16, for ``seconds``."""

    lasts: ClassVar[str] = "about two minutes"
    nodes: int = 30
    times: int = 50
    ports: int = 40
    hosts: int = 200
    seconds: float = 60.0
    seed: int = 1

    def run(self, report: Report) -> None:
        sealed = _Play(self, report, "box")
        for case in (sealed.forged, sealed.repeated, sealed.uninvited, sealed.unpadded):
            case()
        sealed.stage.stop()
        plain = _Play(self, report, "plain")
        for case in (
            plain.in_time,
            plain.one_host,
            plain.many_hosts,
            plain.later,
            plain.one_target,
        ):
            case()
        plain.stage.stop()


class _Play:
    """One network on which some cases are played."""

    def __init__(self, sizes: Introductions, report: Report, sealer: str) -> None:
        self.sizes = sizes
        self.report = report
        self.stage = stage = Stage(sizes.seed, report, sealer=sealer)
        stage.grow(sizes.nodes)
        stage.advance(15 * MINUTE)
        self.node = stage.peer(stage.members[0])
        self.others = [stage.peer(each) for each in stage.members[1:]]
        self._hosts = 0

    # --- Strangers ---------------------------------------------------------------------------

    def forged(self) -> None:
        """With the victim's address, and every token and key that an attacker can have."""
        attacker, victim = self.proven(Quiet), self.proven(Quiet)
        address = victim.peer.address
        seen = Seen(self.stage, lambda to: to == address)
        sent = 0
        for token in (NO_TOKEN, attacker.tokens[self.node], GUESSED):
            for arguments in self.requests(attacker):
                datagram = _datagram(attacker, self.node, arguments, token)
                sent += self.sizes.times * len(datagram)
                for _ in range(self.sizes.times):
                    self.stage.network.send(datagram, address, self.node.address)
                    self.stage.advance(0.05)
        self.stage.advance(MINUTE)
        seen.close()
        self.report.at_most("forged: requests that the victim gets", seen.requests, 0)
        self.report.at_most("forged: bytes it gets for each byte", seen.bytes / sent, 1)

    def repeated(self) -> None:
        """The victim has asked, and is dead; all is sent again, from there and from elsewhere."""
        victim, thief = self.proven(Quiet), self.proven(Quiet)
        address = victim.peer.address
        recorded = self.recorded(address)
        for arguments in self.requests(victim)[:3]:
            self.stage.wait(victim.ask(self.node, *arguments))
            self.stage.advance(MINUTE)
        self.stage.advance(5)
        copies = [e for e in recorded if len(e.data) >= 200 and e.destination != address]
        victim.close()
        seen = Seen(self.stage, lambda to: to in (address, thief.peer.address))
        sent = 0
        for copy in copies:
            for to in (copy.destination, self.others[0].address):
                for source in (copy.source, thief.peer.address):
                    sent += self.sizes.times * len(copy.data)
                    for _ in range(self.sizes.times):
                        self.stage.network.send(copy.data, source, to)
                        self.stage.advance(0.02)
        self.stage.advance(MINUTE)
        seen.close()
        self.report.at_least("repeated: datagrams recorded, of all sides", len(copies), 5)
        self.report.at_most("repeated: requests that come of them", seen.requests, 0)
        self.report.at_most("repeated: bytes that come for each byte", seen.bytes / sent, 1)

    def recorded(self, asker: Address) -> list[Datagram]:
        """What is sealed as a request from now on: by the asker, and of it."""
        found: list[Datagram] = []

        def look(datagram: Datagram) -> None:
            source = datagram.source[0], datagram.source[1]
            told = source == self.node.address and len(datagram.data) >= 200
            if datagram.data[0] & FORM == REQUEST and (source == asker or told):
                found.append(datagram)

        self.stage.network.watch(look)
        return found

    def uninvited(self) -> None:
        """INTRODUCE of who is no contact: a stranger, and a contact from another port."""
        stage = self.stage
        seen = Seen(stage, lambda to: to == VICTIM)
        known = stage.attacker(Client)
        stage.introduce([known])
        elsewhere = stage.attacker(
            Quiet, identity=known.identity, address=known.peer.address[0], port=PORT + 1
        )
        verified = sum(known.identity.node_id in stage.verified(e) for e in stage.members)
        self.report.at_least("uninvited: nodes that know the contact", verified, 1)
        answers = 0
        for liar in (self.proven(Quiet), elsewhere):
            for peer in (self.node, *self.others):
                stage.ask(liar, peer, PING)
                for purpose in (0, 1, 2):
                    arguments = liar.identity.public, packed(VICTIM), purpose, 0
                    answers += stage.grants(liar, peer, INTRODUCE, *arguments)
        seen.close()
        self.report.at_most("uninvited: INTRODUCED", answers, 0)
        self.report.at_most("uninvited: datagrams that the victim gets", seen.requests, 0)

    def unpadded(self) -> None:
        """A proven sender saves bytes."""
        liar = self.proven(Quiet)
        seen = Seen(self.stage, lambda to: to == liar.peer.address)
        for arguments in self.requests(liar):
            body = _datagram(liar, self.node, arguments, liar.tokens[self.node], padded=False)
            for _ in range(self.sizes.times):
                liar.write(body, self.node.address)
                self.stage.advance(0.05)
        self.stage.advance(MINUTE)
        seen.close()
        self.report.at_most("without padding: bytes that come", seen.bytes, 0)

    def requests(self, asker: Client) -> list[tuple[Any, ...]]:
        """What makes others send."""
        named = asker.identity.public, packed(VICTIM)
        return [
            (PROBE, 0),
            (PROBE, 1),
            (PUNCH, self.others[1].key, 0),
            (INTRODUCE, *named, 0, 0),
            (INTRODUCE, *named, 1, 0),
        ]

    # --- Floods ------------------------------------------------------------------------------

    def in_time(self) -> None:
        """As often as it is served, from ever new ports: first PROBE, then PUNCH for ever new
        targets."""
        host, rounds = self.host(), int(self.sizes.seconds / EVERY)
        for case, method in (("PROBE", PROBE), ("PUNCH", PUNCH)):
            told, served = Introduced(self.stage), 0
            seen = Seen(self.stage, lambda _: False, lambda source: source[0] == host)
            for number in range(rounds):
                asker = self.proven(Silent, host, PORT + 100 * method + number)
                self.stage.advance(1)
                seen.spent -= SHORT  # its proof
                arguments: tuple[Any, ...] = (0,)
                if method == PUNCH:
                    target = self.proven(Willing, self.host())
                    self.attach(target)
                    arguments = target.identity.public, 0
                served += self.stage.grants(asker, self.node, method, *arguments)
                self.stage.advance(EVERY)
            seen.close()
            factor = told.bytes / seen.spent
            self.report.at_least(f"in time: {case} served, of {rounds}", served, rounds / 2)
            self.report.at_most(f"in time: bytes of INTRODUCEs for each of {case}", factor, 1)

    def one_host(self) -> None:
        host = self.host()
        crowd = [self.proven(Quiet, host, PORT + number) for number in range(self.sizes.ports)]
        told, answers = self.flood("one host", crowd, lambda _: (PROBE, 0))
        most = 2 * (BURST + self.sizes.seconds / EVERY)
        self.report.at_most("one host: INTRODUCEs of the introducer", told, most)
        self.report.at_least("one host: an honest asker is served, of 3", answers, 3)

    def many_hosts(self) -> None:
        """Hosts of one /16 ask for each other, and are silent when they are introduced."""
        crowd = [self.proven(Silent, self.host()) for _ in range(self.sizes.hosts)]
        for each in crowd:
            self.attach(each)
        keys = [each.identity.public for each in crowd]

        def punch(number: int) -> tuple[Any, ...]:
            return PUNCH, keys[(number * 7 + 1) % len(keys)], 0

        told, answers = self.flood("one /16", crowd, punch)
        self.report.figure("one /16: INTRODUCEs of the introducer", told)
        self.report.at_least("one /16: an honest asker is served, of 3", answers, 3)

    def flood(
        self, case: str, crowd: list[Any], made: Callable[[int], tuple[Any, ...]]
    ) -> tuple[int, int]:
        """All ask as long as it lasts; INTRODUCEs that come of it, and honest PROBEDs meanwhile."""
        sources = {each.peer.address for each in crowd}
        others = {each.address for each in self.others}
        honest = [self.proven(Quiet) for _ in range(3)]
        told = Introduced(self.stage)
        seen = Seen(self.stage, lambda to: to in others, lambda source: source in sources)
        waiting: list[Deferred[Any]] = []
        rounds = int(self.sizes.seconds)
        for second in range(rounds):
            for number, each in enumerate(crowd):
                unheard(each.ask(self.node, *made(number + second)))
            if second in (rounds // 4, rounds // 2, rounds - 1):
                waiting.append(honest.pop().ask(self.node, PROBE, 0, patience=9.0))
            self.stage.advance(1)
        answers: list[Answer] = []
        for each in waiting:
            each.addCallbacks(answers.append, lambda _: None)
        self.stage.advance(10)
        seen.close()
        factor = told.bytes / max(1, seen.spent)
        self.report.at_most(f"{case}: bytes of INTRODUCEs for each byte", factor, 1)
        return told.by[self.node.address[0]], sum(each.number == PROBE for each in answers)

    def later(self) -> None:
        """One /16 has as many PINGs promised for later as it can; then somebody else asks."""
        crowd = [self.proven(Quiet, self.host()) for _ in range(PROMISES + 50)]
        granted = 0
        for each in crowd:
            granted += self.stage.grants(each, self.node, PROBE, LONGEST)
        self.report.at_most("later: promised to one /16", granted, PROMISES / 8)
        honest = self.proven(Quiet)
        promised = self.stage.grants(honest, self.node, PROBE, 25)
        self.report.at_least("later: promised to somebody else", promised, 1)
        addresses = {each.peer.address for each in (*crowd, honest)}
        seen = Seen(self.stage, lambda to: to in addresses)
        self.stage.advance(LONGEST + 10)
        seen.close()
        self.report.at_most("later: PINGs to each", max(seen.by.values(), default=0), 1)
        self.report.at_most("later: PINGs beyond the promised", seen.requests - granted - 1, 0)

    def one_target(self) -> None:
        """All ask for one node behind a NAT through the three that it keeps, then an honest one."""
        target = self.proven(Willing)
        through = [self.node, *self.others[:2]]
        for each in through:
            self.attach(target, each)
        crowd = [self.proven(Quiet, self.host()) for _ in range(self.sizes.hosts)]
        for peer in through[1:]:
            for each in crowd:
                unheard(each.ask(peer, PING))
            self.stage.advance(1)
        sources = {each.peer.address for each in crowd}
        where = target.peer.address
        seen = Seen(self.stage, lambda to: to == where, lambda source: source in sources)
        target.told = 0
        for second in range(int(self.sizes.seconds)):
            for each in crowd:
                peer = through[second % 3]
                unheard(each.ask(peer, PUNCH, target.identity.public, 0))
            self.stage.advance(1)
        seen.close()
        most = len(through) * (TOLD_BURST + self.sizes.seconds / TOLD_EVERY)
        self.report.at_most("one target: INTRODUCEs that it gets", target.told, most)
        self.report.at_most("one target: bytes it gets for each byte", seen.factor, 1)
        self.stage.advance(MINUTE)
        honest = self.proven(Quiet)
        self.attach(target)
        found = self.stage.grants(honest, self.node, PUNCH, target.identity.public, 0)
        self.report.at_least("one target: a minute later it is found", found, 1)

    # --- Attackers ---------------------------------------------------------------------------

    def host(self) -> str:
        """One more address in the attackers' /16."""
        self._hosts += 1
        return f"{ATTACKERS}{self._hosts // 250}.{1 + self._hosts % 250}"

    def proven(self, make: type[Any], address: str = "", port: int = PORT) -> Any:
        """One that has proven to the introducer where it receives."""
        client = self.stage.attacker(make, address=address, port=port)
        self.stage.ask(client, self.node, PING)
        return client

    def attach(self, client: Client, to: Peer | None = None) -> None:
        """Be remembered as one that others cannot reach."""
        for _ in range(2):
            self.stage.ask(client, to or self.node, PING)
            self.stage.advance(0.1)


def _datagram(
    client: Client,
    to: Peer,
    arguments: tuple[Any, ...],
    token: bytes,
    *,
    padded: bool = True,
) -> bytes:
    method, *rest = arguments
    envelope = [method, client.home.random(8), READ_ONLY]
    if padded:
        return client.request(to.key, envelope, tuple(rest), token)
    return client.bare(to.key, envelope, tuple(rest), token)
