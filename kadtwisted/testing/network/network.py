"""A UDP network in memory: hosts, and between them latency, loss, duplicates, reordering, cuts.

It decides whether, when and how often a datagram arrives; everything it draws comes from one
seeded source, so a run is repeated by its seed.  It never looks into a datagram, never tells a
sender what became of it (there is no ICMP here), and never changes the bytes.

Rules of the wire: what happens to a datagram depends on its source address and its destination
address (:class:`Conditions`, for each direction, else the network's default); each copy is lost or
delayed on its own; a datagram that is under way when a partition begins does not arrive.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple, Protocol

from kadtwisted.errors import InvalidAddress, InvalidInput
from kadtwisted.model.printable import described
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.port import Address

Latency = float | Callable[[str, str, random.Random], float]
"""Seconds one way, or what computes them from source host, destination host and the network's
random source."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What happens to datagrams on their way from one host to another."""

    latency: Latency = 0.02
    """One way, in seconds."""
    jitter: float = 0.0
    """Up to so many seconds more, drawn evenly for each copy, so that datagrams overtake others."""
    loss: float = 0.0
    """The probability that a copy gets lost."""
    duplicate: float = 0.0
    """The probability that a datagram is sent on twice."""

    def __post_init__(self) -> None:
        numbers = [self.jitter, self.loss, self.duplicate]
        if not callable(self.latency):
            numbers.append(self.latency)
        for each in numbers:
            if (
                not isinstance(each, int | float)
                or isinstance(each, bool)
                or (isinstance(each, float) and isnan(each))
            ):
                raise InvalidInput(f"conditions of a network are numbers, not {described(each)}")
        if not (0 <= self.loss <= 1 and 0 <= self.duplicate <= 1):
            raise InvalidInput("loss and duplicate are probabilities: from 0 to 1")
        if self.jitter < 0 or (not callable(self.latency) and self.latency < 0):
            raise InvalidInput("latency and jitter are seconds: not negative")


class Datagram(NamedTuple):
    """What a watcher sees of each datagram that is sent, whether or not it will arrive."""

    moment: float
    source: Address
    destination: Address
    data: bytes


class Middlebox(Protocol):
    """A box between a host and the network: a NAT, a firewall.

    Addresses are hosts and ports; ``now`` is the network's time in seconds.
    """

    def leaves(self, source: Address, destination: Address, now: float) -> Address:
        """A datagram goes out: the source that the network sees."""

    def enters(self, source: Address, destination: Address, now: float) -> Address | None:
        """A datagram comes in: its destination behind the box, or ``None`` if it is dropped."""


class Network:
    """Hosts that reach each other, on one clock.

    ``latency``, ``jitter``, ``loss`` and ``duplicate`` make the default :attr:`conditions`, which
    can be replaced at any time.  ``sent`` counts the datagrams written, ``duplicated`` the second
    copies, ``delivered`` what a protocol received, and ``dropped`` what was lost, was cut off or
    found nobody who listens.
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
        self.conditions = Conditions(latency, jitter, loss, duplicate)
        self.sent = self.duplicated = self.delivered = self.dropped = 0
        self._hosts: dict[str, Host] = {}
        self._own_conditions: dict[tuple[str, str], Conditions] = {}
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
        host = Host(self.clock, canonical, self.send, self._hosts.__contains__)
        self._hosts.update(dict.fromkeys(canonical, host))
        return host

    def move(self, host: Host, *addresses: str) -> None:
        """Give a host other addresses, or none: what was sent to the old ones arrives nowhere.

        A port on a wildcard address goes on with the new ones; a box stays with the old addresses.
        :class:`InvalidAddress` if one is no IP address or belongs to another host.
        """
        canonical = tuple(_canonical(each) for each in addresses)
        if any(self._hosts.get(each, host) is not host for each in canonical):
            raise InvalidAddress(f"a host needs addresses of its own, not {addresses}")
        for each in host.addresses:
            self._hosts.pop(each, None)
        host.addresses = canonical
        self._hosts.update(dict.fromkeys(canonical, host))

    def __contains__(self, address: str) -> bool:
        """Whether a host has this address (an IP address in its shortest form)."""
        return address in self._hosts

    def set_conditions(self, one: str, other: str, conditions: Conditions) -> None:
        """Use these conditions between two addresses, both ways."""
        self.set_conditions_one_way(one, other, conditions)
        self.set_conditions_one_way(other, one, conditions)

    def set_conditions_one_way(self, source: str, destination: str, conditions: Conditions) -> None:
        """Use these conditions for datagrams from ``source`` to ``destination`` only."""
        self._own_conditions[_canonical(source), _canonical(destination)] = conditions

    def put_behind(self, host: Host, box: Middlebox) -> None:
        """Put a box between a host and the network: all its datagrams pass it from now on."""
        self._boxes.update(dict.fromkeys(host.addresses, box))

    def partition(self, *sides: Iterable[Host]) -> None:
        """Cut the network: from now on a host reaches the hosts of its own side only.

        All hosts that are on none of the ``sides`` form one more side, so ``partition([host])``
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
        conditions = self._own_conditions.get((source[0], destination[0]), self.conditions)
        self._send_copy(conditions, data, source, destination)
        if conditions.duplicate and self.random.random() < conditions.duplicate:
            self.duplicated += 1
            self._send_copy(conditions, data, source, destination)

    def _send_copy(
        self, conditions: Conditions, data: bytes, source: Address, destination: Address
    ) -> None:
        lost = conditions.loss and self.random.random() < conditions.loss
        if lost or (self._sides and self._apart(source, destination)):
            self.dropped += 1
            return
        delay = conditions.latency
        if callable(delay):
            delay = delay(source[0], destination[0], self.random)
        if conditions.jitter:
            delay += conditions.jitter * self.random.random()
        self.clock.post(delay, self._arrive, data, source, destination)

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
        if not isinstance(address, str):  # ipaddress would take a number
            raise ValueError
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise InvalidAddress(f"the address {address!r:.60} of a host is no IP address") from None
