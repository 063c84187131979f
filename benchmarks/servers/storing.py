"""What ``benchmarks.storage`` measures, a process of its own each time.

``python -m benchmarks.servers.storing node STORAGE DIRECTORY CPU`` is a whole node with that
storage, and ``... alone STORAGE DIRECTORY CPU COUNT`` is the storage without a node.

Each prints one line of JSON (``port``, ``key``) when it is ready.  It answers each line on standard
input with one of JSON: the lag of a timer of 5 ms since the last answer.  A storage alone first
puts COUNT records, 64 of them at a time.  Both end when standard input closes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from benchmarks.harness.lag import Lag
from benchmarks.harness.load import pin
from benchmarks.harness.pipeline import WINDOW, forget_preparations
from benchmarks.servers.nodes import announce, fill, settings
from kadtwisted.constants import HOUR
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import IStorage, IStorageFactory, StorageContext
from kadtwisted.model import bencode
from kadtwisted.model.ids import key_of_name
from kadtwisted.model.record import Kind, StorageKey, StoredRecord, Value
from kadtwisted.node.node import Node
from kadtwisted.node.world import real_world, steady_seconds
from kadtwisted.parameters import Bounds, NodeSettings
from kadtwisted.plugins import builtin
from kadtwisted.records.value import encode
from kadtwisted.testing.inspect import table_of

VALUE_BYTES = 200
CONTACTS = 40
"""Fewer than 3 k, so that no record is too far for the node."""
ROOM = Bounds(stored_records=2_000_000, stored_bytes=8 << 30)
"""All records come from one address, which may fill an eighth."""
LIFETIME = 24 * HOUR


def make_storage(reactor: Any, name: str, directory: str, settings: NodeSettings) -> IStorage:
    """One of the storages of this package, not yet open."""
    world = real_world(reactor)
    bounds = settings.bounds
    context = StorageContext(
        reactor,
        world.now,
        world.unix_time,
        directory,
        bounds.stored_records,
        bounds.stored_bytes,
    )
    return cast("IStorageFactory", getattr(builtin, name)).make("", context)


def fresh_record(name: str) -> bytes:
    """A record under a name, just published."""
    published = int(time.time() * 1e6)
    value = bencode.encode(os.urandom(VALUE_BYTES))
    return encode(Value(key_of_name(name), published, False, value))


class Orders(LineOnlyReceiver):
    """Standard input: each line has ``obey`` called and its result told, with the lag meanwhile;
    ``closed`` fires when there are no more."""

    delimiter = b"\n"

    def __init__(self, lag: Lag, obey: Callable[[], Awaitable[dict[str, float]]]) -> None:
        self.closed: Deferred[None] = Deferred()
        self._lag = lag
        self._obey = obey

    def lineReceived(self, line: bytes) -> None:
        Deferred.fromCoroutine(self._answer()).addErrback(self._give_up)

    async def _answer(self) -> None:
        found = await self._obey()
        print(json.dumps(found | self._lag.take()), flush=True)

    def _give_up(self, failure: Failure) -> None:
        failure.printTraceback(sys.stderr)
        print(flush=True)

    def connectionLost(self, reason: object = None) -> None:
        self.closed.callback(None)


async def put_all(
    reactor: Any, storage: IStorage, records: Sequence[tuple[StorageKey, bytes]]
) -> dict[str, float]:
    """Put these records; as many writers as may be under way put one after the other, each the
    next one in another turn of the reactor, as requests would come in."""

    async def write(first: int) -> None:
        for where, record in records[first::WINDOW]:
            now = steady_seconds()
            await storage.put(StoredRecord(where, record, now + LIFETIME, now), now)
            await deferLater(reactor, 0)

    began = time.perf_counter()
    await gatherResults([Deferred.fromCoroutine(write(n)) for n in range(WINDOW)])
    return {"per_second": len(records) / (time.perf_counter() - began)}


async def serve_alone(reactor: Any, name: str, directory: str, count: int) -> None:
    """A storage without a node."""
    storage = make_storage(reactor, name, directory, replace(settings("box"), bounds=ROOM))
    await storage.open()
    names = [f"alone {number}" for number in range(count)]
    records = [(StorageKey(Kind.VALUE, key_of_name(each)), fresh_record(each)) for each in names]

    async def put() -> dict[str, float]:
        return await put_all(reactor, storage, records)

    forget_preparations()
    orders = Orders(Lag(reactor), put)
    StandardIO(orders, reactor=reactor)
    announce(0)
    await orders.closed
    await storage.close()


async def serve_node(reactor: Any, name: str, directory: str) -> None:
    """A whole node with the storage."""
    told = replace(settings("box"), bounds=ROOM)
    storage = make_storage(reactor, name, directory, told)
    node = Node(reactor, told, NodeKey.generate(os.urandom), storage=storage)
    await node.start()
    # There is no public way to know contacts that nobody answers for.
    fill(table_of(node), CONTACTS, time.monotonic())

    async def nothing() -> dict[str, float]:
        return {}

    forget_preparations()
    orders = Orders(Lag(reactor), nothing)
    StandardIO(orders, reactor=reactor)
    listening = node.status().links[0].listening
    assert listening is not None
    announce(listening.port, node.public_key)
    await orders.closed
    await node.stop()


def main(
    reactor: Any, what: str, name: str, directory: str, processor: str, count: str = "0"
) -> Deferred[None]:
    """Serve until standard input closes."""
    pin(int(processor) if processor else None)
    if what == "alone":
        return Deferred.fromCoroutine(serve_alone(reactor, name, directory, int(count)))
    return Deferred.fromCoroutine(serve_node(reactor, name, directory))


if __name__ == "__main__":
    react(main, sys.argv[1:])
