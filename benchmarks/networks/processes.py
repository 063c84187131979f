"""The networks that ``benchmarks.network`` measures, one process for each round.

``python -m benchmarks.networks.processes NAME`` reads a plan (``procedure.Plan``) as JSON from its
standard input and prints the samples as JSON.  ``private`` is kadtwisted on a network with a
secret, ``open`` is the same without one (lookups over disjoint paths), and ``bmuller`` is the
package ``kademlia`` of PyPI, on asyncio.  All have their own defaults; k is 20 in all of them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from benchmarks.networks.procedure import PATIENCE, Plan, Round, as_json
from kadtwisted.errors import NotFound
from kadtwisted.identity.keys import SEED_BYTES, NodeKey
from kadtwisted.lookup.records import Mode
from kadtwisted.model.ids import ID_BYTES
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings

T = TypeVar("T")

HOST = "127.0.0.1"
SECRET = bytes(range(32))


class KadtwistedNetwork:
    """Nodes of this project.  Stopping one sends nothing: its socket closes, nobody is told."""

    reads: tuple[Mode, ...] = ("first", "latest")

    def __init__(self, reactor: Any, seed: int, secrets: tuple[bytes, ...]) -> None:
        self._reactor = reactor
        self._random = Random(f"keys {seed}")
        self._settings = NodeSettings(
            interfaces=(HOST,), network="benchmark", network_secrets=secrets
        )
        self._nodes: list[Node] = []

    async def start(self, count: int) -> None:
        for _ in range(count):
            key = NodeKey.from_seed(self._random.randbytes(SEED_BYTES))
            node = Node(self._reactor, self._settings, key)
            await node.start()
            if self._nodes:
                await node.bootstrap([self.first_address])
            self._nodes.append(node)

    @property
    def first_address(self) -> str:
        """Where the first node listens."""
        return str(self._nodes[0].status().links[0].listening)

    async def put(self, node: int, key: str, value: bytes) -> bool:
        receipt = await self._patiently(self._nodes[node].put(key, value, wait="all"))
        return bool(receipt.acknowledged)

    async def read(self, node: int, key: str, kind: Any) -> bytes | None:
        try:
            return (await self._patiently(self._nodes[node].get(key, mode=kind))).value
        except NotFound:
            return None

    def _patiently(self, operation: Deferred[T]) -> Deferred[T]:
        def too_late(*_: object) -> T:
            raise TimeoutError

        return operation.addTimeout(PATIENCE, self._reactor, too_late)

    async def crash(self, nodes: Sequence[int]) -> None:
        for each in nodes:
            await self._nodes[each].stop()

    async def stop(self) -> None:
        for node in self._nodes:
            await node.stop()


class BmullerNetwork:
    """Nodes of ``kademlia``; they have one kind of read."""

    reads: tuple[str, ...] = ("first",)

    def __init__(self, seed: int) -> None:
        from kademlia.network import Server

        self._make: Callable[..., Any] = Server
        self._random = Random(f"keys {seed}")
        self._servers: list[Any] = []

    async def start(self, count: int) -> None:
        for _ in range(count):
            server = self._make(node_id=self._random.randbytes(ID_BYTES))
            await server.listen(0, HOST)
            if self._servers:
                first = self._servers[0].transport.get_extra_info("sockname")
                await server.bootstrap([first])
            self._servers.append(server)

    async def put(self, node: int, key: str, value: bytes) -> bool:
        return bool(await asyncio.wait_for(self._servers[node].set(key, value), PATIENCE))

    async def read(self, node: int, key: str, kind: str) -> bytes | None:
        found = await asyncio.wait_for(self._servers[node].get(key), PATIENCE)
        return found if isinstance(found, bytes) else None

    async def crash(self, nodes: Sequence[int]) -> None:
        for each in nodes:
            self._servers[each].stop()

    async def stop(self) -> None:
        for server in self._servers:
            server.stop()


def run_kadtwisted(plan: Plan, secrets: tuple[bytes, ...]) -> None:
    """One round under Twisted's reactor."""

    async def measure(reactor: Any) -> None:
        network = KadtwistedNetwork(reactor, plan.seed, secrets)
        print(json.dumps(as_json(await Round(network, plan).run())))

    react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))


def run_bmuller(plan: Plan) -> None:
    """One round under asyncio's loop."""
    logging.disable(logging.CRITICAL)  # it logs each timeout as an error
    samples = asyncio.run(Round(BmullerNetwork(plan.seed), plan).run())
    print(json.dumps(as_json(samples)))


def main(name: str) -> None:
    """Measure one round of the network called ``name``."""
    plan = Plan(**json.load(sys.stdin))
    if name == "bmuller":
        run_bmuller(plan)
    else:
        run_kadtwisted(plan, (SECRET,) if name == "private" else ())


if __name__ == "__main__":
    main(*sys.argv[1:])
