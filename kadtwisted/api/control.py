"""The control socket: a Unix socket of mode 0600 that speaks JSON lines over :class:`INode`.

A request is one line, ``{"id": ID, "verb": VERB, ...arguments}`` with a short text, a number or
null as ID; its answer is one line, ``{"id": ID, "result": {...}}`` or ``{"id": ID, "error":
{"type": ..., "message": ...}}``, in the order in which requests end.  What is said to a connection
and not of a request has the ID null.  The verbs are those of
:class:`~kadtwisted.api.operations.Operations`; of some the answer is a stream
(:mod:`kadtwisted.api.streams`).

Rules: who may use the socket may do everything, so only root and the user of the node may
(:mod:`kadtwisted.api.peers`).  Lines, connections, requests in flight and answers that wait to be
read are bounded: while a client does not read its answers, nothing more is read from it, and no
line that has come is looked at.  A client that waits for nothing and says nothing is hung up on
after a minute, or before if another one needs its place.  When a client goes away, its requests are
cancelled.  Nothing that a client sends raises an exception here.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IListeningPort,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.api.answers import InvalidRequest, of_error
from kadtwisted.api.describe import Described
from kadtwisted.api.operations import STREAMS, Operations
from kadtwisted.api.peers import PeerUser, Sparingly, peer_user, refusal_of
from kadtwisted.api.streams import MAX_STREAMS, MOST_STREAMS, Pump
from kadtwisted.api.strict_json import read_json
from kadtwisted.errors import CannotListen, KadtwistedError, NodeStopped, TooManyRequests, reason_of
from kadtwisted.storage.guard import user_name

MAX_LINE = 65536
"""Bytes of a request line: a value of 1,000 bytes in base64 and a long name fit many times."""
MAX_CONNECTIONS = 32
"""MAGIC: one person and a few scripts."""
MAX_IN_FLIGHT = 16
"""MAGIC: requests of one connection that wait for an answer."""
MAX_ID = 128
"""MAGIC: characters of a request's ID; our own client counts."""
IDLE_SECONDS = 60.0
"""MAGIC: a client may think for so long between two requests."""
TELL_EVERY = 600.0
"""MAGIC: seconds between two lines on connections that were closed or turned away."""
LEAVE_SECONDS = 5.0
"""MAGIC: the time that a client has to read its last answers."""


