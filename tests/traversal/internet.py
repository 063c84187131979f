"""The internet of one run: public nodes, homes of every kind, and a node on each of their hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, count, product
from pathlib import Path
from random import Random
from typing import Any

from kadtwisted.api.answers import ControlUnavailable
from tests.traversal.crowd import Crowd
from tests.traversal.daemons import Daemon
from tests.traversal.homes import Home, Kind, Namespaces
from tests.traversal.waiting import until

FIRST_NUMBERS = (5, 23, 37, 45, 51, 62, 77, 80, 91, 109, 128, 151)
"""Of the public nodes' addresses: each in a network of its own."""
CROWD = 120
"""Further public nodes: more than a node writes to while it joins."""
AT_ONCE = 8
"""MAGIC: daemons that are started, and questions that are asked, at the same time: more would only
wait for the processors of a small machine."""
JOINED = 120.0
"""MAGIC: seconds after which a node that has not joined never will, on a busy machine too."""


@dataclass(eq=False)
class Member:
    """A node of the network; ``home`` is ``None`` for a public one."""

    daemon: Daemon
    home: Home | None = None
    key: str = ""
    node_id: str = ""

    @property
    def kind(self) -> Kind | None:
        return None if self.home is None else self.home.kind


@dataclass
class Internet:
    """All nodes, in namespaces of their own; ``work`` is where they keep their files."""

    spaces: Namespaces
    work: Path
    public: list[Member] = field(default_factory=list)
    private: list[Member] = field(default_factory=list)
    crowd: list[Member] = field(default_factory=list)
    homes: list[Home] = field(default_factory=list)
    _crowd: Crowd | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def add_public(self) -> None:
        """The nodes that everybody reaches."""
        for number, first in enumerate(FIRST_NUMBERS):
            name = self.spaces.add(f"p{number}")
            self.spaces.public(name, f"{first}.{number}.0.10")
            self.public.append(Member(self.node(name)))
        name = self.spaces.add("crowd")
        addresses = [f"{200 + number // 50}.{number}.0.10" for number in range(CROWD)]
        self.spaces.public(name, *addresses)
        self._crowd = Crowd(name, addresses, self.work)
        self.crowd = [Member(daemon) for daemon in self._crowd.daemons]

    def add_homes(self, kind: Kind, many: int) -> None:
        """Homes of one kind, with a node on each of their hosts."""
        options = ["--portmap", "auto" if kind.mapped else "none"]
        for _ in range(many):
            home = Home(self.spaces, kind, self.next_number(), self.work)
            self.homes.append(home)
            self.private.extend(
                Member(Daemon(host.namespace, host.port, self.work, options), home)
                for host in home.hosts
            )

    def next_number(self) -> int:
        """The number of the next home."""
        return next(self._numbers)

    def node(self, namespace: str) -> Daemon:
        """A node of a public host."""
        return Daemon(namespace, 8000, self.work, ["--portmap", "none"])

    def start_public(self) -> None:
        """All join through the same three.  Then each starts once more: a node verifies whom it
        asks first at once, and others only when it has not heard of them for a while; so a network
        whose nodes all begin together would take many minutes until everybody is verified."""
        for member in self.public:
            member.daemon.start(*self.entrances)
        self.wait_for("the public nodes", self.public, least=0)
        for member in self.public:
            member.daemon.stop()
            member.daemon.start(*self.entrances)
            self.wait_for("the public nodes", [member], least=6)
        self._crowd.start(self.entrances)
        self._crowd.wait()
        self.wait_for("the crowd", self.crowd, least=3)

    def start_private(self) -> None:
        """Each joins through three public nodes."""
        for some in self.batches(self.private):
            for member in some:
                member.daemon.start(*self.entrances)
            self.wait_for("the private nodes", some, least=3)

    def restart_private(self) -> None:
        """Other nodes at the same places: new identities, and gateways that have forgotten."""
        list(self.each(lambda member: member.daemon.stop(), self.private))
        for home in self.homes:
            home.forget_mappings()
        for member in self.private:
            member.daemon.begin_anew()
        self.start_private()

    def stop(self) -> None:
        """End all daemons."""
        list(self.each(lambda member: member.daemon.stop(), [*self.private, *self.public]))
        if self._crowd is not None:
            self._crowd.stop()

    @property
    def entrances(self) -> list[str]:
        return [f"{first}.{number}.0.10:8000" for number, first in enumerate(FIRST_NUMBERS[:3])]

    def wait_for(self, what: str, members: Iterable[Member], least: int) -> None:
        """Until each of these knows so many others."""

        def knows(member: Member) -> bool:
            status = member.daemon.ask("status")
            member.key, member.node_id = status["public_key"], status["node_id"]
            return sum(link["contacts"] for link in status["links"]) >= least

        for member in members:
            if not until(partial(_succeeds, knows, member), JOINED, [member.daemon]):
                raise RuntimeError(f"{what}: {member.daemon.namespace} knows too few others")

    def of(self, kind: Kind) -> list[Member]:
        """The nodes in homes of this kind."""
        return [member for member in self.private if member.kind == kind]

    def pairs(self, one: Kind, other: Kind, most: int) -> list[tuple[Member, Member]]:
        """So many pairs of nodes in different homes, or, where several live in one home of this
        kind, in the same; no pair twice, in any order."""
        if one != other:
            found = list(product(self.of(one), self.of(other)))
        else:
            together = one.hosts > 1
            found = [
                pair
                for pair in combinations(self.of(one), 2)
                if (pair[0].home is pair[1].home) == together
            ]
        Random(0).shuffle(found)
        return found[:most]

    @staticmethod
    def batches(members: Sequence[Member]) -> Iterator[Sequence[Member]]:
        """Some at a time."""
        for first in range(0, len(members), AT_ONCE):
            yield members[first : first + AT_ONCE]

    @staticmethod
    def each(
        do: Callable[[Any], Any], things: Iterable[Any], at_once: int = AT_ONCE
    ) -> Iterator[Any]:
        """Do something with each of these, some at once."""
        with ThreadPoolExecutor(at_once) as pool:
            yield from pool.map(do, things)


def _succeeds(check: Callable[[Member], bool], member: Member) -> bool:
    try:
        return check(member)
    except ControlUnavailable:
        return False
