"""HTTP within bounds: the site, its connections and its requests.

What a client may take from us is bounded before anything looks at what it wants:

* :data:`MOST_CONNECTIONS` at once.  When there are as many, the one that has waited longest without
  a whole request gives way; if all are being answered, the newcomer is turned away.
* A request must be there within :data:`REQUEST_SECONDS` of its first byte, however slowly it comes,
  and a connection that asks nothing is closed after :data:`IDLE_SECONDS`.
* The next request of a connection is looked at when the answer before it has been read, as far as
  the connection tells: who asks for much at once and reads nothing holds one answer.  Who reads
  nothing for :data:`IDLE_SECONDS` is cut off.
* A body has at most :data:`BODY_BYTES`; what is longer is read and thrown away, up to
  :data:`DRAINED_BYTES`, so that the client hears why, and then the connection is cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IProtocolNegotiationFactory
from twisted.web.http import HTTPChannel, HTTPFactory, Request
from zope.interface import implementer

MOST_CONNECTIONS: Final = 256
"""MAGIC: browsers open six each, and streams hold one each; a process has 1,024 file descriptors
where nothing else is said, and the storage and the ports need some."""
REQUEST_SECONDS: Final = 15.0
IDLE_SECONDS: Final = 60.0
BODY_BYTES: Final = 64 * 1024
"""The largest body that makes sense is JSON with a record of 1,151 bytes, as escapes or base64."""
DRAINED_BYTES: Final = 16 * 1024 * 1024
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


def _no_request() -> bytes:
    """What is answered to bytes that cannot be read as a request."""
    detail = "this is no request of HTTP/1.1, or its head has more than 16 KiB or 500 lines"
    body = json.dumps({"title": "Bad Request", "status": 400, "detail": detail}).encode() + b"\n"
    return (
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
        b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
    ) % (len(body), body)


NO_REQUEST: Final = _no_request()


class BoundedRequest(Request):
    """A request whose body is bounded; ``site.answer`` is called when all of it is there."""

    too_large = False
    """Whether the body was longer than :data:`BODY_BYTES`; then it is not kept."""
    is_gone = False
    """Whether its client has gone: nobody reads an answer."""
    channel: Any
    content: Any
    _drained = 0

    def gotLength(self, length: int | None) -> None:
        """Twisted makes a file for a long body; here a long one is not kept at all."""
        self.content = self.kept = BytesIO()
        self.too_large = length is not None and length > BODY_BYTES

    def handleContentChunk(self, data: bytes) -> None:
        """Keep what fits."""
        self._drained += len(data)
        if self._drained > BODY_BYTES:
            self.too_large = True
        if not self.too_large:
            self.kept.write(data)
        elif self._drained > DRAINED_BYTES:
            self.channel.cut()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is there.  Twisted would parse queries and forms here; nobody needs them.

        A client that takes us for a proxy names the host in the URI, and then that counts
        (RFC 9112, 3.2.2).
        """
        absolute = _ABSOLUTE.fullmatch(path)
        if absolute is not None:
            self.requestHeaders.setRawHeaders(b"Host", [absolute[1]])
            path = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
        self.method, self.uri, self.clientproto = command, path, version
        self.channel.factory.answer(self)

    def getHeader(self, key: Any) -> Any:
        """A header.  One that comes several times is a list (RFC 9110, 5.3), so none of them is
        passed over; what is no UTF-8 in it becomes a question mark."""
        found = self.requestHeaders.getRawHeaders(key if isinstance(key, bytes) else key.encode())
        if found is None:
            return None
        joined = b", ".join(found)
        return joined if isinstance(key, bytes) else joined.decode("utf-8", "replace")

    def end(self) -> None:
        """All of the answer is written: finish, when its client has read so much that the
        connection takes more."""
        self.channel.end(self)

    def connectionLost(self, reason: Any) -> None:
        """Its client has gone."""
        self.is_gone = True
        super().connectionLost(reason)


