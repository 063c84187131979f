"""Whole nodes on the network in memory: the real stack, its contacts with the world simulated.

Everything a node draws comes from the seed it is made with, keys included, so a run is repeated by
its seeds.  The identity keys made here are as guessable as their seeds: for tests only.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import Unavailable
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INodeState, IStorage
from kadtwisted.node.node import Node
from kadtwisted.node.world import World
from kadtwisted.parameters import NodeSettings
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Network

T = TypeVar("T")

EPOCH = 1_800_000_000.0
"""Unix time at the start of every simulation (January 2027)."""

PORT = 8000


def simulated_world(
    host: Host, seed: int, *, skew: float = 0.0, names: dict[str, Sequence[str]] | None = None
) -> World:
    """The world of a node on ``host``: its clock (wrong by ``skew`` seconds), seeded randomness,
    and a resolver that knows IP addresses and ``names``."""
    source = random.Random(seed)
    known = names or {}

    def resolve(name: str) -> Deferred[Sequence[str]]:
        try:
            return succeed((str(ipaddress.ip_address(name)),))
        except ValueError:
            pass
        if name in known:
            return succeed(known[name])
        return fail(Unavailable(f"the name {name!r} does not resolve"))

    return World(
        now=host.seconds,
        unix_time=lambda: EPOCH + skew + host.seconds(),
        resolve=resolve,
        secure_random=source.randbytes,
        random=source,
    )


def simulated_node(
    host: Host,
    seed: int,
    settings: NodeSettings | None = None,
    *,
    storage: IStorage | None = None,
    state: INodeState | None = None,
    world: World | None = None,
) -> Node:
    """A node with a key of the seed's, on the host's first address, port 8000, not started."""
    key = NodeKey.generate(random.Random(f"key {seed}").randbytes)
    if settings is None:
        settings = NodeSettings(port=PORT, interfaces=host.addresses)
    return Node(
        host,
        settings,
        key,
        storage=storage,
        state=state,
        world=world or simulated_world(host, seed),
    )


def wait_for(clock: HeapClock, waiting: Deferred[T], at_most: float = 600.0) -> T:
    """Let time pass until a Deferred fires; its result, or its error raised.

    ``AssertionError`` if it has not fired after ``at_most`` simulated seconds.
    """
    results: list[T | Failure] = []
    waiting.addBoth(results.append)
    ends = clock.seconds() + at_most
    while not results and clock.seconds() < ends:
        clock.advance(min(0.05, ends - clock.seconds()))
    assert results, f"nothing came of it within {at_most} seconds"
    result = results[0]
    if isinstance(result, Failure):
        result.raiseException()
        raise AssertionError("unreachable")
    return result


class Swarm:
    """A network of nodes that have joined each other.

    Each is in a block of addresses of its own, at 192.1.1.1, 192.1.2.1 and so on: a node keeps few
    contacts of one block in its table.
    """

    def __init__(
        self, size: int, seed: int = 1, *, network: Network | None = None, **settings: object
    ) -> None:
        self.clock = network.clock if network is not None else HeapClock()
        self.network = network or Network(self.clock, seed, latency=0.01)
        self.seed = seed
        self.nodes: list[Node] = []
        self._settings = settings
        for _ in range(size):
            self.add()

    def add(self, **settings: object) -> Node:
        """One more node: started, and joined through the first one."""
        number = len(self.nodes) + 1
        address = f"192.{1 + number // 250}.{number % 250}.1"
        host = self.network.host(address)
        chosen = {"port": PORT, "interfaces": (address,), **self._settings, **settings}
        node = simulated_node(host, self.seed * 10_000 + number, NodeSettings(**chosen))  # type: ignore[arg-type]
        self.wait(node.start())
        if self.nodes:
            self.wait(node.bootstrap([self.address_of(self.nodes[0])]))
        self.nodes.append(node)
        return node

    def address_of(self, node: Node) -> str:
        """Where a node listens, as people write it."""
        return str(node.status().links[0].listening)

    def host_of(self, node: Node) -> Host:
        """The host a node runs on."""
        listening = node.status().links[0].listening
        assert listening is not None
        return self.network.host(listening.host)

    def wait(self, waiting: Deferred[T], at_most: float = 600.0) -> T:
        """As :func:`wait_for` on this swarm's clock."""
        return wait_for(self.clock, waiting, at_most)

    def stop(self) -> None:
        """Stop every node and let what is under way arrive nowhere."""
        for node in self.nodes:
            self.wait(node.stop())
        self.clock.advance(1.0)
