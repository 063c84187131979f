"""A UDP network in memory: hosts, and between them latency, loss, duplicates, reordering, cuts.

It decides when, how often and whether a datagram arrives; everything it draws comes from one
seeded source, so a run is repeated by its seed.  It never looks into a datagram, never tells a
sender what became of it (there is no ICMP here), and never changes the bytes.

Rules of the wire: a datagram goes over the link from its source address to its destination address
(:class:`Link`, one for each direction, else the network's default); every copy is lost or delayed
for itself; what is under way when a partition comes up does not arrive.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kadtwisted.errors import InvalidAddress, InvalidInput
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.port import Address

Latency = float | Callable[[str, str, random.Random], float]
"""Seconds one way, or what computes them from source host, destination host and the network's
random source."""


@dataclass(frozen=True, slots=True)
class Link:
    """What happens to datagrams on their way from one host to another."""

    latency: Latency = 0.02
    """One way, in seconds."""
    jitter: float = 0.0
    """At most so many seconds more, drawn evenly for each copy: so datagrams overtake others."""
    loss: float = 0.0
    """The probability that a copy gets lost."""
    duplicate: float = 0.0
    """The probability that a datagram is sent on twice."""

    def __post_init__(self) -> None:
        if not (0 <= self.loss <= 1 and 0 <= self.duplicate <= 1):
            raise InvalidInput("loss and duplicate are probabilities: from 0 to 1")
        if self.jitter < 0 or (not callable(self.latency) and self.latency < 0):
            raise InvalidInput("latency and jitter are seconds: not negative")


class Datagram(NamedTuple):
    """What a watcher is shown of every datagram sent, whether or not it will arrive."""

    moment: float
    source: Address
    destination: Address
    data: bytes


class Middlebox(Protocol):
    """What stands between an address and the network: a NAT, a firewall.

    Addresses are hosts and ports; ``now`` is the network's time in seconds.
    """

    def leaves(self, source: Address, destination: Address, now: float) -> Address:
        """A datagram goes out: where it comes from, as the network sees it."""

    def enters(self, source: Address, destination: Address, now: float) -> Address | None:
        """A datagram comes in: where it goes behind the box, or ``None`` if it is dropped."""


class Network:
    """Hosts that reach each other, on one clock.

    ``latency``, ``jitter``, ``loss`` and ``duplicate`` make the default :class:`Link`, which can be
    replaced at any time (:attr:`default_link`).  ``sent`` counts what was written, ``duplicated``
    the second copies, ``delivered`` what a protocol was given and ``dropped`` what got lost, cut
    off or found nobody listening.
    """

    def __init__(
        self,
        clock: HeapClock,
        seed: int = 0,
        *,
        latency: Latency = 0.02,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplicate: float = 0.0,
    ) -> None:
        self.clock = clock
        self.random = random.Random(seed)
        self.default_link = Link(latency, jitter, loss, duplicate)
        self.sent = self.duplicated = self.delivered = self.dropped = 0
        self._hosts: dict[str, Host] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._sides: dict[str, int] = {}
        self._boxes: dict[str, Middlebox] = {}
        self._watchers: list[Callable[[Datagram], None]] = []

    def host(self, *addresses: str) -> Host:
        """The host with these IP addresses (one, or one of each family), made if there is none.

        :class:`InvalidAddress` if one is no IP address or belongs to another host.
        """
        canonical = tuple(_canonical(each) for each in addresses)
        known = self._hosts.get(canonical[0]) if canonical else None
        if known is not None and known.addresses == canonical:
            return known
        if not canonical or any(each in self._hosts for each in canonical):
            raise InvalidAddress(f"a host needs addresses of its own, not {addresses}")
        host = Host(self, self.clock, canonical)
        self._hosts.update(dict.fromkeys(canonical, host))
        return host

    def __contains__(self, address: str) -> bool:
        """Whether a host has this address (an IP address in its shortest form)."""
        return address in self._hosts

    def set_link(self, one: str, other: str, link: Link) -> None:
        """Use ``link`` between two addresses, both ways."""
        self.set_path(one, other, link)
        self.set_path(other, one, link)

    def set_path(self, source: str, destination: str, link: Link) -> None:
        """Use ``link`` for datagrams from ``source`` to ``destination`` only."""
        self._links[_canonical(source), _canonical(destination)] = link

    def put_behind(self, host: Host, box: Middlebox) -> None:
        """Let everything from and to a host pass a box, from now on."""
        self._boxes.update(dict.fromkeys(host.addresses, box))

    def partition(self, *sides: Iterable[Host]) -> None:
        """Cut the network: hosts reach those on their own side only, from now on.

        Hosts that are on none of the ``sides`` form one more together, so ``partition([host])``
        isolates one host.  An earlier partition is forgotten.
        """
        self._sides = {
            address: number
            for number, side in enumerate(sides, 1)
            for host in side
            for address in host.addresses
        }

    def heal(self) -> None:
        """End the partition."""
        self._sides = {}

    def watch(self, watcher: Callable[[Datagram], None]) -> None:
        """Show every datagram to ``watcher`` when it is sent."""
        self._watchers.append(watcher)

    def send(self, data: bytes, source: Address, destination: Address) -> None:
        """Put a datagram on the wire.  Any ``source`` will do: addresses can be spoofed."""
        self.sent += 1
        box = self._boxes.get(source[0])
        if box is not None:
            source = box.leaves(source, destination, self.clock.seconds())
        for watcher in self._watchers:
            watcher(Datagram(self.clock.seconds(), source, destination, data))
        link = self._links.get((source[0], destination[0]), self.default_link)
        self._send_copy(link, data, source, destination)
        if link.duplicate and self.random.random() < link.duplicate:
            self.duplicated += 1
            self._send_copy(link, data, source, destination)

    def _send_copy(self, link: Link, data: bytes, source: Address, destination: Address) -> None:
        lost = link.loss and self.random.random() < link.loss
        if lost or (self._sides and self._apart(source, destination)):
            self.dropped += 1
            return
        delay = link.latency
        if callable(delay):
            delay = delay(source[0], destination[0], self.random)
        if link.jitter:
            delay += link.jitter * self.random.random()
        self.clock.callLater(delay, self._arrive, data, source, destination)

    def _arrive(self, data: bytes, source: Address, destination: Address) -> None:
        host = self._hosts.get(destination[0])
        box = self._boxes.get(destination[0])
        if host is None or (self._sides and self._apart(source, destination)):
            self.dropped += 1
            return
        inside: Address | None = destination
        if box is not None:
            inside = box.enters(source, destination, self.clock.seconds())
        if inside is not None and host.receive(data, source, inside):
            self.delivered += 1
        else:
            self.dropped += 1

    def _apart(self, source: Address, destination: Address) -> bool:
        sides = self._sides
        return bool(sides) and sides.get(source[0]) != sides.get(destination[0])


def _canonical(address: str) -> str:
    """The shortest form of an IP address, else :class:`InvalidAddress`."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise InvalidAddress(f"{address!r} is no IP address") from None
