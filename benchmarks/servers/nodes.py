"""Our servers under test, each a process of its own.

``python -m benchmarks.servers.nodes NAME [CPU]``: ``echo`` is Twisted's bare ``DatagramProtocol``
that writes back what it read; ``box`` and ``plain`` are whole nodes, sealed and unsealed; ``large``
is a sealed one with ten times the contacts.

A server prints one line of JSON (``port``, ``key``) when it listens.  It ends when its standard
input closes, so that no server outlives its driver.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import DatagramProtocol, Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react

from benchmarks.harness.load import pin
from kadtwisted.constants import HOUR
from kadtwisted.identity.keys import NodeKey, node_id_of
from kadtwisted.model.contact import KEY_BYTES, Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.node import assembly
from kadtwisted.node.node import Node
from kadtwisted.node.world import steady_seconds
from kadtwisted.parameters import LimitSettings, NodeSettings, Parameters
from kadtwisted.routing.table import RoutingTable
from kadtwisted.testing.inspect import table_of

CONTACTS = 200
"""Contacts in the table of a node under test: about as many as a node of 20,000 has."""

MANY_CONTACTS = 2000
"""Contacts in the table of the node ``large``."""
LARGE_BUCKETS = 400
"""The size of its buckets: its answers have k contacts all the same."""

NO_LIMIT = 1e9
LIMITS = LimitSettings(
    proven_rate=NO_LIMIT,
    proven_burst=NO_LIMIT,
    stranger_rate=NO_LIMIT,
    stranger_burst=NO_LIMIT,
    strangers_total_rate=NO_LIMIT,
    strangers_total_burst=NO_LIMIT,
    proven_host_rate=NO_LIMIT,
    proven_host_burst=NO_LIMIT,
    secrets_rate=NO_LIMIT,
    secrets_burst=NO_LIMIT,
    writes_rate=NO_LIMIT,
    writes_burst=NO_LIMIT,
)
QUIET = Parameters(refresh_period=24 * HOUR, verification_quiet=24 * HOUR)
"""No upkeep while serving is measured."""


def settings(sealer: str) -> NodeSettings:
    """The settings of a node under test and of those who ask it."""
    return NodeSettings(
        interfaces=("127.0.0.1",),
        network="benchmark",
        sealer=sealer,
        parameters=QUIET,
        limits=LIMITS,
    )


def fill(table: RoutingTable, wanted: int, now: float) -> None:
    """Put contacts into the table until it holds ``wanted``: seeded endpoints that never answer.

    Each bucket takes k contacts, so it takes many candidates to find enough near the own ID.
    """
    random = Random(20021007)
    while len(table) < wanted:
        key = random.randbytes(KEY_BYTES)
        host = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        endpoint = Endpoint(host, random.randrange(1024, 65536))
        node_id = node_id_of(key)
        if table.wants(node_id, endpoint):
            table.answered(Contact.at(node_id, endpoint, key), now)


class Echo(DatagramProtocol):
    """The server that all others are compared with."""

    noisy = False
    transport: Any

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.transport.write(datagram, addr)


class UntilClosed(Protocol):
    """Fires ``closed`` when standard input ends."""

    def __init__(self) -> None:
        self.closed: Deferred[None] = Deferred()

    def connectionLost(self, reason: object = None) -> None:
        self.closed.callback(None)


def announce(port: int, key: bytes = b"") -> None:
    """Tell the driver where we listen."""
    print(json.dumps({"port": port, "key": key.hex()}), flush=True)


async def serve_node(reactor: Any, sealer: str, closed: Deferred[None], contacts: int) -> None:
    """A whole node, its table filled."""
    node = Node(reactor, settings(sealer), NodeKey.generate(os.urandom))
    await node.start()
    # There is no public way to know contacts that nobody answers for.
    fill(table_of(node), contacts, steady_seconds())
    listening = node.status().links[0].listening
    assert listening is not None
    announce(listening.port, node.public_key)
    await closed
    await node.stop()


@contextmanager
def wide_tables() -> Iterator[None]:
    """Nodes made meanwhile have tables with room for many contacts in each bucket."""

    def wide_table(own_id: NodeID, **settings: Any) -> RoutingTable:
        return RoutingTable(own_id, **{**settings, "k": LARGE_BUCKETS})

    with patch.object(assembly, "RoutingTable", wide_table):
        yield


async def serve_large(reactor: Any, closed: Deferred[None]) -> None:
    """A node whose buckets have room for thousands of contacts."""
    with wide_tables():
        await serve_node(reactor, "box", closed, MANY_CONTACTS)


async def serve_echo(reactor: Any, closed: Deferred[None]) -> None:
    """A port that writes back what it reads."""
    port = reactor.listenUDP(0, Echo(), interface="127.0.0.1")
    announce(port.getHost().port)
    await closed
    await succeed(port.stopListening())


def main(reactor: Any, name: str, processor: str = "") -> Deferred[None]:
    """Serve until standard input closes."""
    pin(int(processor) if processor else None)
    driver = UntilClosed()
    StandardIO(driver, reactor=reactor)
    if name == "echo":
        serving = serve_echo(reactor, driver.closed)
    elif name == "large":
        serving = serve_large(reactor, driver.closed)
    else:
        serving = serve_node(reactor, name, driver.closed, CONTACTS)
    return Deferred.fromCoroutine(serving)


if __name__ == "__main__":
    react(main, sys.argv[1:])
