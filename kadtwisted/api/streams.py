"""Verbs whose answer is a stream: one line of JSON for each event, until the client goes away.

A client asks for a stream as for anything else.  Each event is a line
``{"id": ID, "event": {...}}`` with the ID of the request.  The stream ends with its connection, or
with the line of an error.

An event is taken from the node only when the client has read the one before it, as far as the
connection tells: what a client is too slow for is never kept here.  How many streams there may be
is bounded for each connection, by :data:`MAX_STREAMS`, and in all, by :data:`MOST_STREAMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from kadtwisted.api import describe
from kadtwisted.api.answers import Described
from kadtwisted.interfaces import IWatch

MAX_STREAMS: Final = 4
"""MAGIC: streams of one connection; a program that watches more opens another connection."""
MOST_STREAMS: Final = 64
"""MAGIC: streams of all connections; a node may have four times as many watches."""


class Events:
    """The changes of a watch, as JSON: ``async for event in events``."""

    def __init__(self, watch: IWatch) -> None:
        self._watch = watch

    def __aiter__(self) -> Events:
        return self

    def __anext__(self) -> Deferred[Described]:
        """The next event; fails as :meth:`IWatch.next`."""
        return self._watch.next().addCallback(describe.of_change)

    def stop(self) -> None:
        """End it."""
        self._watch.stop()


class Pump:
    """Writes the events of one stream, one after the other, while its reader may be written to.

    ``ended`` is told what the stream failed with, unless it was stopped.
    """

    def __init__(
        self,
        events: Events,
        write: Callable[[Described], object],
        is_read: Callable[[], bool],
        ended: Callable[[Pump, Failure], object],
    ) -> None:
        self._events = events
        self._write = write
        self._is_read = is_read
        self._ended = ended
        self._waiting: Deferred[Any] | None = None
        self._runs = True
        self._pumping = False

    def go(self) -> None:
        """Write what there is, and then what comes."""
        if self._pumping:
            return  # by the loop below
        self._pumping = True
        while self._runs and self._waiting is None and self._is_read():
            waiting = self._waiting = self._events.__anext__()
            waiting.addCallbacks(self._came, self._failed)
        self._pumping = False

    def _came(self, event: Described) -> None:
        self._waiting = None
        if self._runs:
            self._write(event)
            self.go()

    def _failed(self, failure: Failure) -> None:
        self._waiting = None
        if self._runs:
            self._runs = False
            self._ended(self, failure)

    def stop(self) -> None:
        """Nobody reads any more."""
        self._runs = False
        self._events.stop()
