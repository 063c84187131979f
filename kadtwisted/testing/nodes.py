"""Whole nodes on the network in memory: the real stack on a simulated world.

:class:`NodeBuilder` builds the nodes of every simulated network of this package: of a
:class:`Swarm`, which is for tests, of the campaigns, and of the simulations.

Everything that a node draws comes from a seed, keys included, so a run is repeated by its seeds.
Such keys are as easy to guess as their seeds: they are for tests only.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypedDict, TypeVar, Unpack

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from kadtwisted.dialects.dialect import MakeDialect
from kadtwisted.errors import ConfigurationError, InvalidInput, Unavailable
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INodeState, ISerializer, IStorage
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.printable import described
from kadtwisted.node.assembly import WrapHandler
from kadtwisted.node.node import Node
from kadtwisted.node.world import World
from kadtwisted.parameters import NodeSettings
from kadtwisted.routing.table import RoutingTable
from kadtwisted.testing.inspect import table_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Network

T = TypeVar("T")

EPOCH = 1_800_000_000.0
"""Unix time at the start of every simulation (January 2027)."""

PORT = 8000
"""Where every simulated node listens."""

BLOCKS = 70 * 256 * 256
"""How many address blocks there are."""


def block_address(number: int) -> str:
    """The address of host ``number``, from 0 to :data:`BLOCKS` - 1, in a /24 block of its own.

    Neighbours in number differ in the first byte (20 to 89), as if hosts were all over the
    Internet: a node on an open network keeps few contacts of one block in its table.
    """
    return f"{20 + number % 70}.{number // 70 % 256}.{number // 17_920}.1"


def simulated_world(
    host: Host, seed: int, *, skew: float = 0.0, names: dict[str, Sequence[str]] | None = None
) -> World:
    """The world of a node on ``host``: its clock and addresses, seeded randomness, and a resolver.

    The wall clock is wrong by ``skew`` seconds.  The resolver knows IP addresses and ``names``.
    """
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
        source_address=host.source_address,
    )


class NodeParts(TypedDict, total=False):
    """What :class:`~kadtwisted.node.node.Node` takes beside its settings; all can be left out."""

    storage: IStorage
    serializer: ISerializer
    state: INodeState
    dialect: MakeDialect
    wrap_handler: WrapHandler


def simulated_node(
    host: Host,
    seed: int,
    settings: NodeSettings | None = None,
    *,
    world: World | None = None,
    **parts: Unpack[NodeParts],
) -> Node:
    """A node on ``host`` with the key that follows from ``seed``, not started.

    Without ``settings`` it will listen on all addresses of its host, port 8000.
    """
    if settings is None:
        settings = NodeSettings(port=PORT, interfaces=host.addresses, reachability="assume")
    world = world or simulated_world(host, seed)
    return Node(host, settings, seeded_key(seed), world=world, **parts)


def seeded_key(seed: int) -> NodeKey:
    """The key that follows from ``seed``."""
    return NodeKey.generate(random.Random(f"key {seed}").randbytes)


def wait_for(clock: HeapClock, waiting: Deferred[T], at_most: float = 600.0) -> T:
    """Let time pass until a Deferred fires; its result, or its error raised.

    ``AssertionError`` if it has not fired after ``at_most`` simulated seconds.
    """
    if not isinstance(waiting, Deferred):
        raise InvalidInput(f"what is waited for is a Deferred, not {described(waiting)}")
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


class Member:
    """One node of a simulated network, and where it runs.

    ``number`` counts from 1.  ``contact`` is what others know of the node.
    """

    __slots__ = ("contact", "host", "node", "number")

    def __init__(self, number: int, node: Node, host: Host, port: int = PORT) -> None:
        self.number = number
        self.node = node
        self.host = host
        self.contact = Contact.at(node.node_id, Endpoint(host.addresses[0], port), node.public_key)

    @property
    def address(self) -> str:
        """Where it listens, as people write it."""
        return str(self.contact.endpoint)

    @property
    def table(self) -> RoutingTable:
        """Its routing table."""
        return table_of(self.node)

    def known(self) -> dict[NodeID, str]:
        """The state of every contact in its table."""
        return {c.node_id: c.state for b in self.node.routing().buckets for c in b.contacts}

    def start(self) -> None:
        """Start the node; ``AssertionError`` if that takes time, as with a storage in a file."""
        starting = self.node.start()
        assert starting.called, "a node with its storage in memory starts at once"


class NodeBuilder:
    """Builds the nodes of one network, each on a host of its own.

    ``make_key`` gives the key of a node by its number, ``make_world`` its world by its host and its
    number, ``address`` its address by its number.  ``settings`` are those of
    :class:`~kadtwisted.parameters.NodeSettings` that all nodes share; unless they say otherwise,
    nodes assume that others can reach them.
    """

    def __init__(
        self,
        network: Network,
        make_key: Callable[[int], NodeKey],
        make_world: Callable[[Host, int], World],
        settings: Mapping[str, Any],
        address: Callable[[int], str] = block_address,
    ) -> None:
        self.built = 0
        self._address = address
        self._network = network
        self._make_key = make_key
        self._make_world = make_world
        self._settings = dict(settings)

    @classmethod
    def seeded(
        cls,
        network: Network,
        seed: int,
        settings: Mapping[str, Any],
        address: Callable[[int], str] = block_address,
    ) -> NodeBuilder:
        """A builder whose nodes have keys and randomness by ``seed`` and their number."""
        return cls(
            network,
            lambda number: seeded_key(seed + number),
            lambda host, number: simulated_world(host, seed + number),
            settings,
            address,
        )

    def build(
        self,
        parts: NodeParts | None = None,
        *,
        wrap_host: Callable[[Host], Any] = lambda host: host,
        wrap_world: Callable[[World], World] = lambda world: world,
        **settings: Any,
    ) -> Member:
        """One more node, not started, with ``parts`` and ``settings`` of its own.

        ``wrap_host`` makes the node's reactor out of its host, which is the reactor by default.
        ``wrap_world`` makes the node's world out of the world that the builder made.
        """
        self.built += 1
        number = self.built
        address = self._address(number)
        host = self._network.host(address)
        where: dict[str, Any] = {
            "port": PORT,
            "interfaces": (address,),
            "reachability": "assume",
        }
        chosen = where | self._settings | settings
        known = {each.name for each in fields(NodeSettings)}
        for each in chosen:
            if each not in known:
                raise ConfigurationError(f"a NodeSettings has no setting {each!r}")
        node = Node(
            wrap_host(host),
            NodeSettings(**chosen),
            self._make_key(number),
            world=wrap_world(self._make_world(host, number)),
            **(parts or {}),
        )
        return Member(number, node, host, chosen["port"])


class Swarm:
    """A network of nodes that have joined each other, each in an address block of its own.

    All of them are made of the same ``parts``, so these must be such as nodes can share.
    """

    def __init__(
        self,
        size: int,
        seed: int = 1,
        *,
        network: Network | None = None,
        parts: NodeParts | None = None,
        **settings: Any,
    ) -> None:
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidInput(f"the size of a swarm is a whole number, not {described(size)}")
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise InvalidInput(f"the seed of a swarm is a whole number, not {described(seed)}")
        self.clock = network.clock if network is not None else HeapClock()
        self.network = network or Network(self.clock, seed, latency=0.01)
        self.nodes: list[Node] = []
        self._parts = parts
        self._builder = NodeBuilder.seeded(self.network, seed * 10_000, settings)
        for _ in range(size):
            self.add()

    def add(self, **settings: Any) -> Node:
        """One more node: started, and joined through the first one."""
        node = self._builder.build(self._parts, **settings).node
        self.wait(node.start())
        if self.nodes:
            self.wait(node.bootstrap([self.address_of(self.nodes[0])]))
        self.nodes.append(node)
        return node

    def address_of(self, node: Node) -> str:
        """Where a node listens, as people write it; :class:`InvalidInput` if it does not."""
        return str(self._listening(node))

    def host_of(self, node: Node) -> Host:
        """The host a node runs on; :class:`InvalidInput` for a node that does not listen."""
        return self.network.host(self._listening(node).host)

    @staticmethod
    def _listening(node: Node) -> Endpoint:
        if not isinstance(node, Node):
            raise InvalidInput(f"a node of the swarm is asked for, not {described(node)}")
        listening = node.status().links[0].listening
        if listening is None:
            raise InvalidInput(f"{node!r} does not listen: start it first")
        return listening

    def wait(self, waiting: Deferred[T], at_most: float = 600.0) -> T:
        """As :func:`wait_for` on this swarm's clock."""
        return wait_for(self.clock, waiting, at_most)

    def stop(self) -> None:
        """Stop every node; datagrams that are under way arrive nowhere."""
        for node in self.nodes:
            self.wait(node.stop())
        self.clock.advance(1.0)
