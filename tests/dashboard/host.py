"""A process with nodes and a gateway to the first one, for a browser to look at.

usage: python -m tests.dashboard.host KIND [--nodes N] [--port PORT]

KIND is ``swarm`` (real nodes, on loopback), or a node that does what it is told: ``ill``, which is
cut from its network, and ``hostile``, whose peers call themselves by what would be HTML.  The first
line of standard output is an object of JSON: ``url``, and a ``token`` of each role.  Then each line
of standard input is a command, and is answered with a line of JSON when it is done.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from kadtwisted.api.describe_status import address_to_share
from kadtwisted.errors import NotFound
from kadtwisted.identity.keys import NodeKey
from kadtwisted.interfaces import INode
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings
from kadtwisted.web.access import Role, Token, Tokens
from kadtwisted.web.gateway import Admission, Gateway
from kadtwisted.web.index import Rooms, Served
from kadtwisted.web.live import activity
from tests.dashboard.strange_nodes import STRANGE

LOOPBACK = "127.0.0.1"
OUTSIDE = "dashboard.test"
"""A name of the gateway by which nobody may read without a token."""
SECRETS = {role: f"{role.name.lower()}-" * 4 for role in (Role.READ, Role.WRITE, Role.ADMIN)}


class Host:
    """The nodes, the gateway, and what can be done to them."""

    def __init__(self, reactor: Any, seed: int) -> None:
        self._reactor = reactor
        self._random = Random(seed)
        self.nodes: list[Any] = []
        self.port = 0
        self._gateway: Gateway | None = None
        self._rooms: Rooms | None = None

    async def swarm(self, size: int) -> None:
        """Real nodes, each of which joins through one before it."""
        for _ in range(size):
            await self.join()

    async def join(self) -> None:
        """One node more."""
        settings = NodeSettings(interfaces=(LOOPBACK,), network="dashboard")
        node = Node(self._reactor, settings, NodeKey.from_seed(self._random.randbytes(32)))
        await node.start()
        if self.nodes:
            await node.bootstrap([address_of(self._random.choice(self.nodes))])
        self.nodes.append(node)

    async def open(self, port: int) -> None:
        """Answer for the first node."""
        node: INode = self.nodes[0]
        tokens = Tokens(Token(role, secret.encode()) for role, secret in SECRETS.items())
        self._rooms = Rooms(Served(node, self._reactor, run=os.urandom(4).hex()))
        admission = Admission(tokens, (OUTSIDE,))
        self._gateway = Gateway(self._reactor, self._rooms.routes, admission)
        listening = await self._gateway.listen(f"tcp:{port}:interface={LOOPBACK}")
        self.port = listening.getHost().port

    async def do(self, name: str, *words: str) -> Any:
        """Perform a command."""
        performed: Any = await getattr(self, f"do_{name}")(*words)
        return performed

    async def do_shut(self) -> None:
        """Answer no more, as a node that stops."""
        if self._gateway is not None and self._rooms is not None:
            self._rooms.close()
            await self._gateway.close()

    async def do_reopen(self) -> None:
        """Answer at the same port again."""
        await self.open(self.port)

    async def do_revoke(self) -> None:
        """The tokens from before are good no more."""
        assert self._gateway is not None
        self._gateway.admission = Admission(Tokens(), (OUTSIDE,))

    async def do_upgrade(self, version: str) -> None:
        """Be another version of the program, as far as one can see."""
        activity.__version__ = version  # type: ignore[attr-defined]

    async def do_stop(self, number: str) -> str:
        """A node ends without a word to the others; its ID."""
        node = self.nodes[int(number)]
        await node.stop()
        return f"{node.node_id:040x}"

    async def do_put(self, name: str, value: str, number: str = "1") -> None:
        """Another node than the one that is shown stores a value."""
        await self.nodes[int(number)].put(name, value.encode(), wait="all")

    async def do_find(self, name: str) -> None:
        """The node that is shown looks for a value that is not there."""
        with suppress(NotFound):
            await self.nodes[0].get(name)

    async def do_keep(self, name: str, value: str) -> None:
        """The node that is shown keeps a value published, and pinned."""
        await self.nodes[0].put(name, value.encode(), keep=True, pin=8)

    async def do_contacts(self) -> list[str]:
        """Whom the node that is shown knows."""
        return [
            f"{contact.node_id:040x}"
            for bucket in self.nodes[0].routing().buckets
            for contact in bucket.contacts
        ]

    async def do_answer(self, name: str, value: str) -> None:
        """A node that does what it is told says something else from now on."""
        self.nodes[0].say(name, value)


def address_of(node: Node) -> str:
    status = node.status()
    (listening,) = [each.listening for each in status.links if each.listening is not None]
    return address_to_share(status.public_key, listening)


class Commands(LineOnlyReceiver):
    """Standard input."""

    delimiter = b"\n"

    def __init__(self, host: Host, reactor: Any) -> None:
        self._host = host
        self._reactor = reactor

    def lineReceived(self, line: bytes) -> None:
        words = json.loads(line)
        doing: Deferred[Any] = ensureDeferred(self._host.do(*words))
        doing.addCallbacks(lambda done: {"done": done}, lambda why: {"failed": str(why.value)})
        doing.addCallback(say)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._reactor.running:
            self._reactor.stop()


def say(told: Any) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.dashboard.host")
    parser.add_argument("kind", choices=("swarm", *STRANGE))
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    from twisted.internet import reactor

    host = Host(reactor, asked.seed)

    async def begin() -> None:
        if asked.kind == "swarm":
            await host.swarm(asked.nodes)
        else:
            host.nodes.append(STRANGE[asked.kind]())
        await host.open(asked.port)
        tokens = {role.name.lower(): secret for role, secret in SECRETS.items()}
        say({"url": f"http://localhost:{host.port}/", "tokens": tokens})
        StandardIO(Commands(host, reactor))

    def fail(failure: Failure) -> None:
        failure.printTraceback()
        reactor.stop()  # type: ignore[attr-defined]

    reactor.callWhenRunning(lambda: ensureDeferred(begin()).addErrback(fail))  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