class BoundedChannel(HTTPChannel):
    """A connection: it has so long for each request."""

    requestFactory = BoundedRequest
    factory: Any
    transport: Any
    site: Any
    is_answering = False
    """Whether a request is there that is not answered yet."""
    is_full = False
    """Whether the connection takes no more until its client has read."""
    _late: IDelayedCall | None = None
    _unread: tuple[BoundedRequest, IDelayedCall] | None = None
    """A request whose answer waits to be read, and when it has waited too long."""

    @property
    def gives_way(self) -> bool:
        """Whether a newcomer may have its place: nobody works for it."""
        return self._unread is not None or not self.is_answering

    def connectionMade(self) -> None:
        """A client has come."""
        super().connectionMade()
        self.factory.opened(self)

    def connectionLost(self, reason: Any = None) -> None:
        """It has gone."""
        self._in_time()
        self._was_read()
        self.factory.closed(self)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        """The first byte of a request starts its time."""
        if self._late is None and not self.is_answering:
            self._late = self.callLater(REQUEST_SECONDS, self._too_late)
        super().dataReceived(data)

    def allContentReceived(self) -> None:
        """A request is there."""
        self._in_time()
        self.is_answering = True
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        """It is answered."""
        self.is_answering = False
        self.factory.rests(self)
        super().requestDone(request)

    def end(self, request: BoundedRequest) -> None:
        """Finish a request, as soon as there is room for another answer."""
        if not self.is_full:
            request.finish()
            return
        self._unread = request, self.callLater(IDLE_SECONDS, self.cut)
        self.factory.rests(self)

    def pauseProducing(self) -> None:
        """What was written waits to be read.  Meanwhile nothing more is taken from its client;
        while a request is answered, Twisted would go on, and keep all of it."""
        self.is_full = True
        super().pauseProducing()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """It was read."""
        self.is_full = False
        super().resumeProducing()
        self.transport.resumeProducing()
        request = self._was_read()
        if request is not None:
            request.finish()

    def timeoutConnection(self) -> None:
        """It asks nothing.  Twisted would write a line of the log for each."""
        self.cut()

    def lineLengthExceeded(self, line: bytes) -> None:
        """Twisted would hang up without a word."""
        self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Twisted would not say why."""
        self.transport.write(NO_REQUEST)
        self.loseConnection()

    def cut(self) -> None:
        """Cut the connection, whatever the client still sends."""
        self._in_time()
        if self.transport is not None:
            self.transport.abortConnection()

    def _was_read(self) -> BoundedRequest | None:
        """The request whose answer has waited, which it does no more."""
        if self._unread is None:
            return None
        (request, late), self._unread = self._unread, None
        if late.active():
            late.cancel()
        return request

    def _too_late(self) -> None:
        self._late = None
        self.cut()

    def _in_time(self) -> None:
        late, self._late = self._late, None
        if late is not None and late.active():
            late.cancel()


@implementer(IProtocolNegotiationFactory)
class BoundedSite(HTTPFactory):
    """The connections of one gateway; ``answer`` gets each whole request."""

    noisy = False

    def __init__(self, reactor: Any, answer: Callable[[BoundedRequest], object]) -> None:
        super().__init__(timeout=IDLE_SECONDS, reactor=reactor)
        self.answer = answer
        self._open: dict[BoundedChannel, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def buildProtocol(self, addr: Any) -> Any:
        """A connection, if there is room for it or is made."""
        if len(self._open) >= MOST_CONNECTIONS:
            waiting = next((each for each in self._open if each.gives_way), None)
            if waiting is None:
                return None
            del self._open[waiting]
            waiting.cut()
        channel: Any = BoundedChannel()
        channel.factory = self
        channel.site = self
        channel.timeOut = self.timeOut
        channel.callLater = self.reactor.callLater
        return channel

    def acceptableProtocols(self) -> list[bytes]:
        """What is spoken under TLS: a client that names others only is refused (RFC 7301)."""
        return [b"http/1.1"]

    def startFactory(self) -> None:
        """Nothing is logged, so no clock is kept for it."""

    def stopFactory(self) -> None:
        """The same."""

    def log(self, request: Any) -> None:
        """Nothing is logged of a request: it may name keys and tokens."""

    def opened(self, channel: BoundedChannel) -> None:
        """A connection is there."""
        self._open[channel] = None

    def rests(self, channel: BoundedChannel) -> None:
        """A connection has had its answer: it has waited for the shortest time of all."""
        if channel in self._open:
            del self._open[channel]
            self._open[channel] = None

    def closed(self, channel: BoundedChannel) -> None:
        """A connection has gone."""
        self._open.pop(channel, None)

    def close(self) -> None:
        """Cut all connections."""
        for channel in list(self._open):
            channel.cut()
