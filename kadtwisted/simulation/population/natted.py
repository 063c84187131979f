"""A population of which a part lives behind NATs, and what an observer sees of it.

Which datagrams a NAT would let in is read from the NAT itself, so looking changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from twisted.internet.defer import Deferred, succeed

from kadtwisted.model.contact import Endpoint
from kadtwisted.node.world import World
from kadtwisted.simulation.models.nat import MEASURE, RELAY, Nat, NatSettings, Relayed
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.population import BOOTSTRAPS, Population
from kadtwisted.simulation.population.sampling import sample
from kadtwisted.simulation.population.traffic import TrafficMeter
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.inspect import link_of
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Datagram
from kadtwisted.testing.nodes import PORT, Member, NodeParts

BEHIND = "192.168.1.2"
"""The address that every machine behind a NAT has."""
STRANGER = ("131.0.0.1", PORT)
"""An endpoint to which no node ever sends."""


class NattedPopulation(Population):
    """A population of which a part, in per cent, lives behind NATs.

    ``rule`` says what is done about NATs, as
    :attr:`~kadtwisted.simulation.models.nat.NatSettings.reachability` does.
    """

    def __init__(
        self, scenario: Scenario, size: int, share: int, rule: str, monitor: Monitor
    ) -> None:
        super().__init__(scenario, size, monitor)
        settings = scenario.nat or NatSettings()
        drawing = random.Random(f"nat {scenario.seed}")
        # Others join through the first members.
        behind = sample(BOOTSTRAPS, size, size * share // 100, drawing)
        kinds, lifetimes = settings.kinds(len(behind)), settings.lifetime
        self._rule = rule
        self._nats = {
            1 + place: Nat(kind, lifetimes[turn % len(lifetimes)])
            for turn, (place, kind) in enumerate(zip(behind, kinds, strict=False))
        }
        self._at: dict[str, Nat | Relayed] = {}
        self._behind: dict[str, Member] = {}
        self._relays: dict[str, str] = {}
        self._ways: Sequence[str] = ()
        self.meter = TrafficMeter()
        self.network.watch(self._watch)
        if rule == RELAY:
            self._measured = self.latency.rtt
            self.latency.rtt = self._rtt

    def add(self, parts: NodeParts | None = None, **settings: Any) -> Member:
        """One more member, behind a NAT if it should be."""
        if self._rule == MEASURE:
            # Bound to all addresses, a node asks its world for its own one.
            settings = {"reachability": MEASURE, "interfaces": ("0.0.0.0",), **settings}
        member = super().add(parts, **settings)
        nat = self._nats.get(member.number)
        if nat is not None:
            box = Relayed(nat) if self._rule == RELAY else nat
            self.network.put_behind(member.host, box)
            address = member.host.addresses[0]
            self._at[address], self._behind[address] = box, member
        self._relays.clear()  # a newcomer may be nearer
        return member

    def world_of(self, host: Host, number: int) -> World:
        """A member knows the address that its machine has: behind a NAT a private one."""
        own = BEHIND if number in self._nats else host.addresses[0]
        return replace(self.world, source_address=lambda endpoint: own)

    def join(self, member: Member, through: Sequence[Member] = ()) -> Deferred[Any]:
        """Let a member join through members without a NAT."""
        others = [
            each
            for each in through or self.members
            if each is not member and not self.is_natted(each)
        ]
        return super().join(member, others) if others else succeed(None)

    # --- Looking -----------------------------------------------------------------------------

    def is_natted(self, member: Member) -> bool:
        """Whether a member lives behind a NAT."""
        return member.number in self._nats

    def split(self) -> tuple[list[Member], list[Member]]:
        """The members without a NAT, and those behind one."""
        natted = [each for each in self.members if self.is_natted(each)]
        return [each for each in self.members if not self.is_natted(each)], natted

    def lets_in(self, endpoint: Endpoint, source: tuple[str, int]) -> bool:
        """Whether a datagram from ``source`` to this endpoint would reach a member now."""
        box = self._at.get(endpoint.host)
        if isinstance(box, Nat):
            return box.enters(source, endpoint, self.clock.seconds()) is not None
        return endpoint.host in self.network

    def seen(self, member: Member) -> Endpoint:
        """The source that others see of a member's own datagrams, as far as it was told."""
        return self._outside(member) or member.contact.endpoint

    def reachable(self) -> list[Member]:
        """The members that anybody can reach."""
        found: list[Member] = []
        for member in self.members:
            outside = self._outside(member)
            if outside is not None and self.lets_in(outside, STRANGER):
                found.append(member)
        return found

    def _outside(self, member: Member) -> Endpoint | None:
        """Where others see a member; ``None`` if it is behind a NAT and nobody has told it yet."""
        return link_of(member.node).told if self.is_natted(member) else member.contact.endpoint

    def serving(self) -> list[Member]:
        """The members that serve others, as far as they themselves say."""
        found: list[Member] = []
        for member in self.members:
            reach = member.node.status().links[0].reach
            if reach is None or not reach.read_only:
                found.append(member)
        return found

    def lifelines(self, holders: Sequence[Member]) -> int:
        """On how many hosts that anybody can reach these members hang: if all of these hosts leave,
        none of the members can be reached.  A member that needs no relay hangs on its own host."""
        hosts = (each.host.addresses[0] for each in holders)
        return len({self._relay_of(each) if self._is_relayed(each) else each for each in hosts})

    # --- Relays ------------------------------------------------------------------------------

    def _watch(self, datagram: Datagram) -> None:
        """Count a datagram; find out through which relays it goes."""
        self._ways = self._relays_of(datagram) if self._rule == RELAY else ()
        self.meter.count(datagram, self._ways)

    def _relays_of(self, datagram: Datagram) -> list[str]:
        source, destination = datagram.source, datagram.destination
        found: list[str] = []
        own, other = self._at.get(source[0]), self._at.get(destination[0])
        if isinstance(own, Relayed) and own.by_relay:
            found.append(self._relay_of(source[0]))
        if isinstance(other, Relayed) and not other.is_open(destination, source, datagram.moment):
            found.append(self._relay_of(destination[0]))
        return found

    def _is_relayed(self, host: str) -> bool:
        """Whether strangers reach a member only through its relay."""
        box, now = self._at.get(host), self.clock.seconds()
        return isinstance(box, Relayed) and not box.is_open((host, PORT), STRANGER, now)

    def _relay_of(self, host: str) -> str:
        """The host of a member's relay: the member without a NAT that is nearest to its ID."""
        found = self._relays.get(host)
        if found is None:
            own = self._behind[host].node.node_id
            nearest = min(self.split()[0], key=lambda each: each.node.node_id ^ own)
            found = self._relays[host] = nearest.host.addresses[0]
        return found

    def _rtt(self, one: str, other: str) -> float:
        """The round trip on the way that the datagram of the moment takes."""
        stops = [one, *self._ways, other]
        return sum(self._measured(here, there) for here, there in pairwise(stops))
