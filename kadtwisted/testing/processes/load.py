"""Load: a steady number of STOREs in flight at one daemon.

The source of the writes knows what is written and what an acknowledgement means.  This module keeps
the daemon busy, and waits for a moment when the daemon answers that it is asked too much.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.errors import ErrorReply, KadtwistedError
from kadtwisted.node.port.requests import Answer
from kadtwisted.testing.processes.client import Client
from kadtwisted.testing.processes.ledger import Write

STEP_BACK = 0.1
"""Seconds that a writer waits after a refusal."""


class Source(Protocol):
    """Gives the writes, and is told what came of each."""

    def next(self, now: float) -> Write | None:
        """The next write; ``None`` if there is no more."""

    def acknowledged(self, write: Write, now: float) -> None:
        """The write was acknowledged; called while the datagram of that is being received."""

    def doubtful(self, write: Write) -> None:
        """The write was not acknowledged."""


class Load:
    """``at_once`` writers, from :meth:`start` until :meth:`stop` or until there is nothing more to
    write; then ``done`` fires."""

    def __init__(self, reactor: Any, client: Client, source: Source, at_once: int) -> None:
        self.done: Deferred[None] = Deferred()
        self.refused = 0
        self._reactor = reactor
        self._client = client
        self._source = source
        self._writers = at_once
        self._running = False

    def start(self) -> None:
        """Begin to write."""
        self._running = True
        for _ in range(self._writers):
            self._write()

    def stop(self) -> None:
        """Begin nothing more."""
        self._running = False

    def _write(self) -> None:
        write = self._source.next(self._reactor.seconds()) if self._running else None
        if write is None:
            self._writers -= 1
            if not self._writers:
                self.done.callback(None)
            return
        storing = self._client.store(write.record, write.lifetime)
        storing.addCallbacks(self._stored, self._failed, (write,), errbackArgs=(write,))

    def _stored(self, _: Answer, write: Write) -> None:
        self._source.acknowledged(write, self._reactor.seconds())
        self._write()

    def _failed(self, failure: Failure, write: Write) -> None:
        failure.trap(KadtwistedError)
        self._source.doubtful(write)
        self.refused += bool(failure.check(ErrorReply))
        if self._running:
            self._reactor.callLater(STEP_BACK, self._write)
        else:
            self._write()
