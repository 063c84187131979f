"""A network in memory whose nodes measure whether they can be reached, some of them behind NATs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kadtwisted.model.status import ReachStatus
from kadtwisted.nat.reachability import Reachability
from kadtwisted.simulation.models.nat import PORT_RESTRICTED, Nat
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.network import Middlebox, Network
from kadtwisted.testing.network.port import Address
from kadtwisted.testing.nodes import (
    Member,
    NodeBuilder,
    NodeParts,
    block_address,
    wait_for,
)

PRIVATE = "192.168.1.2"
"""The address that each node behind a NAT has inside."""
LIFETIME = 60.0
"""Seconds for which a NAT lets somebody in."""

UNKNOWN, REACHABLE, UNREACHABLE = (each.value for each in Reachability)


class Firewall:
    """A box that changes no address, and may let in only those to whom the host has written."""

    def __init__(self) -> None:
        self.open = False
        self._nat = Nat(PORT_RESTRICTED, LIFETIME)

    def leaves(self, source: Address, destination: Address, now: float) -> Address:
        self._nat.leaves(source, destination, now)
        return source

    def enters(self, source: Address, destination: Address, now: float) -> Address | None:
        if self.open:
            return destination
        outside = self._nat.leaves(destination, ("198.51.100.99", 9), now)
        inside = self._nat.enters(source, (destination[0], outside[1]), now)
        return destination if inside is not None else None


class Town:
    """Members that have joined through the first one."""

    def __init__(
        self, seed: int = 1, address: Callable[[int], str] = block_address, **settings: Any
    ) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, seed, latency=0.02)
        chosen = {"reachability": "measure"} | settings
        self._builder = NodeBuilder.seeded(self.network, seed * 10_000, chosen, address)
        self.members: list[Member] = []

    def add(
        self, box: Middlebox | None = None, parts: NodeParts | None = None, **settings: Any
    ) -> Member:
        """One more member, started and joined; behind a NAT, it does not know its address."""
        natted = isinstance(box, Nat)
        where = {"interfaces": ("0.0.0.0",)} if natted else {}
        member = self._builder.build(
            parts,
            wrap_world=lambda world: (
                replace(world, source_address=lambda _: PRIVATE) if natted else world
            ),
            **where,
            **settings,
        )
        if box is not None:
            self.network.put_behind(member.host, box)
        member.start()
        if self.members:
            wait_for(self.clock, member.node.bootstrap([self.members[0].address]))
        self.members.append(member)
        return member

    def grow(self, count: int) -> None:
        """So many members that anybody can reach."""
        for _ in range(count):
            self.add()

    def knowing(self, member: Member) -> int:
        """How many of the others have a member in their tables."""
        others = [each for each in self.members if each is not member]
        return sum(member.node.node_id in each.table for each in others)

    def until(self, done: Callable[[], bool], at_most: float = 2000.0) -> float:
        """Let time pass until something is so; how long it took.

        ``AssertionError`` if it does not come to that.
        """
        begun = self.clock.seconds()
        while not done():
            assert self.clock.seconds() - begun < at_most, f"not so after {at_most} seconds"
            self.clock.advance(5.0)
        return self.clock.seconds() - begun

    def stop(self) -> None:
        """Stop all members."""
        for each in self.members:
            wait_for(self.clock, each.node.stop())


def reach_of(member: Member) -> ReachStatus:
    """What a member's status says of whether it can be reached."""
    reach = member.node.status().links[0].reach
    assert reach is not None
    return reach
