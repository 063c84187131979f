"""A real client of one daemon: the protocol of a node, without the rest of it.

It speaks the protocol of nodes (sealed datagrams, tokens, a transaction for each request) with one
endpoint.  A STORE here is exactly one STORE there, while a node's ``put`` would first search for
nodes to ask.  The client is read-only, answers nobody, and sends no STORE twice, so that each
acknowledgement belongs to one write.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import LoopingCall

from kadtwisted.dialects.door import Received
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import KadtwistedError
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.ids import NodeID
from kadtwisted.model.messages import FindValue, Records, Store, StoredItem
from kadtwisted.model.record import Kind
from kadtwisted.node.context import NodeContext
from kadtwisted.node.port.protocol import KademliaProtocol
from kadtwisted.node.port.requests import Answer
from kadtwisted.node.world import real_world
from kadtwisted.parameters import NodeSettings, Timeouts
from kadtwisted.testing.processes.daemon import HOST, PATIENCE, Daemon, sleep

HAIL_EVERY = 0.04
"""Seconds between hellos to a daemon that is starting, within a stranger's budget."""
AGAIN_AFTER = 0.1
"""Seconds until a question is asked again if the daemon was busy."""
TIMES = 50
"""How often a question is asked before it counts as failed."""

PATIENT = Timeouts(initial=2.0, floor=2.0, ceiling=10.0, ping_floor=2.0, store_floor=10.0)
"""Long timeouts: a daemon on a busy machine is slow, not gone."""


def _answer_nothing(_: Received) -> None:
    """No request is answered."""


class Client(KademliaProtocol):
    """Asks the daemon at ``endpoint``; ``contact`` is the node that answered the hello.

    ``datagram`` holds the bytes of the datagram that is being received: the Deferred of a request
    fires while its reply is being received.
    """

    contact: Contact

    def __init__(self, reactor: Any, endpoint: Endpoint) -> None:
        settings = NodeSettings(read_only=True, timeouts=PATIENT)
        key = NodeKey.generate(os.urandom)
        world = real_world(reactor)
        dialect = native_dialect(key, settings, os.urandom)
        context = NodeContext.made(reactor, settings, world, dialect)
        (door,) = dialect.doors(1, world.unix_time)
        super().__init__(context, door, _answer_nothing)
        self.datagram = b""
        self._reactor = reactor
        self._endpoint = endpoint
        self._port = reactor.listenUDP(0, self, interface=HOST)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.datagram = datagram
        super().datagramReceived(datagram, addr)

    async def meet(self) -> Contact:
        """Say hello again and again until the daemon answers; returns its contact."""
        answered: Deferred[Answer] = Deferred()

        def take(answer: Answer) -> None:
            if not answered.called:
                answered.callback(answer)

        def hail() -> None:
            greeting = self.requests.greet(self._endpoint)
            greeting.addCallbacks(take, lambda failure: failure.trap(KadtwistedError))

        hailing = LoopingCall(hail)
        hailing.clock = self._reactor
        hailing.start(HAIL_EVERY)
        try:
            self.contact = (await answered.addTimeout(PATIENCE, self._reactor)).contact
        finally:
            hailing.stop()
        return self.contact

    def store(self, record: bytes, lifetime: int) -> Deferred[Answer]:
        """Send a STORE once; fires when it is acknowledged, and fails if it is not."""
        return self.requests.request(self.contact, Store(record, lifetime), retransmit=False)

    async def find(self, key: NodeID) -> StoredItem | None:
        """What this daemon holds under a key; asks again until it answers."""
        for _ in range(TIMES - 1):
            try:
                return await self._find(key)
            except KadtwistedError:
                await sleep(self._reactor, AGAIN_AFTER)
        return await self._find(key)

    async def _find(self, key: NodeID) -> StoredItem | None:
        answer = await self.requests.request(self.contact, FindValue(key, Kind.VALUE))
        body = answer.reply.body
        assert isinstance(body, Records), "the protocol lets no other answer pass"
        return body.items[0] if body.items else None

    def close(self) -> Deferred[Any]:
        """Let requests in flight fail, and close the port."""
        self.shut()
        return maybeDeferred(self._port.stopListening)


async def meet(reactor: Any, daemon: Daemon) -> Client:
    """A client of a daemon, as soon as the daemon answers; ``DaemonTrouble`` if it never does."""
    client = Client(reactor, daemon.endpoint)
    try:
        await daemon.needed_by(Deferred.fromCoroutine(client.meet()))
    except (CancelledError, defer.TimeoutError):
        await client.close()
        raise daemon.trouble("does not answer") from None
    return client
