"""A node's other end, with a plain blocking socket: makes real datagrams, believes real replies.

Used to set a server up and to prebuild what the load generator sends.
"""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from kadtwisted.constants import DATAGRAM_LIMIT, NO_TOKEN, TRANSACTION_ID_BYTES
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import MalformedDatagram
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Endpoint
from kadtwisted.model.messages import Ping, Reply, Request, RequestBody
from kadtwisted.parameters import NodeSettings
from kadtwisted.sealing.forms import Form

PATIENCE = 2.0


class Server(NamedTuple):
    """Where a server under test listens, and under which key."""

    endpoint: Endpoint
    key: bytes


class Writer:
    """Makes the datagrams of one identity for one server."""

    def __init__(self, server: Server, settings: NodeSettings) -> None:
        self.server = server
        self.key = NodeKey.generate(os.urandom)
        self.dialect = native_dialect(self.key, settings, os.urandom)

    def request(
        self, body: RequestBody, token: bytes = NO_TOKEN, transaction_id: bytes = b""
    ) -> bytes:
        """One request's datagram; without a token it is padded to the answer it wants."""
        length = 0
        if token == NO_TOKEN:
            length = self.dialect.answer_length(body) - self.dialect.sealer.request_overhead
        request = Request(transaction_id or os.urandom(TRANSACTION_ID_BYTES), body)
        data = self.dialect.serializer.encode_request(request, length)
        return self.dialect.sealer.seal(Form.REQUEST, data, self.server.key, token, 0)


class Asker:
    """A :class:`Writer` with a socket, which asks and waits."""

    def __init__(self, server: Server, settings: NodeSettings) -> None:
        self.writer = Writer(server, settings)
        self.endpoint = Endpoint("127.0.0.1", 0)
        self.open()
        self.endpoint = Endpoint(*self._socket.getsockname())
        self.token = NO_TOKEN

    def open(self) -> None:
        """Take the port, always the same one: a token belongs to an endpoint."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(self.endpoint)
        self._socket.settimeout(PATIENCE)

    def close(self) -> None:
        """Leave the port to the load generator."""
        self._socket.close()

    def ask(self, body: RequestBody) -> Reply:
        """Ask and wait for the reply; ``TimeoutError`` when none comes."""
        transaction_id = os.urandom(TRANSACTION_ID_BYTES)
        datagram = self.writer.request(body, self.token, transaction_id)
        self._socket.sendto(datagram, self.writer.server.endpoint)
        reply = None
        while reply is None or reply.transaction_id != transaction_id:
            reply = self._take(self._socket.recv(DATAGRAM_LIMIT))
        self.token = reply.token
        return reply

    def renew_token(self) -> None:
        """Get a token that is good for at least one rotation."""
        self.token = NO_TOKEN
        self.ask(Ping())

    def _take(self, datagram: bytes) -> Reply | None:
        """The reply in a datagram, if there is one."""
        dialect = self.writer.dialect
        try:
            header = dialect.sealer.inspect(datagram)
            data = dialect.sealer.open(datagram, header, self.writer.server.key, True)
            message = dialect.serializer.decode(data)
        except MalformedDatagram:
            return None
        return message if isinstance(message, Reply) else None
