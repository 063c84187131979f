"""A population: whole nodes on one simulated network, and what only an observer can know.

The nodes are the production stack.  They share what nodes of one process may share: the serializer,
which keeps every contact once for all tables, and the world, so that all randomness comes from one
source.  If datagrams are not sealed nobody checks a key, so an identity costs next to nothing.

Everything that is drawn follows from the scenario's seed.  Identities, tables, nodes, network and
experiment have streams of their own, so scenarios that differ in one rule differ in nothing else.

An experiment calls these methods between simulated events; only the functions that it hands to
:meth:`Population.paced` run inside of one.
"""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.python.failure import Failure

from kadtwisted.identity.keys import SEED_BYTES, NodeKey, node_id_of
from kadtwisted.model.contact import Contact
from kadtwisted.model.ids import NodeID
from kadtwisted.node.world import World, cannot_tell
from kadtwisted.routing.nearest import nearest
from kadtwisted.simulation.models.latency import Delays
from kadtwisted.simulation.monitor import Monitor
from kadtwisted.simulation.population.sampling import sample
from kadtwisted.simulation.population.table_filling import TableFiller
from kadtwisted.simulation.scenario.scenario import Scenario
from kadtwisted.testing.inspect import endpoints_of, settle
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Network
from kadtwisted.testing.nodes import Member, NodeBuilder, NodeParts, simulated_world, wait_for
from kadtwisted.wire.cbor import CBORSerializer

T = TypeVar("T")

STARTS_AT = 1_000_000.0
"""The clock's first moment, which leaves room for the past that a filled table remembers."""

BOOTSTRAPS = 3
"""Members that a newcomer is told of."""
WAVE = 4
"""At most one in so many members joins at the same time: those who join at one moment do not know
each other."""
SAMPLES = 4
"""Round trips to each contact that an acquainted node has measured: their deviation has settled."""
LONGEST_OPERATION = 3600.0
"""Simulated seconds after which an operation that has not ended never will, by a fault of ours."""
SLICE = 1.0
"""Simulated seconds between two looks at whether the run should end."""
OBSERVER = "192.0.2.1"
"""An address (RFC 5737) where no member lives."""


