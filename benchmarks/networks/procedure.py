"""What ``benchmarks.network`` does with a network, whoever made it: one procedure for all.

Nodes start and join through the first one.  Values are put by random nodes, each is read by another
one, keys that nobody put are looked up.  Then 30 % of the nodes stop without a goodbye and the
survivors read again at once.  One operation at a time: what is measured is how long somebody waits,
not how much a processor can do.

A lookup among the dead teaches its node who is dead, so only one kind of operation is measured
after a crash; the next kind needs a new network.  Rounds that measure different kinds draw
different nodes and keys, all from the seed.

Nothing here waits or knows a reactor or a loop: it awaits whatever the network's methods return.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

CRASHED = 0.3
"""Share of the nodes that stop without a goodbye."""
VALUE_BYTES = 100
PATIENCE = 60.0
"""Seconds after which an operation counts as failed."""


class Network(Protocol):
    """Nodes of one implementation in this process, on loopback; numbered from 0."""

    @property
    def reads(self) -> Sequence[str]:
        """The kinds of read it knows: ``first`` is the first value found, ``latest`` asks all the
        closest nodes."""

    async def start(self, count: int) -> None:
        """Start the nodes, one after the other, each joining through the first one."""

    async def put(self, node: int, key: str, value: bytes) -> bool:
        """Whether the value was stored anywhere; ``TimeoutError`` after :data:`PATIENCE`."""

    async def read(self, node: int, key: str, kind: str) -> bytes | None:
        """The value, if there is one; ``TimeoutError`` after :data:`PATIENCE`."""

    async def crash(self, nodes: Sequence[int]) -> None:
        """Close the sockets of these nodes; nobody is told."""

    async def stop(self) -> None:
        """Stop all that still run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One round; ``after`` is what is measured after the crash (``first``, ``latest`` or
    ``missing``), for at most ``budget`` seconds but at least once."""

    nodes: int = 100
    values: int = 200
    seed: int = 1
    after: str = "first"
    budget: float = 60.0


@dataclass(slots=True)
class Samples:
    """Seconds that each operation of one kind took, and how many did what they should: found the
    very value, stored one, or found nothing under a key that nobody put."""

    seconds: list[float] = field(default_factory=list)
    good: int = 0


class Round:
    """One network from its start to its end; :meth:`run` returns the samples by name."""

    def __init__(self, network: Network, plan: Plan) -> None:
        self._network = network
        self._plan = plan
        self._random = Random(f"{plan.seed} {plan.after}")
        self._values = [self._random.randbytes(VALUE_BYTES) for _ in range(plan.values)]
        self._putters = [self._random.randrange(plan.nodes) for _ in range(plan.values)]
        self._alive = list(range(plan.nodes))
        self._samples: dict[str, Samples] = {}

    async def run(self) -> dict[str, Samples]:
        """Measure everything in turn."""
        started = time.perf_counter()
        await self._network.start(self._plan.nodes)
        self._samples["start"] = Samples([time.perf_counter() - started], 1)
        # To collect the garbage of a hundred nodes is no part of what one node's operation costs.
        gc.collect()
        gc.freeze()
        await self._measure("put", self._put)
        for kind in (*self._network.reads, "missing"):
            await self._measure(kind, self._reading(kind))
        await self._crash()
        after = self._plan.after
        await self._measure(f"{after} after the crash", self._reading(after), self._plan.budget)
        await self._network.stop()
        return self._samples

    async def _measure(
        self, name: str, operate: Callable[[int], Awaitable[bool]], budget: float = float("inf")
    ) -> None:
        """Do an operation for each value in turn, until the budget is spent."""
        samples = self._samples[name] = Samples()
        ends = time.perf_counter() + budget
        for number in range(self._plan.values):
            started = time.perf_counter()
            if number and started > ends:
                break
            try:
                good = await operate(number)
            except TimeoutError:
                good = False
            samples.seconds.append(time.perf_counter() - started)
            samples.good += good

    async def _crash(self) -> None:
        dead = self._random.sample(self._alive, round(CRASHED * self._plan.nodes))
        self._alive = [each for each in self._alive if each not in dead]
        await self._network.crash(dead)

    async def _put(self, number: int) -> bool:
        value = self._values[number]
        return await self._network.put(self._putters[number], f"value {number}", value)

    def _reading(self, kind: str) -> Callable[[int], Awaitable[bool]]:
        """Read a value as ``kind`` says, or look up keys that nobody put."""

        async def read(number: int) -> bool:
            value = await self._network.read(self._reader(number), f"value {number}", kind)
            return value == self._values[number]

        async def miss(number: int) -> bool:
            key = f"missing {len(self._alive)} {number}"
            return await self._network.read(self._reader(number), key, "first") is None

        return miss if kind == "missing" else read

    def _reader(self, number: int) -> int:
        """A random living node, but not the one that put the value."""
        others = [each for each in self._alive if each != self._putters[number]]
        return self._random.choice(others)


def as_json(samples: dict[str, Samples]) -> dict[str, Any]:
    """What a round's process tells its driver."""
    measures = {name: {"seconds": s.seconds, "good": s.good} for name, s in samples.items()}
    return {"measures": measures, "load": os.getloadavg()[0]}
