"""The network of a campaign: its members join, put, read and crash.

A crowd decides through whom a member joins; the campaign says when one crashes.  A crash is a stop
without a message, as :meth:`~kadtwisted.node.node.Node.stop` is for others, and all that the member
stored is lost.  What members hold is read from their storages, never asked over the network.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from kadtwisted.errors import NodeStopped
from kadtwisted.model.ids import NodeID, key_of_name
from kadtwisted.model.record import Kind, StoredRecord
from kadtwisted.model.results import GetResult
from kadtwisted.node.world import World
from kadtwisted.storage.memory import MemoryStorage
from kadtwisted.testing.campaigns.report import Report
from kadtwisted.testing.inspect import storage_of
from kadtwisted.testing.network.clock import HeapClock
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.network.network import Conditions, Datagram, Network
from kadtwisted.testing.nodes import Member, NodeBuilder, block_address, wait_for

T = TypeVar("T")

MINUTE = 60.0
HOUR = 3600.0

BOOTSTRAPS = 3
"""Members that a newcomer is told of."""


class Crowd:
    """Members on one network; everything drawn comes from ``seed``.

    ``settings`` are those of :class:`~kadtwisted.parameters.NodeSettings`.  Unless these say
    otherwise, datagrams are not encrypted, which makes a campaign faster and changes nothing else.
    """

    def __init__(
        self, seed: int, report: Report, *, conditions: Conditions | None = None, **settings: Any
    ) -> None:
        self.clock = HeapClock()
        self.network = Network(self.clock, seed)
        self.network.conditions = conditions or Conditions(latency=0.02, jitter=0.04)
        self.random = random.Random(f"crowd {seed}")
        self.members: list[Member] = []
        self.report = report
        self.settings = {"sealer": "plain", **settings}
        self._builder = NodeBuilder.seeded(
            self.network, seed * 1_000_000, self.settings, self.address
        )
        self._joined: dict[int, None] = {}
        self._bytes: Counter[str] = Counter()
        self.network.watch(self._count)

    # --- Members -----------------------------------------------------------------------------

    def grow(self, size: int) -> None:
        """Add members one after the other until there are so many."""
        while len(self.members) < size:
            self.wait(self.join(self.add()))

    def add(
        self,
        *,
        wrap_host: Callable[[Host], Any] = lambda host: host,
        wrap_world: Callable[[World], World] = lambda world: world,
    ) -> Member:
        """A new member, started, that has not joined yet; see :meth:`NodeBuilder.build`."""
        member = self._builder.build(
            {"storage": MemoryStorage(100_000, 1 << 28)},
            wrap_host=wrap_host,
            wrap_world=wrap_world,
        )
        self.members.append(member)
        member.start()
        return member

    def address(self, number: int) -> str:
        """The address of the member with this number."""
        return block_address(number)

    def join(self, member: Member) -> Deferred[None]:
        """Let it join through a few random members; fires with ``None`` at the end, in any case."""
        others = [each for each in self.members if each is not member]
        told = [self.draw(others).address for _ in range(BOOTSTRAPS if others else 0)]

        def ended(_: object) -> None:
            self._joined[member.number] = None

        joining: Deferred[Any] = member.node.bootstrap(told) if told else succeed(None)
        return joining.addBoth(ended)

    def ready(self) -> list[Member]:
        """The members that have joined, or failed to."""
        return [each for each in self.members if each.number in self._joined]

    def crash(self, member: Member) -> None:
        """A member stops without a message; all that it stored is lost."""
        self.members.remove(member)
        member.node.stop()

    def draw(self, members: Sequence[Member]) -> Member:
        """One of them at random."""
        return members[int(self.random.random() * len(members))]

    def draw_many(self, members: Sequence[Member], count: int) -> list[Member]:
        """``count`` different ones of them at random."""
        left = list(members)
        return [left.pop(int(self.random.random() * len(left))) for _ in range(count)]

    def islands(self) -> int:
        """The number of parts without a contact between them; 1 if the network is whole."""
        links: dict[NodeID, set[NodeID]] = {each.node.node_id: set() for each in self.members}
        for member in self.members:
            for known in member.known():
                if known in links:
                    links[member.node.node_id].add(known)
                    links[known].add(member.node.node_id)
        count = 0
        while links:
            count += 1
            reached = [next(iter(links))]
            for node_id in reached:
                reached += [each for each in links.pop(node_id, ()) if each in links]
        return count

    # --- Time --------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass; ``OutOfTime`` once the campaign's own time is over."""
        ends = self.clock.seconds() + seconds
        while self.clock.seconds() < ends:
            self.report.check_time()
            self.clock.run_until(min(ends, self.clock.seconds() + 10))

    def wait(self, waiting: Deferred[T]) -> T:
        """Let time pass until it fires; its result, or its error raised."""
        self.report.check_time()
        return wait_for(self.clock, waiting)

    def every(self, period: float, work: Callable[[], object]) -> Callable[[], None]:
        """Call ``work`` after each period; returns a function that ends this."""

        def again() -> None:
            waiting[0] = self.clock.callLater(period, again)
            work()

        def end() -> None:
            waiting[0].cancel()

        waiting = [self.clock.callLater(period, again)]
        return end

    # --- Values ------------------------------------------------------------------------------

    def put(self, values: dict[str, bytes], lifetime: float, at_once: int = 50) -> None:
        """Put all values, each from a random member."""
        names = list(values)
        for start in range(0, len(names), at_once):
            putting = [
                self.draw(self.members).node.put(name, values[name], lifetime=lifetime)
                for name in names[start : start + at_once]
            ]
            for each in putting:
                self.wait(each)

    def holders(self, name: str) -> list[Member]:
        """The members that hold a living record under a name, the nearest first."""
        key = key_of_name(name)
        return [each for each in self.nearest(key) if self.held(each, key)]

    def held(self, member: Member, key: NodeID, kind: Kind = Kind.VALUE) -> Sequence[StoredRecord]:
        """The living records of one kind that a member holds under a key."""
        found: list[Sequence[StoredRecord]] = []
        storage_of(member.node).get(kind, key, self.clock.seconds()).addCallback(found.append)
        return found[0]

    def nearest(self, key: NodeID) -> list[Member]:
        """All members by their distance to a key."""
        return sorted(self.members, key=lambda each: each.node.node_id ^ key)

    # --- What is sent ------------------------------------------------------------------------

    def _count(self, datagram: Datagram) -> None:
        self._bytes[datagram.source[0]] += len(datagram.data)

    def bytes_sent(self) -> int:
        """Bytes of UDP payload that all members have sent so far."""
        return self._bytes.total()

    # --- The end -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop everybody, and let what is left on the clock end."""
        for member in self.members:
            self.wait(member.node.stop())
        self.clock.advance(MINUTE)


