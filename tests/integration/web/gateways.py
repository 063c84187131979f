"""Daemons that answer HTTP, and plain sockets to ask them with."""

from __future__ import annotations

import re

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from tests.integration.daemons import DaemonsTestCase
from tests.integration.processes import PATIENCE, Program
from tests.web.serving import Response, response_from


class Client(Protocol):
    """A connection that remembers what it hears; ``closed`` fires at its end."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_closed = False
        self.closed: Deferred[None] = Deferred()
        self._awaited: tuple[bytes, Deferred[None]] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if self._awaited is not None and self._awaited[0] in self.heard:
            awaited, self._awaited = self._awaited, None
            awaited[1].callback(None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.is_closed = True
        self.closed.callback(None)
        if self._awaited is not None:
            awaited, self._awaited = self._awaited, None
            awaited[1].errback(AssertionError(f"closed after {self.heard!r}"))

    def hears(self, words: bytes) -> Deferred[None]:
        """Fires when these words have come."""
        waiting: Deferred[None] = Deferred()
        waiting.addTimeout(PATIENCE, reactor)
        self._awaited = (words, waiting)
        self.dataReceived(b"")
        return waiting


class GatewaysTestCase(DaemonsTestCase):
    """Tests with a daemon ``state`` that answers HTTP on a port that the system chose."""

    place = "tcp:0:interface=127.0.0.1"

    async def serving_http(self, *options: str) -> Program:
        """A daemon; after that, ``self.where`` is where it answers."""
        daemon = await self.running("state", "--http", self.place, *options)
        await daemon.says("HTTP is answered at")
        (self.port,) = map(int, re.findall(rb"answered at 127\.0\.0\.1:(\d+)", daemon.output))
        self.where = f"tcp:127.0.0.1:{self.port}"
        return daemon

    def token(self) -> str:
        lines = (self.directory / "state" / "http-tokens").read_text().splitlines()
        return lines[-1].split()[1]

    async def connect(self, where: str = "") -> Client:
        endpoint = clientFromString(reactor, where or self.where)
        client = await connectProtocol(endpoint, Client())

        def hang_up() -> Deferred[None] | None:
            client.transport.abortConnection()
            return None if client.is_closed else client.closed

        self.addCleanup(hang_up)
        return client

    async def ask(
        self, method: str, path: str, body: bytes = b"", where: str = "", **headers: str
    ) -> Response:
        """The answer to one request, as an admin's unless it says otherwise."""
        client = await self.connect(where)
        told = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body))}
        told["Authorization"] = f"Bearer {self.token()}"
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in told.items()), "", ""]
        client.transport.write("\r\n".join(lines).encode() + body)
        await client.closed.addTimeout(PATIENCE, reactor)
        return response_from(client.heard)