class Population:
    """Members on one network; ``size`` is how many :meth:`grow` makes.

    Subclasses say in :meth:`parts_of` and :meth:`world_of` how some members differ, and in
    :meth:`contact_of` what tables hold.
    """

    def __init__(self, scenario: Scenario, size: int, monitor: Monitor) -> None:
        seed, faults = scenario.seed, scenario.faults
        self.scenario = scenario
        self.size = size
        self.clock = HeapClock(STARTS_AT)
        self.latency = Delays(scenario.latency, seed, faults.reorder)
        self.network = Network(
            self.clock, seed, latency=self.latency, loss=faults.loss, duplicate=faults.duplicate
        )
        self.random = random.Random(f"experiment {seed}")
        self.world = replace(
            simulated_world(self.network.host(OBSERVER), seed),
            now=self.clock.seconds,
            source_address=cannot_tell,
        )
        self.members: list[Member] = []
        self._monitor = monitor
        self._identities = random.Random(f"identities {seed}")
        self._filler = TableFiller(scenario.parameters, random.Random(f"tables {seed}"))
        self._serializer = CBORSerializer(node_id_of, contacts=2 * size)
        self._builder = NodeBuilder(
            self.network,
            lambda number: self._make_key(),
            self.world_of,
            scenario.node_settings(),
        )
        self._ids: list[NodeID] = []
        self._by_id: dict[NodeID, Member] = {}
        self._told = 0

    # --- Members -----------------------------------------------------------------------------

    def grow(self) -> None:
        """Make the population as the scenario says: with filled tables, or by really joining."""
        if self.scenario.start == "joined":
            self._grow_by_joining()
        else:
            self._grow_stocked()
        if self.scenario.duration:
            self._monitor.phase("letting time pass", int(self.scenario.duration))
            self.advance(self.scenario.duration)
        self._tell()

    def _grow_stocked(self) -> None:
        self._monitor.phase(f"making {self.size:,} nodes", self.size)
        while len(self.members) < self.size:
            self.add()
            self._monitor.step()
        self._monitor.phase("filling their routing tables", self.size)
        self.fill_tables(self.members)

    def _grow_by_joining(self) -> None:
        self._monitor.phase(f"letting {self.size:,} nodes join", self.size)
        while len(self.members) < self.size:
            wave = min(max(1, len(self.members) // WAVE), self.size - len(self.members))
            newcomers = [self.add() for _ in range(wave)]
            others = self.members[:-wave]
            if others:
                joining = [self.join(each, others) for each in newcomers]
                self.wait(DeferredList(joining, consumeErrors=True))
            self._monitor.step(wave)

    @property
    def born(self) -> int:
        """How many members there have been so far."""
        return self._builder.built

    def add(self, parts: NodeParts | None = None, **settings: Any) -> Member:
        """A new member, started, that knows nobody.

        ``parts`` and ``settings`` (of :class:`~kadtwisted.parameters.NodeSettings`) are its own.
        """
        own: NodeParts = {"serializer": self._serializer, **self.parts_of(self.born + 1)}
        member = self._builder.build({**own, **(parts or {})}, **settings)
        self.enter(member)
        return member

    def parts_of(self, number: int) -> NodeParts:
        """Parts of the member with this number that differ from those of other members; none."""
        return {}

    def world_of(self, host: Host, number: int) -> World:
        """The world of the member with this number: one for all."""
        return self.world

    def enter(self, member: Member) -> None:
        """Start a member that is not running, and count it among the living."""
        member.start()
        if not self.scenario.upkeep:
            member.node.switch_upkeep(on=False)
        self.members.append(member)
        node_id = member.node.node_id
        insort(self._ids, node_id)
        self._by_id[node_id] = member

    def _make_key(self) -> NodeKey:
        """An identity.  If nothing is sealed, any 32 bytes pass for a public key."""
        drawn_bytes = self._identities.randbytes(SEED_BYTES)
        if self.scenario.sealer == "plain":
            return NodeKey(drawn_bytes, drawn_bytes)
        return NodeKey.from_seed(drawn_bytes)

    def join(self, member: Member, through: Sequence[Member] = ()) -> Deferred[Any]:
        """Let a member join through a few others at random, of ``through`` if that is given.

        Fires at the end, with a failure if nobody answered.
        """
        others = through or [each for each in self.members if each is not member]
        told = [others[place].address for place in sample(0, len(others), BOOTSTRAPS, self.random)]
        return member.node.bootstrap(told)

    def fill_tables(self, members: Sequence[Member]) -> None:
        """Fill the tables of these members from global knowledge, as a long life would have.

        They also learn at which endpoint others see them.
        """
        for each in members:
            settle(each.node, each.contact.endpoint)
            self._filler.fill(each.table, self._ids, self.contact_of, self.clock.seconds())
            self._monitor.step()

    def contact_of(self, node_id: NodeID) -> Contact:
        """What a filled table holds of a living member: one object for all tables."""
        return self._by_id[node_id].contact

    def acquaint(self, members: Sequence[Member]) -> None:
        """Let these members know the round trips to their contacts, as if they had asked each a few
        times.

        Do so with nodes that are to be measured: a node that has lived for long knows them.
        """
        self._monitor.phase(f"acquainting {len(members):,} nodes with their contacts", len(members))
        draw, jitter = self.random.random, self.scenario.latency.jitter
        for member in members:
            endpoints = endpoints_of(member.node)
            own = member.host.addresses[0]
            for contact in member.table.contacts():
                rtt = self.latency.rtt(own, contact.endpoint.host)
                for _ in range(SAMPLES):
                    endpoints.answered(contact.endpoint, rtt * (1 + jitter * draw()))
            self._monitor.step()

    def crash(self, member: Member) -> None:
        """A member stops without a message, and what it stored is lost; tables still hold it."""
        self.members.remove(member)
        node_id = member.node.node_id
        del self._ids[bisect_left(self._ids, node_id)]
        del self._by_id[node_id]
        member.node.stop()

    def crash_many(self, count: int) -> list[Member]:
        """Crash ``count`` random members at the same moment; returns those that are gone."""
        gone = self.draw_many(count)
        for each in gone:
            self.crash(each)
        return gone

    def stop(self) -> None:
        """Stop everybody; datagrams that are under way arrive nowhere."""
        for each in self.members:
            each.node.stop()
        self.clock.advance(SLICE)

    # --- Who is there ------------------------------------------------------------------------

    def draw(self) -> Member:
        """A living member at random."""
        return self.members[int(len(self.members) * self.random.random())]

    def draw_many(self, count: int) -> list[Member]:
        """``count`` different living members at random, or all if there are no more."""
        return [self.members[place] for place in sample(0, len(self.members), count, self.random)]

    def nearest(self, key: NodeID, count: int) -> list[Member]:
        """The living members that are truly nearest to a key, nearest first."""
        return [self._by_id[each] for each in nearest(self._ids, key, count)]

    # --- Time --------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass; the monitor gets one step for each second."""
        ends = self.clock.seconds() + seconds
        while (now := self.clock.seconds()) < ends:
            self.clock.run_until(min(ends, now + SLICE))
            self._monitor.step()

    def wait(self, waiting: Deferred[T]) -> T:
        """Let time pass until it fires; its result, or its error raised."""
        result = wait_for(self.clock, waiting)
        self._monitor.step(0)
        return result

    def paced(
        self, count: int, rate: float, begin: Callable[[int], Deferred[T]]
    ) -> list[T | Failure]:
        """Begin ``count`` operations, ``rate`` a second, and wait for all; returns their results.

        ``begin`` is called with their numbers in turn, from 0.
        """
        results: list[Any] = [None] * count
        done = 0

        def ended(result: T | Failure, number: int) -> None:
            nonlocal done
            done += 1
            results[number] = result

        def start(number: int) -> None:
            maybeDeferred(begin, number).addBoth(ended, number)

        now = self.clock.seconds()
        for number in range(count):
            self.clock.callLater(number / rate, start, number)
        told = 0
        gives_up = now + count / rate + LONGEST_OPERATION
        while done < count:
            assert now < gives_up, f"{count - done} operations never ended"
            now += SLICE
            self.clock.run_until(now)
            self._monitor.step(done - told)
            told = done
        self._tell()
        return results

    def _tell(self) -> None:
        """Tell the monitor of the RPCs (a request and a reply) since the last call."""
        rpcs = self.network.delivered // 2
        self._monitor.exchanged(rpcs - self._told)
        self._told = rpcs
