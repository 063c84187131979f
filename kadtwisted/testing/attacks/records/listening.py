"""LISTEN makes a holder send later, unasked: who can be made to receive, and who is kept out?

A spoofed LISTEN, or a recorded one that is sent again, must not aim a holder at somebody.
Listeners that have died must be forgotten.  And whoever owns many addresses must not take all the
places, so that nobody else is told of anything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from cbor2 import dumps, loads

from kadtwisted.model.ids import id_to_bytes, key_of_name
from kadtwisted.model.results import Change
from kadtwisted.testing.attacks.client import Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import (
    CHANGED,
    LISTEN,
    NO_TOKEN,
    PING,
    REPLY,
    REQUEST,
    SHORT,
    VALUE,
    Address,
    blake,
)
from kadtwisted.testing.attacks.stage import Stage, unheard
from kadtwisted.testing.campaigns.crowd import HOUR, MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.inspect import listeners_of
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import PORT

NAME = "watched"
KEY = id_to_bytes(key_of_name(NAME))
LONG = b"v" * 990
LONGEST = 300
"""Seconds that a LISTEN lasts at most."""
SWEEP = 40
"""Seconds in which a holder looks for those whose time is over."""
KEYS_OF_ONE = 256
A_PROVIDER, OF_ONE_KEY = 1024, 128
"""What one address, one /16, and one /16 at one key may have."""
MOST = 8192
SQUATTERS = 8
"""So many /16s have all the places that there are."""
EACH = 1100
"""Listeners that each of these tries."""


@dataclass(frozen=True, slots=True)
class Listening:
    """At the holder nearest to a key, among ``nodes`` nodes, ``listeners`` listen from one /16, at
    that key and at others; ``watchers`` honest nodes watch the key before it and after it."""

    lasts: ClassVar[str] = "about three minutes"
    nodes: int = 30
    listeners: int = 100_000
    watchers: int = 10
    times: int = 50
    keys: int = 1000
    squat: bool = True
    seed: int = 1

    def run(self, report: Report) -> None:
        sealed = self._stage(report, "box")
        self._spoofed(report, _Play(sealed))
        self._replayed(report, _Play(sealed))
        sealed.stop()
        stage = self._stage(report, "plain")
        play = _Play(stage)
        self._dead(report, play)
        self._many_keys(report, play)
        self._one_network(report, play)
        if self.squat:
            self._many_networks(report, play)
        stage.stop()

    def _stage(self, report: Report, sealer: str) -> Stage:
        """What is recorded and sent again is known in the sealed form alone; for so many listeners
        the plain one is faster."""
        stage = Stage(self.seed, report, sealer=sealer)
        stage.grow(self.nodes)
        stage.advance(5 * MINUTE)
        return stage

    def _spoofed(self, report: Report, play: _Play) -> None:
        """With the victim's address, and with every token that the attacker can have."""
        victim, attacker = play.client(), play.client()
        seen = play.seen(victim)
        play.stage.ask(attacker, play.holder, PING)
        sent = 0
        for token in (NO_TOKEN, attacker.tokens[play.holder], b"guessed!"):
            for identity in (attacker, victim):
                datagram = identity.request(play.holder.key, *play.listen(identity), token)
                sent += self.times * len(datagram)
                for _ in range(self.times):
                    play.stage.network.send(datagram, victim.peer.address, play.holder.address)
                    play.stage.advance(0.05)
        play.write()
        ratio = sum(seen.sizes) / sent
        report.at_most("spoofed: bytes that come for each that is sent", ratio, 1)
        report.at_most("spoofed: CHANGED that the victim gets", victim.told, 0)

    def _replayed(self, report: Report, play: _Play) -> None:
        """The victim has listened, and is dead; its LISTEN is sent again and again."""
        victim = play.client()
        address, recorded = victim.peer.address, play.record(victim)
        play.listens(victim)
        (datagram,) = recorded[-1:]
        victim.close()
        seen = play.seen_at(address)
        for _ in range(self.times):
            play.stage.network.send(datagram, address, play.holder.address)
            play.write(1)
        report.at_most("replayed: datagrams that the dead victim gets", len(seen.sizes), 2)

    def _dead(self, report: Report, play: _Play) -> None:
        """They listen, and die; half of the time something changes, half of the time nothing."""
        for case, writes, most in (("a change", True, 2), ("no change", False, 0)):
            dead = [play.client() for _ in range(8)]
            addresses = [each.peer.address for each in dead]
            for each in dead:
                play.listens(each, key=KEY if writes else blake(160, case.encode()))
            before = play.listening()
            for each in dead:
                each.close()
            seen = [play.seen_at(each) for each in addresses]
            if writes:
                for _ in range(5):
                    play.write(2)
            else:
                play.stage.advance(LONGEST + SWEEP)
            report.at_least(f"dead, {case}: had listened", before, len(dead))
            report.at_most(f"dead, {case}: still kept", play.listening(), 0)
            got = max(len(each.sizes) for each in seen)
            report.at_most(f"dead, {case}: datagrams to each", got, most)

    def _many_keys(self, report: Report, play: _Play) -> None:
        one = play.client()
        for number in range(self.keys):
            play.listens(one, key=blake(160, b"%d" % number), waits=False)
        play.stage.advance(2)
        report.at_most("one identity, many keys: listeners", play.listening(), KEYS_OF_ONE)
        one.close()
        play.stage.advance(LONGEST + SWEEP)

    def _one_network(self, report: Report, play: _Play) -> None:
        early = play.watch(self.watchers)
        crowd = _Network(play, 31)
        for number in range(self.listeners):
            crowd.listens(number, KEY if number % 2 else blake(160, b"%d" % number))
        play.stage.advance(5)
        kept = crowd.granted()
        report.figure("one /16: LISTENs tried", crowd.asked)
        report.at_most("one /16: listeners kept", kept, A_PROVIDER)
        report.at_most("one /16: of one key", crowd.granted_of(KEY), OF_ONE_KEY)
        late = play.watch(self.watchers)
        told = play.told_of_a_change(early + late)
        report.at_least("one /16: honest watchers told, of all", told, 2 * self.watchers)
        by_holder = play.told_by_holder(late)
        report.at_least("one /16: late ones told by this holder", by_holder, 1)
        crowd.stop()
        play.stage.advance(LONGEST + SWEEP)

    def _many_networks(self, report: Report, play: _Play) -> None:
        """All places are taken; honest watchers come later."""
        crowds = [_Network(play, 40 + number) for number in range(SQUATTERS)]
        for number in range(EACH):
            for crowd in crowds:
                crowd.listens(number, blake(160, b"%d %d" % (crowd.first, number)))
        play.stage.advance(5)
        report.at_most("eight /16s: listeners", play.listening(), MOST)
        report.at_least("eight /16s: listeners, all places", play.listening(), 0.9 * MOST)
        late = play.watch(self.watchers)
        told = play.told_of_a_change(late)
        report.at_least("eight /16s: honest watchers told, of all", told, self.watchers)
        report.at_least("eight /16s: told by this holder", play.told_by_holder(late), 1)
        for crowd in crowds:
            crowd.stop()


