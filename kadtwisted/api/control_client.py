"""The client of a control socket: performs verbs at a running node of another process.

It sends nothing before it knows whose socket it is (:mod:`kadtwisted.api.peers`).  Then it trusts
the node, but not blindly: the length of answers is bounded, and a malformed answer ends the
connection.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail
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
        self._serial = 0
        self._lost = False
        self._refusal: KadtwistedError | None = None

    def perform(self, verb: str, arguments: Arguments) -> Deferred[Described]:
        """As :meth:`Operations.perform`; also fails with :class:`ControlUnavailable`, or with what
        the node said before it closed the connection."""
        if self._refusal is not None:
            return fail(self._refusal)
        if self._lost:
            return fail(ControlUnavailable("the connection to the node is closed"))
        self._serial += 1
        serial = self._serial
        waiting: Deferred[Described] = Deferred(lambda _: self._forget(serial))
        self._waiting[serial] = waiting
        request = {**arguments, "verb": verb, "id": serial}
        self.transport.write(json.dumps(request).encode() + b"\n")
        return waiting

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
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.errback(ControlUnavailable("the node closed the connection before it answered"))

    def close(self) -> None:
        """Close the connection."""
        self.transport.loseConnection()

    def _refused(self, error: KadtwistedError) -> None:
        """The node says something of the whole connection, and then closes it."""
        self._refusal = error
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.errback(error)

    def _forget(self, serial: int) -> None:
        self._waiting.pop(serial, None)

    def _line_received(self, line: bytes) -> None:
        try:
            identifier, outcome = answers.answer_from(line)
            if identifier is None and isinstance(outcome, KadtwistedError):
                self._refused(outcome)
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
