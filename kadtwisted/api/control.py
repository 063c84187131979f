"""The control socket: a Unix socket of mode 0600 that speaks JSON lines over :class:`INode`.

A request is one line, ``{"id": ANY, "verb": VERB, ...arguments}``; its answer is one line,
``{"id": ANY, "result": {...}}`` or ``{"id": ANY, "error": {"type": ..., "message": ...}}``, in the
order in which requests end.  The verbs are those of
:class:`~kadtwisted.api.operations.Operations`.

Rules: a process that may open the socket may do everything, so only its user may.  Lines,
connections and requests in flight are bounded.  While a client does not read its answers, nothing
more is read from it.  When a client goes away, its requests are cancelled.  Nothing that a client
sends raises an exception here.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IListeningPort
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.api import describe
from kadtwisted.api.describe import Described
from kadtwisted.api.operations import InvalidRequest, Operations
from kadtwisted.errors import CannotListen, KadtwistedError, TooManyRequests

MAX_LINE = 65536
"""Bytes of a request line: a value of 1,000 bytes in base64 and a long name fit many times."""
MAX_CONNECTIONS = 32
"""MAGIC: one person and a few scripts."""
MAX_IN_FLIGHT = 16
"""MAGIC: requests of one connection that wait for an answer."""


@implementer(IHalfCloseableProtocol)
class ControlProtocol(LineOnlyReceiver):
    """One client's connection."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE
    factory: ControlFactory
    transport: Any

    def __init__(self) -> None:
        self._in_flight: dict[int, Deferred[Any]] = {}
        self._serial = 0
        self._closing = False

    def connectionMade(self) -> None:
        self.factory.connections.add(self)
        # The transport is its own producer: it pauses itself while answers wait to be read.
        self.transport.registerProducer(self.transport, True)

    def lineReceived(self, line: bytes) -> None:
        try:
            request = _parse_request(line)
        except InvalidRequest as error:
            self._answer(None, Failure(error))
            return
        identifier = request.pop("id", None)
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            self._answer(
                identifier,
                Failure(TooManyRequests("too many requests at once; wait for an answer first")),
            )
            return
        self._perform(identifier, request)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._answer(None, Failure(InvalidRequest(f"a line has at most {MAX_LINE} bytes")))
        self.close()

    def readConnectionLost(self) -> None:
        self._closing = True
        self._close_when_idle()

    def writeConnectionLost(self) -> None:
        self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.connections.discard(self)
        for deferred in tuple(self._in_flight.values()):
            deferred.cancel()

    def close(self) -> None:
        """Write all answers that there are, then close the connection."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _perform(self, identifier: Any, request: dict[str, Any]) -> None:
        self._serial += 1
        serial = self._serial
        verb = request.pop("verb")
        operation = self.factory.operations.perform(verb, request)
        self._in_flight[serial] = operation
        operation.addBoth(self._ended, serial, identifier)

    def _ended(self, result: Described | Failure, serial: int, identifier: Any) -> None:
        del self._in_flight[serial]
        self._answer(identifier, result)
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._closing and not self._in_flight:
            self.close()

    def _answer(self, identifier: Any, result: Described | Failure) -> None:
        if isinstance(result, Failure):
            answer = {"id": identifier, "error": self._described(result)}
        else:
            answer = {"id": identifier, "result": result}
        self.transport.write(json.dumps(answer).encode() + b"\n")

    def _described(self, failure: Failure) -> Described:
        error = failure.value
        if isinstance(error, KadtwistedError | CancelledError):
            return describe.of_error(error)
        self.factory.log.failure("A request on the control socket failed", failure)
        return {"type": "InternalError", "message": "the node has a bug; its log shows the error"}


class ControlFactory(Factory):
    """Accepts at most :data:`MAX_CONNECTIONS` clients at a time."""

    noisy = False
    log = Logger(namespace="kadtwisted.api.control")

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self.connections: set[ControlProtocol] = set()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if len(self.connections) >= MAX_CONNECTIONS:
            return None  # the reactor closes the connection
        protocol = ControlProtocol()
        protocol.factory = self
        return protocol

    def close(self) -> None:
        """Close every connection."""
        for connection in tuple(self.connections):
            connection.close()


def listen(reactor: Any, path: Path, factory: ControlFactory) -> IListeningPort:
    """Listen at ``path``, which only this user can open.

    The caller holds the directory's lock, so a socket that is already there belonged to a node
    that died, and is replaced.  Fails with :class:`CannotListen`.
    """
    try:
        if _is_socket(path):
            path.unlink()
        # Twisted sets the mode between bind and listen: nobody can connect before.
        port: IListeningPort = reactor.listenUNIX(str(path), factory, mode=0o600)
    except (OSError, CannotListenError) as error:
        reason = getattr(error, "socketError", error)
        raise CannotListen(f"cannot make the control socket {path}: {reason}") from error
    return port


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _parse_request(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidRequest("a request is one line of JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
        raise InvalidRequest('a request is a JSON object with a "verb"')
    return request
