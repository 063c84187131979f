"""A client of a control socket that blocks: for a program that has nothing else to do.

It does what :mod:`kadtwisted.api.control_client` does, without Twisted, which would take most of
the time of a short command.  It has no time limits of its own: whoever uses it sets an alarm.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kadtwisted.api import answers
from kadtwisted.api.answers import ControlUnavailable, Described, Event
from kadtwisted.api.peers import check_listener, check_place, no_permission, user_of
from kadtwisted.errors import KadtwistedError

_CHUNK = 65536
_LOST = "the node closed the connection before it answered"


class BlockingClient:
    """Performs verbs at a running node, one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self._serial = 0

    async def perform(self, verb: str, arguments: Mapping[str, Any]) -> Described:
        """As :meth:`~kadtwisted.api.control_client.ControlClient.perform`.  It never waits for an
        event loop: by its first step it is done."""
        self._ask(verb, arguments)
        found = self._outcome()
        if isinstance(found, Event):
            self.close()
            raise ControlUnavailable(_LOST)  # no node of ours answers so
        described: Described = found
        return described

    async def stream(self, verb: str, arguments: Mapping[str, Any]) -> AsyncIterator[Described]:
        """As :meth:`~kadtwisted.api.control_client.ControlClient.stream`; it blocks between two
        events."""
        self._ask(verb, arguments)
        while isinstance(found := self._outcome(), Event):
            yield found.described

    def _ask(self, verb: str, arguments: Mapping[str, Any]) -> None:
        self._serial += 1
        request = {**arguments, "verb": verb, "id": self._serial}
        # If the node has closed the connection, it may have said why before.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.sendall(json.dumps(request).encode() + b"\n")

    def _outcome(self) -> Any:
        """The next result or event of the last request; its error is raised."""
        while True:
            answer = self._answer()
            if answer.identifier is None and isinstance(answer.outcome, KadtwistedError):
                raise answer.outcome  # of the whole connection
            if answer.identifier != self._serial:
                continue
            if isinstance(answer.outcome, KadtwistedError):
                raise answer.outcome
            return answer.outcome

    def _answer(self) -> answers.Answer:
        try:
            return answers.answer_from(self._line())
        except (ValueError, LookupError, TypeError, RecursionError):
            self.close()  # no node of ours answers so
            raise ControlUnavailable(_LOST) from None

    def _line(self) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            try:
                data = self._connection.recv(_CHUNK)
            except OSError:
                data = b""
            if not data or searched > answers.MAX_REPLY:
                self.close()
                raise ControlUnavailable(_LOST)
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def connect(path: Path, peer: Callable[[socket.socket], int | None] = user_of) -> BlockingClient:
    """A client of the node whose control socket is at ``path``.

    Fails as :func:`kadtwisted.api.control_client.connect` does.
    """
    owner = check_place(path)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _connect(connection, path)
        check_listener(path, owner, peer(connection))
    except BaseException:
        connection.close()
        raise
    return BlockingClient(connection)


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        connection.connect(str(path))
    except OSError as error:
        cause = OSError(error.errno or 0, os.strerror(error.errno or 0))
        if error.errno in (errno.EACCES, errno.EPERM):
            raise no_permission(path, cause) from cause
        raise ControlUnavailable(f"no running node answers at {path}") from cause
