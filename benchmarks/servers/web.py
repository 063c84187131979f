"""What answers HTTP under test, each a process of its own.

``python -m benchmarks.servers.web NAME [CPU]``: ``bare`` is a resource of twisted.web that answers
as many bytes as a gateway does; ``gateway`` are two nodes that know each other, with a gateway
each (``port`` and ``other`` are theirs, ``node`` is the UDP endpoint of the first).  A server ends
when its standard input closes.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from benchmarks.harness.load import pin
from benchmarks.servers.nodes import UntilClosed, announce, settings
from kadtwisted.identity.keys import NodeKey
from kadtwisted.node.node import Node
from kadtwisted.web.access import Role, Token, Tokens
from kadtwisted.web.gateway import Admission, Gateway
from kadtwisted.web.index import Rooms, Served

TOKEN = "a-token-for-measurements"
BODY_BYTES = 440
"""About as long as the JSON of a value of 100 bytes."""


class Bare(Resource):
    """Reads what comes, and answers the same."""

    isLeaf = True
    body = json.dumps({"value": "x" * (BODY_BYTES - 13)}).encode() + b"\n"

    def render(self, request: Request) -> bytes:
        """The answer."""
        assert request.content is not None
        request.content.read()
        request.setHeader("Content-Type", "application/json")
        return self.body


async def serve_bare(reactor: Any, closed: Deferred[None]) -> None:
    """A resource."""
    site = Site(Bare())  # type: ignore[no-untyped-call]
    site.noisy = False
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    announce(port.getHost().port)
    await closed
    await port.stopListening()


async def serve_gateways(reactor: Any, closed: Deferred[None]) -> None:
    """Two nodes and their gateways."""
    nodes = [Node(reactor, settings("box"), NodeKey.generate(os.urandom)) for _ in range(2)]
    opened: list[tuple[Rooms, Gateway]] = []
    ports = []
    for node in nodes:
        await node.start()
        rooms = Rooms(Served(node, reactor))
        tokens = Tokens([Token(Role.ADMIN, TOKEN.encode())])
        gateway = Gateway(reactor, rooms.routes, Admission(tokens))
        port: Any = await gateway.listen("tcp:0:interface=127.0.0.1")
        opened.append((rooms, gateway))
        ports.append(port.getHost().port)
    listening = nodes[0].status().links[0].listening
    address = f"127.0.0.1:{getattr(listening, 'port', 0)}"
    await nodes[1].bootstrap([address])
    print(json.dumps({"port": ports[0], "other": ports[1], "node": address}), flush=True)
    await closed
    for rooms, gateway in opened:
        rooms.close()
        await gateway.close()
    for node in nodes:
        await node.stop()


def main(words: list[str]) -> None:
    """Serve until standard input closes."""
    name, *rest = words
    pin(int(rest[0]) if rest else None)
    serve = {"bare": serve_bare, "gateway": serve_gateways}[name]

    def run(reactor: Any) -> Deferred[None]:
        ending = UntilClosed()
        StandardIO(ending)
        return Deferred.fromCoroutine(serve(reactor, ending.closed))

    react(run)


if __name__ == "__main__":
    main(sys.argv[1:])
