"""A gateway to a node that does what a test says, asked over connections in memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial import unittest

from kadtwisted.state.keyring import KeyRing
from kadtwisted.web.access import Role, Token, Tokens
from kadtwisted.web.gateway import Admission, Gateway
from kadtwisted.web.index import Rooms, Served
from tests.daemon.fakes import FakeNode

HERE = IPv4Address("TCP", "127.0.0.1", 8480)
NEAR = IPv4Address("TCP", "127.0.0.1", 50000)
FAR = IPv4Address("TCP", "192.0.2.9", 50000)
READER, WRITER, ADMIN = ("reader-" * 4, "writer-" * 4, "admin-" * 4)
TOKENS = Tokens(
    Token(role, secret.encode())
    for role, secret in ((Role.READ, READER), (Role.WRITE, WRITER), (Role.ADMIN, ADMIN))
)


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One client."""

    def __init__(self, gateway: Gateway, host: Any = HERE, peer: Any = NEAR) -> None:
        self.transport = StringTransport(hostAddress=host, peerAddress=peer)
        self.channel = gateway.site.buildProtocol(peer)
        self.is_turned_away = self.channel is None
        if self.channel is not None:
            self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """A whole request; nothing is said of the answer."""
        told = {"Host": "localhost:8480", **(headers or {})}
        if body:
            told["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in told.items()), "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def written(self) -> bytes:
        """What has come since it was asked last."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def response(self) -> Response:
        """The one answer that has come."""
        return response_from(self.written())

    def events(self) -> list[dict[str, Any]]:
        """The events that have come since, of a stream whose head was read."""
        return events_in(unchunked(self.written()))

    def leave(self) -> None:
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.channel.connectionLost(Failure(ConnectionDone()))

    @property
    def is_cut(self) -> bool:
        return bool(self.transport.disconnected or self.transport.disconnecting)


def response_from(data: bytes) -> Response:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {n.lower(): v.strip() for n, _, v in (each.partition(":") for each in lines)}
    return Response(int(first.split()[1]), headers, body)


def unchunked(data: bytes) -> bytes:
    """What stands in chunks (RFC 9112, 7.1)."""
    found = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        found += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return found


def events_in(text: bytes) -> list[dict[str, Any]]:
    """The events of a stream, without comments."""
    found = []
    for block in text.decode().split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")
        )
        if "data" in fields:
            found.append({**fields, "data": json.loads(fields["data"])})
    return found


class GatewayCase(unittest.SynchronousTestCase):
    """Tests with a gateway to a fake node; requests are a writer's unless they say otherwise."""

    admission = Admission(TOKENS, ("node.example",), ("https://app.example",))

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kad")
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        self.clock = Clock()
        self.node = FakeNode()
        self.numbers = 0
        self.keys = KeyRing(self.path / "keys", self.secure_random)
        self.rooms = Rooms(Served(self.node, self.clock, self.keys, "run"))
        self.gateway = Gateway(self.clock, self.rooms.routes, self.admission)
        self.addCleanup(self.rooms.close)

    def secure_random(self, count: int) -> bytes:
        self.numbers += 1
        return bytes([self.numbers]) * count

    def connect(self, peer: Any = NEAR, host: Any = HERE) -> Connection:
        return Connection(self.gateway, host, peer)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] = b"",
        token: str = WRITER,
        **headers: str,
    ) -> Response:
        """The answer to one request on a connection of its own."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            told.setdefault("Authorization", f"Bearer {token}")
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            told["Content-Type"] = "application/json"
        connection = self.connect()
        connection.ask(method, path, told, body)
        return connection.response()

    def get(self, path: str, **headers: str) -> Response:
        return self.ask("GET", path, **headers)

    def refused(self, answer: Response, status: int, words: str) -> None:
        """It is a problem of this status that says these words."""
        self.assertEqual(
            (answer.status, answer.headers["content-type"]), (status, "application/problem+json")
        )
        self.assertEqual(answer.json["status"], status)
        self.assertIn(words, answer.json["detail"])


UNIX = UNIXAddress("/run/http.sock")
