"""``kad demo``: a network on this machine; what is left of its values when a third of it stops?

Real nodes in one process, each with a UDP port of its own on loopback, store values.  Visitors read
them.  A visitor is a read-only node: it keeps nothing, so what it reads came over the network.
Then a third of the nodes stops without telling anybody, and the visitors read everything again at
once, before the network can repair anything.  The demo ends by itself and leaves nothing running.

The seed chooses keys, values, and which nodes store, read and stop.  It does not choose the times.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from random import Random
from statistics import median
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, DeferredList, FirstError, gatherResults

from kadtwisted.api.describe import Described
from kadtwisted.api.describe_status import address_to_share
from kadtwisted.cli.exit_codes import NOT_FOUND
from kadtwisted.cli.session import Session, UsageError
from kadtwisted.cli.text.demo import summary
from kadtwisted.cli.text.output import count_of
from kadtwisted.cli.text.progress import Progress
from kadtwisted.errors import KadtwistedError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.model.results import Receipt
from kadtwisted.parameters import NodeSettings
from kadtwisted.settings.daemon_settings import DaemonSettings

T = TypeVar("T")

VALUES = 100
VISITORS = 4
"""MAGIC: several, so that reads do not all gain from what one visitor has learnt."""
ONE_BY_ONE = 1
"""Operations at a time while all nodes run: all share one processor, and with more operations the
times would show nothing else."""
TOGETHER = 10
"""MAGIC: reads at a time when nodes have stopped: most of the time they wait for those nodes, and
need not wait for each other as well."""
INTERFACE = "127.0.0.1"
NETWORK = "demo"
SEEDS = 1 << 32


class Timed(NamedTuple):
    """How operations on values went, by name: seconds and result of those that went well, and the
    error's sentence of those that failed."""

    seconds: dict[str, float]
    results: dict[str, Any]
    failures: dict[str, str]


async def demo(session: Session) -> int:
    """Run the demonstration; the exit code is 1 if a value was lost."""
    _refuse_what_makes_no_sense(session)
    arguments = session.arguments
    seed = arguments.seed
    if seed is None:
        seed = int(session.world.random() * SEEDS)
    progress = Progress(session.world.stderr)
    started = session.reactor.seconds()
    network = DemoNetwork(session, Random(seed), progress)
    try:
        outcome = await _experiment(network, arguments.nodes)
    finally:
        progress.clear()
        await network.stop(network.nodes + network.visitors)
    seconds = round(session.reactor.seconds() - started, 3)
    described = {"seed": seed, **outcome, "duration_seconds": seconds}
    session.output.result(described, summary)
    return os.EX_OK if outcome["kept"] == outcome["values"] else NOT_FOUND


def _refuse_what_makes_no_sense(session: Session) -> None:
    for name in ("port", "interface", "network_secret_file", "state_dir"):
        if getattr(session.arguments, name) is not None:
            option = name.replace("_", "-")
            raise UsageError(f"the demo makes a network of its own; leave out --{option}")