class Reader:
    """Reads known values, each from a random member that has joined, and counts the results.

    A read whose member crashes meanwhile does not count.
    """

    def __init__(self, crowd: Crowd, values: dict[str, bytes]) -> None:
        self.values = values
        self.right = 0
        self.wrong: Counter[str] = Counter()
        self._crowd = crowd
        self._names = list(values)

    @property
    def ratio(self) -> float:
        """The part of the reads that returned the right value, in per cent."""
        return 100 * self.right / max(1, self.right + self.wrong.total())

    def read(self) -> Deferred[None]:
        """Read a random value."""
        return self.read_of(self._names[int(self._crowd.random.random() * len(self._names))])

    def read_of(self, name: str) -> Deferred[None]:
        """Read the value under this name; fires with ``None`` at the end, in any case."""
        reading = self._crowd.draw(self._crowd.ready()).node.get(name)
        return reading.addCallbacks(self._took, self._lost, callbackArgs=(self.values[name],))

    def _took(self, result: GetResult, expected: bytes) -> None:
        if result.value == expected:
            self.right += 1
        else:
            self.wrong["another value"] += 1

    def _lost(self, failure: Failure) -> None:
        if not failure.check(NodeStopped):
            self.wrong[failure.type.__name__ if failure.type else "unknown"] += 1


def made_values(count: int) -> dict[str, bytes]:
    """``count`` different values of 100 bytes, by name."""
    return {f"name {number}": b"%099d." % number for number in range(count)}


def shown(wrong: Counter[str]) -> str:
    """Failures and their numbers, as text."""
    return ", ".join(f"{count} {what}" for what, count in wrong.items()) or "nothing"
