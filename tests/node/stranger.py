"""A hand-driven participant: it says just what a test tells it to, in well-sealed datagrams."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.protocol import DatagramProtocol

from kadtwisted.constants import NO_TOKEN
from kadtwisted.dialects.native import native_dialect
from kadtwisted.errors import MalformedDatagram
from kadtwisted.identity.keys import NodeKey
from kadtwisted.model.contact import Contact, Endpoint
from kadtwisted.model.messages import Ping, Reply, Request, RequestBody
from kadtwisted.node.node import Node
from kadtwisted.parameters import NodeSettings
from kadtwisted.sealing.forms import Form
from kadtwisted.testing.network.host import Host
from kadtwisted.testing.nodes import EPOCH


class Stranger(DatagramProtocol):
    """Speaks the native dialect of ``settings``'s network from one port of one host."""

    noisy = False

    def __init__(
        self, host: Host, seed: int, settings: NodeSettings | None = None, port: int = 9000
    ) -> None:
        self.key = NodeKey.generate(random.Random(f"stranger {seed}").randbytes)
        self.random = random.Random(seed)
        dialect = native_dialect(self.key, settings or NodeSettings(), self.random.randbytes)
        self.dialect = dialect
        self.host = host
        self.received: list[bytes] = []
        self.replies: list[Reply] = []
        self.requests: list[tuple[Request, bytes, Any]] = []
        self.expecting: list[bytes] = []
        host.listenUDP(port, self, host.addresses[0], 2000)
        self.endpoint = Endpoint(host.addresses[0], port)
        self.contact = Contact.at(
            dialect.identify(self.key.public_key), self.endpoint, self.key.public_key
        )

    def seal(
        self,
        node: Node,
        body: RequestBody,
        *,
        token: bytes = NO_TOKEN,
        length: int = 0,
        form: Form = Form.REQUEST,
        read_only: bool = False,
    ) -> bytes:
        """A request to ``node`` as a datagram of at least ``length`` bytes; a longer one shows the
        clock, and a hello says that it is for anybody."""
        if form is Form.HELLO and body == Ping():
            body = Ping(b"")
        time = int(EPOCH + self.host.clock.seconds()) if length else None
        request = Request(self.random.randbytes(8), body, read_only, time)
        data = self.dialect.serializer.encode_request(request, max(0, length - 81))
        return self.dialect.sealer.seal(form, data, node.public_key, token, 0)

    def seal_bytes(self, node: Node, data: bytes, token: bytes = NO_TOKEN) -> bytes:
        """Any bytes, sealed as a request to ``node``."""
        return self.dialect.sealer.seal(Form.REQUEST, data, node.public_key, token, 0)

    def send(self, datagram: bytes, node: Node) -> None:
        """Put a datagram on the wire to a node."""
        listening = node.status().links[0].listening
        assert listening is not None
        self.transport.write(datagram, listening)  # type: ignore[union-attr]

    def ask(self, node: Node, body: RequestBody, **how: Any) -> None:
        """Send a request; its reply is read into ``replies``."""
        self.expecting.append(node.public_key)
        self.send(self.seal(node, body, **how), node)

    def token_of(self, node: Node) -> bytes:
        """Say hello and return the token that comes back; the network's clock moves on."""
        self.ask(node, Ping(), length=300)
        self.host.clock.advance(1.0)
        return self.replies.pop().token

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Keep it, and read it if it is a reply to something asked or a request."""
        self.received.append(datagram)
        header = self.dialect.sealer.inspect(datagram)
        senders = [header.key] if header.key else self.expecting
        for sender in senders:
            try:
                data = self.dialect.sealer.open(datagram, header, sender, False)
            except MalformedDatagram:
                continue
            message = self.dialect.serializer.decode(data)
            if isinstance(message, Reply):
                self.replies.append(message)
            else:
                self.requests.append((message, header.key, addr))
            return

    def answer(self, request: Request, key: bytes, addr: Any, body: Any) -> None:
        """Reply to a request that came in."""
        self.transport.write(self.seal_reply(request, key, body), addr)  # type: ignore[union-attr]

    def seal_reply(self, request: Request, key: bytes, body: Any) -> bytes:
        """A reply to a request that came in, as a datagram."""
        reply = Reply(request.transaction_id, body, bytes(range(8)), None)
        data = self.dialect.serializer.encode_reply(reply, 1191)
        return self.dialect.sealer.seal(Form.REPLY, data, key, NO_TOKEN, 0)