@implementer(IHalfCloseableProtocol)
class ControlProtocol(LineReceiver):
    """One client's connection.

    ``idle_since`` is the moment since which it has said nothing and waits for nothing; ``None``
    while it waits for an answer.
    """

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE
    factory: ControlFactory
    transport: Any

    def __init__(self) -> None:
        self.idle_since: float | None = None
        self._in_flight: dict[int, Deferred[Any]] = {}
        self._streams: dict[Pump, Any] = {}
        self._serial = 0
        self._no_more_requests = False
        self._is_closed = False
        self._is_turned_away = False
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        # It pauses, and with it the transport, while answers wait to be read.
        self.transport.registerProducer(self, True)
        refusal = self.factory.admit(self)
        if refusal is None:
            self._look_at_the_time()
        else:
            self._turn_away(refusal)

    def _turn_away(self, refusal: KadtwistedError) -> None:
        """Say why.  The connection stays for what the client is just sending: on a closed one that
        would fail, before the client has read the answer."""
        self._answer(None, Failure(refusal))
        if not self.factory.lingers(self):
            self.close()
            return
        self._is_turned_away = True
        self._arm(LEAVE_SECONDS, self.abort)

    def lineReceived(self, line: bytes) -> None:
        if self._is_turned_away:
            self.close()
        if self._is_closed:
            return
        try:
            identifier, verb, arguments = _parse_request(line)
        except InvalidRequest as error:
            self._answer(None, Failure(error))
        else:
            self._perform(identifier, verb, arguments)
        self._look_at_the_time()

    def lineLengthExceeded(self, line: bytes) -> None:
        if self._is_turned_away:
            self.close()
        if not self._is_closed:
            self._answer(None, Failure(InvalidRequest(f"a line has at most {MAX_LINE} bytes")))
            self.close()

    def resumeProducing(self) -> None:
        """The client has read its answers: look at the lines that have come meanwhile."""
        ended, self._no_more_requests = self._no_more_requests, False
        super().resumeProducing()  # type: ignore[no-untyped-call]
        self._no_more_requests = self._no_more_requests or ended
        self._close_when_done()
        for stream in tuple(self._streams):
            stream.go()

    def readConnectionLost(self) -> None:
        self._no_more_requests = True
        self._close_when_done()

    def writeConnectionLost(self) -> None:
        self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_closed = True
        self._disarm()
        self.factory.forget(self)
        for deferred in tuple(self._in_flight.values()):
            deferred.cancel()
        for stream in tuple(self._streams):
            stream.stop()
        self._streams.clear()

    def leave(self) -> None:
        """The node stops: say so to whoever reads a stream, then close the connection."""
        for stream in list(self._streams):
            stream.stop()
            self._end_stream(stream, Failure(NodeStopped()))
        self.close()

    def close(self) -> None:
        """Write all answers that there are, then close the connection; without them, if the client
        does not read."""
        if self._is_closed:
            return
        self._is_closed = True
        self.idle_since = None
        self._arm(LEAVE_SECONDS, self.abort)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close the connection at once."""
        self._is_closed = True
        self._disarm()
        self.factory.forget(self)
        self.transport.abortConnection()

    # --- Time ----------------------------------------------------------------------------------

    def _look_at_the_time(self) -> None:
        """Whether this client is idle from now on."""
        if self._is_closed:
            return
        if self._in_flight or self._streams:
            self.idle_since = None
            self._disarm()
        else:
            self.idle_since = self.factory.clock.seconds()
            self._arm(IDLE_SECONDS, self._idle_for_long)

    def _idle_for_long(self) -> None:
        self.factory.tell(f"closed a connection that was idle for {IDLE_SECONDS:g} s")
        self.abort()

    def _arm(self, seconds: float, then: Any) -> None:
        self._disarm()
        self._timer = self.factory.clock.callLater(seconds, then)

    def _disarm(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    # --- Requests ------------------------------------------------------------------------------

    def _perform(self, identifier: Any, verb: str, arguments: dict[str, Any]) -> None:
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            busy = TooManyRequests("too many requests at once; wait for an answer first")
            self._answer(identifier, Failure(busy))
            return
        if verb in STREAMS:
            self._begin_stream(identifier, verb, arguments)
            return
        self._serial += 1
        serial = self._serial
        operation = self.factory.operations.perform(verb, arguments)
        self._in_flight[serial] = operation
        operation.addBoth(self._ended, serial, identifier)

    def _ended(self, result: Described | Failure, serial: int, identifier: Any) -> None:
        del self._in_flight[serial]
        self._answer(identifier, result)
        self._look_at_the_time()
        self._close_when_done()

    def _begin_stream(self, identifier: Any, verb: str, arguments: dict[str, Any]) -> None:
        try:
            if len(self._streams) >= MAX_STREAMS or self.factory.streams() >= MOST_STREAMS:
                raise TooManyRequests("too many streams at once; end one first")
            events = self.factory.operations.stream(verb, arguments)
        except Exception:
            self._answer(identifier, Failure())
            return

        def write(event: Described) -> None:
            self.transport.write(json.dumps({"id": identifier, "event": event}).encode() + b"\n")

        stream = Pump(events, write, lambda: not (self.paused or self._is_closed), self._end_stream)
        self._streams[stream] = identifier
        stream.go()

    def _end_stream(self, stream: Pump, failure: Failure) -> None:
        identifier = self._streams.pop(stream)
        if not self._is_closed:
            self._answer(identifier, failure)
            self._look_at_the_time()
            self._close_when_done()

    def streams(self) -> int:
        """How many streams this client reads."""
        return len(self._streams)

    def _close_when_done(self) -> None:
        waits = self._in_flight or self._streams
        if self._no_more_requests and not waits and not self.paused:
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
            return of_error(error)
        self.factory.log.failure("A request on the control socket failed", failure)
        return {"type": "InternalError", "message": "the node has a bug; its log shows the error"}


class ControlFactory(Factory):
    """Serves root and the user of this process, at most :data:`MAX_CONNECTIONS` at a time.

    ``clock`` provides ``IReactorTime``; ``peer`` says whose connection it is.
    """

    noisy = False
    log = Logger(namespace="kadtwisted.api.control")

    def __init__(self, operations: Operations, clock: Any, peer: PeerUser = peer_user) -> None:
        self.operations = operations
        self.clock = clock
        self.connections: set[ControlProtocol] = set()
        self._turned_away: set[ControlProtocol] = set()
        self._peer = peer
        self._sparingly = Sparingly(clock.seconds)
        self._told_at = -math.inf
        self._untold = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol = ControlProtocol()
        protocol.factory = self
        return protocol

    def admit(self, connection: ControlProtocol) -> KadtwistedError | None:
        """Take a new connection in, or say why not."""
        user = self._peer(connection.transport)
        refusal = refusal_of(user)
        if refusal is not None:
            if user is not None and self._sparingly.is_due(user):
                self.log.warn(
                    "refused {user} at the control socket: {reason}",
                    user=user_name(user),
                    reason=str(refusal),
                )
            return refusal
        if len(self.connections) >= MAX_CONNECTIONS and not self._made_room():
            self.tell("turned a client away, because all connections are busy")
            return TooManyRequests("all connections to the node are busy; try again later")
        self.connections.add(connection)
        return None

    def lingers(self, connection: ControlProtocol) -> bool:
        """Whether a connection that is not admitted may stay for a few seconds."""
        if len(self._turned_away) >= MAX_CONNECTIONS:
            return False
        self._turned_away.add(connection)
        return True

    def tell(self, what: str) -> None:
        """Log what was done to a connection; what comes soon after that is only counted, because a
        script that never hangs up would fill the log."""
        now = self.clock.seconds()
        if now - self._told_at < TELL_EVERY:
            self._untold += 1
            return
        more = f"; {self._untold} connections more since the last such line" if self._untold else ""
        self._told_at, self._untold = now, 0
        self.log.warn("{what} (control socket){more}", what=what, more=more)

    def forget(self, connection: ControlProtocol) -> None:
        """A connection is over."""
        self.connections.discard(connection)
        self._turned_away.discard(connection)

    def streams(self) -> int:
        """How many streams all clients read."""
        return sum(each.streams() for each in self.connections)

    def _made_room(self) -> bool:
        """Whether an idle connection, the one idle for longest, has given way."""
        idle = [(e.idle_since, id(e), e) for e in self.connections if e.idle_since is not None]
        if not idle:
            return False
        _, _, longest = min(idle)
        self.tell("closed the connection that was idle for longest, to make room")
        longest.abort()
        return True

    def close(self) -> None:
        """The node stops: close every connection."""
        for connection in (*self.connections, *self._turned_away):
            connection.leave()


def listen(reactor: Any, path: Path, factory: ControlFactory) -> IListeningPort:
    """Listen at ``path``, which only this user can open.

    The caller holds the directory's lock, so a socket that is already there belonged to a node
    that died, and is replaced.  Fails with :class:`CannotListen`.
    """
    try:
        if path.is_socket() and not path.is_symlink():
            path.unlink()
        # Twisted sets the mode between bind and listen: nobody can connect before.
        port: IListeningPort = reactor.listenUNIX(str(path), factory, mode=0o600)
    except (OSError, CannotListenError) as error:
        cause: Any = getattr(error, "socketError", error)
        raise CannotListen(f"cannot make the control socket {path}: {reason_of(cause)}") from error
    return port


def _parse_request(line: bytes) -> tuple[Any, str, dict[str, Any]]:
    """A request's ID, its verb and its arguments."""
    try:
        request = read_json(line)
    except (ValueError, RecursionError):
        raise InvalidRequest("a request is one line of JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
        raise InvalidRequest('a request is a JSON object with a "verb"')
    identifier = request.pop("id", None)
    if not _is_id(identifier):
        raise InvalidRequest(f'an "id" is a number, null, or text of at most {MAX_ID} characters')
    return identifier, request.pop("verb"), request


def _is_id(value: Any) -> bool:
    """Short enough to be said again, and JSON again."""
    if isinstance(value, str):
        return len(value) <= MAX_ID
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) < 1 << 64)
