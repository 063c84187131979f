"""The client of a control socket: performs verbs at a running node of another process.

It sends nothing before it knows whose socket it is (:mod:`kadtwisted.api.peers`).  Then it trusts
the node, but not blindly: the length of answers is bounded, and a malformed answer ends the
connection.
"""

from __future__ import annotations

import errno
import json
import os
from collections import deque
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from kadtwisted.api import answers
from kadtwisted.api.answers import ControlUnavailable, Described
from kadtwisted.api.arguments import Arguments
from kadtwisted.api.peers import (
    ControlRefused,
    PeerUser,
    check_listener,
    check_place,
    no_permission,
    peer_user,
)
from kadtwisted.errors import KadtwistedError
from kadtwisted.storage.guard import UnsafeFile


class ControlClient(Protocol):
    """Performs verbs at a running node; the same interface as :class:`Operations`."""

    transport: Any

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: dict[int, Deferred[Described]] = {}
        self._streams: dict[int, Stream] = {}
        self._serial = 0
        self._lost = False
        self._refusal: KadtwistedError | None = None

    def perform(self, verb: str, arguments: Arguments) -> Deferred[Described]:
        """As :meth:`Operations.perform`; also fails with :class:`ControlUnavailable`, or with what
        the node said before it closed the connection."""
        closed = self._closed()
        if closed is not None:
            return fail(closed)
        serial = self._ask(verb, arguments)
        waiting: Deferred[Described] = Deferred(lambda _: self._forget(serial))
        self._waiting[serial] = waiting
        return waiting

    def stream(self, verb: str, arguments: Arguments) -> Stream:
        """As :meth:`Operations.stream`: the events of a verb whose answer is a stream, until the
        connection is closed.  Raises what :meth:`perform` fails with, at once or at an event."""
        closed = self._closed()
        if closed is not None:
            raise closed
        stream = Stream(self.transport)
        self._streams[self._ask(verb, arguments)] = stream
        return stream

    def _closed(self) -> KadtwistedError | None:
        """Why nothing can be asked any more."""
        if self._refusal is None and self._lost:
            return ControlUnavailable("the connection to the node is closed")
        return self._refusal

    def _ask(self, verb: str, arguments: Arguments) -> int:
        self._serial += 1
        request = {**arguments, "verb": verb, "id": self._serial}
        self.transport.write(json.dumps(request).encode() + b"\n")
        return self._serial

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > answers.MAX_REPLY:
            self.transport.abortConnection()
            return
        if b"\n" in data:
            *lines, rest = bytes(self._buffer).split(b"\n")
            self._buffer = bytearray(rest)
            for line in lines:
                self._line_received(line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._fail_all(ControlUnavailable("the node closed the connection before it answered"))

    def close(self) -> None:
        """Close the connection."""
        self.transport.loseConnection()

    def _refused(self, error: KadtwistedError) -> None:
        """The node says something of the whole connection, and then closes it."""
        self._refusal = error
        self._fail_all(error)

    def _fail_all(self, error: KadtwistedError) -> None:
        waiting, self._waiting = self._waiting, {}
        streams, self._streams = self._streams, {}
        for each in waiting.values():
            each.errback(error)
        for stream in streams.values():
            stream.fail(error)

    def _forget(self, serial: int) -> None:
        self._waiting.pop(serial, None)

    def _line_received(self, line: bytes) -> None:
        try:
            identifier, outcome = answers.answer_from(line)
            if identifier is None and isinstance(outcome, KadtwistedError):
                self._refused(outcome)
                return
            if identifier in self._streams:
                self._stream_received(identifier, outcome)
                return
            waiting = self._waiting.pop(identifier, None)
        except (ValueError, LookupError, TypeError, RecursionError):
            self.transport.abortConnection()  # no node of ours answers so
            return
        if waiting is None:
            return  # its caller does not wait any more
        if isinstance(outcome, KadtwistedError):
            waiting.errback(outcome)
        else:
            waiting.callback(outcome)

    def _stream_received(self, identifier: Any, outcome: Any) -> None:
        if isinstance(outcome, answers.Event):
            self._streams[identifier].take(outcome.described)
        elif isinstance(outcome, KadtwistedError):
            self._streams.pop(identifier).fail(outcome)


MOST_EVENTS: Final = 64
"""MAGIC: events of a stream that wait to be taken; the node keeps only the newest of each place."""


class Stream:
    """The events that a node sends, in their order: ``async for event in stream``.

    While :data:`MOST_EVENTS` wait to be taken, nothing more is read from the connection.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._events: deque[Described] = deque()
        self._waiting: Deferred[Described] | None = None
        self._error: KadtwistedError | None = None

    def __aiter__(self) -> Stream:
        return self

    def __anext__(self) -> Deferred[Described]:
        """The next event; one at a time.  Fails with what ended the stream."""
        if self._events:
            if len(self._events) == MOST_EVENTS and self._error is None:
                self._transport.resumeProducing()
            return succeed(self._events.popleft())
        if self._error is not None:
            return fail(self._error)
        waiting: Deferred[Described] = Deferred(self._not_waiting)
        self._waiting = waiting
        return waiting

    def _not_waiting(self, _: object) -> None:
        self._waiting = None

    def take(self, event: Described) -> None:
        """An event has come."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(event)
        else:
            self._events.append(event)
            if len(self._events) == MOST_EVENTS:
                self._transport.pauseProducing()

    def fail(self, error: KadtwistedError) -> None:
        """There will be no more."""
        self._error = error
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(error)


def connect(reactor: Any, path: Path, peer: PeerUser = peer_user) -> Deferred[ControlClient]:
    """A client of the node whose control socket is at ``path``.

    Fails with :class:`ControlUnavailable` if none listens there, and with :class:`ControlRefused`
    or :class:`~kadtwisted.storage.guard.UnsafeFile` if it may be the socket of somebody else; then
    nothing was sent.  ``peer`` says whose program listens.
    """
    try:
        owner = check_place(path)
    except (ControlRefused, UnsafeFile) as error:
        return fail(error)

    def connected(client: ControlClient) -> ControlClient:
        try:
            check_listener(path, owner, peer(client.transport))
        except ControlRefused:
            client.transport.abortConnection()
            raise
        return client

    connecting: Deferred[ControlClient] = connectProtocol(
        UNIXClientEndpoint(reactor, str(path)), ControlClient()
    )
    return connecting.addCallbacks(connected, _not_connected, errbackArgs=(path,))


def _not_connected(failure: Failure, path: Path) -> ControlClient:
    failure.trap(ConnectError)
    number = getattr(failure.value, "osError", None) or 0
    cause = OSError(number, os.strerror(number))
    if number in (errno.EACCES, errno.EPERM):
        raise no_permission(path, cause) from cause
    raise ControlUnavailable(f"no running node answers at {path}") from cause
