"""Relays stand for honest nodes: newcomers come to know them at an attacker's addresses.

A relay hands every datagram on, so whoever is asked there answers, with its own key: nothing binds
a key to an address.  A newcomer that learns of the network from the attacker alone would talk to
everybody through it, and the attacker could switch it off at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.protocol import DatagramProtocol

from kadtwisted.testing.attacks.client import Asked, Client, Peer
from kadtwisted.testing.attacks.datagrams import SHORT, Address, node_id_of
from kadtwisted.testing.attacks.stage import Stage
from kadtwisted.testing.campaigns.crowd import MINUTE
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Conditions
from kadtwisted.testing.nodes import PORT, Member

MOST = 5
"""Per cent of a newcomer's contacts that may be at relays."""
MUTED = ("", "pings", "pongs")
"""What relays may drop."""


PING_LENGTH, PONG_LENGTH = 75, 150
"""In the plain form of simulations a PING with a token has 62 bytes, a FIND_NODE 85; a PONG has
fewer than 100, and NODES with a few contacts more than 150."""


class Guide(Client):
    """Names everybody at its relay."""

    def contacts(self, asked: Asked, target: int) -> list[Peer]:
        return sorted(self.known, key=lambda each: node_id_of(each.key) ^ target)


@dataclass(frozen=True, slots=True)
class Relays:
    """Among ``nodes`` nodes, each with a relay at another address, ``newcomers`` join through the
    attacker; after ``minutes``, in which ``loss`` of all datagrams is lost, their tables count.

    Relays drop what is as short as "pings" or "pongs", if ``mute`` says so.
    """

    lasts: ClassVar[str] = "about a minute"
    nodes: int = 60
    newcomers: int = 4
    minutes: float = 60.0
    loss: float = 0.02
    mute: str = ""
    seed: int = 1

    def run(self, report: Report) -> None:
        conditions = Conditions(latency=0.02, jitter=0.04, loss=self.loss)
        stage = Stage(self.seed, report, conditions=conditions)
        stage.grow(self.nodes)
        stage.advance(10 * MINUTE)
        relays = [self._relay(stage, number) for number in range(self.nodes)]
        guide = stage.attacker(Guide)
        guide.known = [each.peer for each in relays]
        newcomers = [stage.add() for _ in range(self.newcomers)]
        for each in newcomers:
            joining = each.node.bootstrap(["{}:{}".format(*guide.peer.address)])
            stage.wait(joining.addErrback(lambda _: None))
        addresses = {each.peer.address[0] for each in relays}
        self._note(report, newcomers, addresses, "after joining")
        stage.advance(self.minutes * MINUTE)
        entries, relayed = self._note(report, newcomers, addresses, f"after {self.minutes:g} min")
        handed_on = sum(each.handed_on for each in relays)
        report.figure("datagrams that relays handed on", handed_on)
        report.at_least("contacts of the newcomers", entries, self.newcomers * self.nodes // 2)
        report.at_most("of them at relays, %", 100 * relayed / max(1, entries), MOST)
        others = [each for each in stage.members if each not in newcomers]
        entries, relayed = self._note(report, others, addresses, "all others")
        report.at_most(
            "of all others' contacts at relays, %", 100 * relayed / max(1, entries), MOST
        )
        for relay in relays:
            relay.close()
        stage.stop()

    def _relay(self, stage: Stage, number: int) -> Relay:
        address = f"{100 + number // 250}.{number % 250}.7.1"
        honest = stage.peer(stage.members[number])
        return Relay(stage.network.host(address), honest, self.mute)

    def _note(
        self, report: Report, members: list[Member], addresses: set[str], when: str
    ) -> tuple[int, int]:
        """How many contacts these members have, and how many of them are at relays."""
        hosts = [
            contact.endpoint.host
            for each in members
            for bucket in each.node.routing().buckets
            for contact in bucket.contacts
        ]
        relayed = sum(host in addresses for host in hosts)
        report.note(f"{when}: {relayed} of {len(hosts)} contacts are at relays")
        return len(hosts), relayed


class Relay(DatagramProtocol):
    """Stands for one honest node at an address of its own, with a port for each who asks.

    It cannot read what it hands on, but it can drop it by its length.
    """

    noisy = False
    transport: Any

    def __init__(self, host: Host, honest: Peer, mute: str = "") -> None:
        if mute not in MUTED:
            raise ValueError(f"a relay can be mute to one of {MUTED}, not {mute!r}")
        self.mute = mute
        self.honest = honest
        self.peer = Peer(honest.key, (host.addresses[0], PORT))
        self.handed_on = 0
        self._host = host
        self._out: dict[Address, _Out] = {}
        self._port = host.listenUDP(PORT, self, host.addresses[0])

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if self.mute == "pings" and (len(datagram) < PING_LENGTH or len(datagram) == SHORT):
            return
        address: Address = (addr[0], addr[1])
        if address not in self._out:
            self._out[address] = out = _Out(self, address)
            out.port = self._host.listenUDP(0, out, self._host.addresses[0])
        self.handed_on += 1
        self._out[address].transport.write(datagram, self.honest.address)

    def close(self) -> None:
        """Leave all ports."""
        self._port.stopListening()
        for out in self._out.values():
            out.port.stopListening()


class _Out(DatagramProtocol):
    """A relay's port for one who asks."""

    noisy = False
    transport: Any
    port: Any

    def __init__(self, relay: Relay, asker: Address) -> None:
        self._relay = relay
        self._asker = asker

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if self._relay.mute == "pongs" and len(datagram) < PONG_LENGTH:
            return
        self._relay.handed_on += 1
        self._relay.transport.write(datagram, self._asker)