class _Mute(Client):
    """Takes what comes and counts what it is told; it never acknowledges."""

    told = 0

    def answer(self, asked: Asked) -> tuple[int, list[Any]] | None:
        self.told += asked.method == CHANGED
        return None


class _Seen:
    """What is sent to an address from now on."""

    def __init__(self, stage: Stage, address: Address) -> None:
        self.sizes: list[int] = []
        self._address = address
        stage.network.watch(self._look)

    def _look(self, datagram: Datagram) -> None:
        if tuple(datagram.destination) == self._address:
            self.sizes.append(len(datagram.data))


class _Play:
    """The holder nearest to the key, a writer, and those who listen."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._member = stage.nearest(key_of_name(NAME))[0]
        self.holder: Peer = stage.peer(self._member)
        self._writer = next(each for each in stage.members if each is not self._member)
        self._written = 0
        self._by_holder: Counter[str] = Counter()
        stage.network.watch(self._look)

    def _look(self, datagram: Datagram) -> None:
        if tuple(datagram.source) == self.holder.address and len(datagram.data) > len(LONG):
            self._by_holder[datagram.destination[0]] += 1

    def client(self) -> _Mute:
        """One more attacker or victim."""
        return self.stage.attacker(_Mute)

    def seen(self, client: Client) -> _Seen:
        return _Seen(self.stage, client.peer.address)

    def seen_at(self, address: Address) -> _Seen:
        return _Seen(self.stage, address)

    def record(self, client: Client) -> list[bytes]:
        """The datagrams that a client sends from now on."""
        found: list[bytes] = []
        address = client.peer.address

        def look(datagram: Datagram) -> None:
            if tuple(datagram.source) == address:
                found.append(datagram.data)

        self.stage.network.watch(look)
        return found

    def listen(self, client: Client, key: bytes = KEY) -> tuple[list[Any], tuple[object, ...]]:
        """Envelope and arguments of a LISTEN."""
        return [LISTEN, client.home.random(8), 0], (key, VALUE, b"", LONGEST)

    def listens(self, client: Client, key: bytes = KEY, *, waits: bool = True) -> None:
        """A LISTEN with the token that it needs."""
        if self.holder not in client.tokens:
            self.stage.ask(client, self.holder, PING)
        asking = client.ask(self.holder, LISTEN, key, VALUE, b"", LONGEST)
        unheard(asking)
        if waits:
            self.stage.advance(0.5)

    def listening(self) -> int:
        """How many listen at the holder."""
        return listeners_of(self._member.node)

    def write(self, seconds: float = 3) -> None:
        """Something changes."""
        self._written += 1
        value = LONG[:-6] + b"%06d" % self._written
        self.stage.wait(self._writer.node.put(NAME, value, lifetime=HOUR))
        self.stage.advance(seconds)

    def watch(self, count: int) -> list[_Watcher]:
        """So many honest nodes more, which watch the key."""
        watchers = [_Watcher(self.stage) for _ in range(count)]
        self.stage.advance(30)
        return watchers

    def told_of_a_change(self, watchers: list[_Watcher]) -> int:
        """How many of them are told of a change within seconds."""
        before = [len(each.told) for each in watchers]
        self._by_holder.clear()
        self.write(10)
        return sum(len(e.told) > count for e, count in zip(watchers, before, strict=True))

    def told_by_holder(self, watchers: list[_Watcher]) -> int:
        """How many of them this very holder told of that change."""
        return sum(self._by_holder[each.address] > 0 for each in watchers)


class _Watcher:
    """An honest node that watches the key."""

    def __init__(self, stage: Stage) -> None:
        self.told: list[Change] = []
        member = stage.add()
        self.address = member.host.addresses[0]
        stage.wait(stage.join(member))
        member.node.watch(NAME, callback=self.told.append)


class _Network:
    """A /16 that one attacker owns: it proves each address, and listens there."""

    def __init__(self, play: _Play, first: int) -> None:
        self.first = first
        self.asked = 0
        self._play = play
        self._client = play.client()
        self._prefix = f"{first}.7."
        self._keys: dict[Address, bytes] = {}
        self._granted: dict[Address, bytes] = {}
        self._runs = True
        play.stage.network.watch(self._look)

    def stop(self) -> None:
        self._runs = False

    def listens(self, number: int, key: bytes) -> None:
        """One more address proves itself and listens; it goes on to the next at a pace that the
        holder takes from strangers."""
        address = (
            f"{self._prefix}{number // 250 % 256}.{1 + number % 250}",
            PORT + number // 64000,
        )
        self._keys[address] = key
        self._send(address, [PING], (), NO_TOKEN)
        self._play.stage.clock.advance(0.001)

    def _send(
        self, address: Address, method: list[Any], arguments: tuple[object, ...], token: bytes
    ) -> None:
        envelope = [*method, self._client.home.random(8), 0]
        if token == NO_TOKEN:
            data = self._client.request(self._play.holder.key, envelope, arguments, token)
            assert len(data) >= SHORT, "it is padded"
        else:
            body = dumps([*envelope, b"", *arguments])
            data = self._client.form.seal(REQUEST, body, self._play.holder.key, token)
        self._play.stage.network.send(data, address, self._play.holder.address)

    def _look(self, datagram: Datagram) -> None:
        """Whatever is sent to one of its addresses, it reads."""
        address = tuple(datagram.destination)
        if not self._runs or address not in self._keys:
            return
        opened = self._client.form.open(datagram.data, [self._play.holder.key])
        if opened is None or opened.form != REPLY:
            return
        items = loads(opened.body)
        if items[0] == -PING:
            self.asked += 1
            arguments = (self._keys[address], VALUE, b"", LONGEST)
            self._send(address, [LISTEN], arguments, items[2])
        elif items[0] == -LISTEN and items[4]:
            self._granted[address] = self._keys[address]

    def granted(self) -> int:
        """How many LISTENs were granted."""
        return len(self._granted)

    def granted_of(self, key: bytes) -> int:
        """How many of one key."""
        return sum(each == key for each in self._granted.values())