async def _experiment(network: DemoNetwork, size: int) -> Described:
    await network.grow(size)
    values = {f"value {number}": network.random.randbytes(32) for number in range(1, VALUES + 1)}
    stored = await network.store(values)
    await network.invite(VISITORS)
    before = await network.read(values, "back", ONE_BY_ONE)
    killed = await network.kill(size // 3)
    after = await network.read(values, "again", TOGETHER)
    return {
        "nodes": size,
        "killed": killed,
        "visitors": VISITORS,
        "values": VALUES,
        "kept": len(after.seconds),
        "stored": {**_times(stored), "copies": _copies(stored.results.values())},
        "read_before": _times(before),
        "read_after": _times(after),
        "failures": {**after.failures, **before.failures, **stored.failures},
    }


def _times(timed: Timed) -> Described:
    seconds = timed.seconds.values()
    return {
        "count": len(seconds),
        "median_seconds": round(median(seconds), 6) if seconds else None,
        "worst_seconds": round(max(seconds), 6) if seconds else None,
    }


def _copies(receipts: Iterable[Receipt]) -> Described:
    """How many nodes keep a value, with the one that stored it if that keeps it, too."""
    counts = [
        receipt.remote_acks + any(each.contact is None for each in receipt.acknowledged)
        for receipt in receipts
    ]
    return {
        "fewest": min(counts, default=0),
        "median": median(counts) if counts else 0,
        "most": max(counts, default=0),
    }


class DemoNetwork:
    """The nodes that run, and the visitors."""

    def __init__(self, session: Session, random: Random, progress: Progress) -> None:
        self._session = session
        self._reactor = session.reactor
        self._progress = progress
        self.random = random
        self.nodes: list[INode] = []
        self.visitors: list[INode] = []

    async def grow(self, size: int) -> None:
        """Start nodes; each but the first joins through a random one before it."""
        self._progress.phase(f"starting {count_of(size, 'node')}, each joins the others", size)
        for _ in range(size):
            await self._add(self.nodes, read_only=False)
            self._progress.step()

    async def invite(self, count: int) -> None:
        """Start read-only nodes and let them join."""
        self._progress.phase(f"starting {count_of(count, 'visitor')}, which keep nothing", count)
        for _ in range(count):
            await self._add(self.visitors, read_only=True)
            self._progress.step()

    async def _add(self, group: list[INode], *, read_only: bool) -> None:
        # A key made from a seed can be guessed.  But these nodes run briefly, on loopback.
        key = NodeKey.from_seed(self.random.randbytes(32))
        settings = NodeSettings(interfaces=(INTERFACE,), network=NETWORK, read_only=read_only)
        node = self._session.world.make_node(
            self._reactor, DaemonSettings(node=settings, storage="memory"), key
        )
        contact = self.random.choice(self.nodes) if self.nodes else None
        group.append(node)
        await node.start()
        if contact is not None:
            await node.bootstrap([_address(contact)])
            self._session.somebody_answered = True

    async def store(self, values: dict[str, bytes]) -> Timed:
        """Store each value from a random node."""
        self._progress.phase(f"storing {count_of(len(values), 'value')}", len(values))

        async def store(name: str, node: INode) -> Receipt:
            return await node.put(name, values[name], wait="all")

        return await self._timed(values, self.nodes, store, ONE_BY_ONE)

    async def read(self, values: dict[str, bytes], again: str, at_once: int) -> Timed:
        """Read each value through a random visitor; it is a failure if another value is found."""
        self._progress.phase(f"reading {count_of(len(values), 'value')} {again}", len(values))

        async def read(name: str, node: INode) -> None:
            found = await node.get(name)
            if found.value != values[name]:
                raise KadtwistedError("another value was found")

        return await self._timed(values, self.visitors, read, at_once)

    async def kill(self, count: int) -> int:
        """Stop random nodes at once; a node that stops tells the others nothing."""
        self._progress.phase(f"stopping {count_of(count, 'node')} without warning", count)
        victims = self.random.sample(self.nodes, count)
        self.nodes = [node for node in self.nodes if node not in victims]
        await self.stop(victims)
        return count

    async def stop(self, nodes: Sequence[INode]) -> None:
        """Stop these nodes, all at once."""
        await DeferredList([node.stop() for node in nodes], consumeErrors=True)

    async def _timed(
        self,
        names: Iterable[str],
        nodes: Sequence[INode],
        work: Callable[[str, INode], Coroutine[Any, Any, T]],
        at_once: int,
    ) -> Timed:
        """Do something with each name through a random node, ``at_once`` names at a time."""
        timed = Timed({}, {}, {})
        tasks = iter([(name, self.random.choice(nodes)) for name in names])

        async def worker() -> None:
            for name, node in tasks:
                started = self._reactor.seconds()
                try:
                    timed.results[name] = await work(name, node)
                    timed.seconds[name] = self._reactor.seconds() - started
                except KadtwistedError as error:
                    timed.failures[name] = str(error)
                self._progress.step()

        await _all_done([Deferred.fromCoroutine(worker()) for _ in range(at_once)])
        return timed


async def _all_done(running: Sequence[Deferred[None]]) -> None:
    """Wait for all.  If one fails, or the wait is cancelled, the others are cancelled."""
    try:
        await gatherResults(running, consumeErrors=True)
    except FirstError as first:
        for each in running:
            each.cancel()
        first.subFailure.raiseException()


def _address(node: INode) -> str:
    listening = [link.listening for link in node.status().links if link.listening is not None]
    return address_to_share(node.public_key, listening[0])
