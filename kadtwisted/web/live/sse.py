"""One stream of server-sent events (WHATWG HTML, 9.2): written while its client reads.

What its client is too slow for is never kept here: who has events asks :attr:`EventStream.is_read`
first.  A client that takes nothing for :data:`PATIENCE_BEATS` heartbeats is cut off.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from kadtwisted.api.answers import of_error
from kadtwisted.api.describe import Described
from kadtwisted.errors import KadtwistedError
from kadtwisted.web.calls import JSON, Call, begin

EVENTS: Final = "text/event-stream"
HEARTBEAT_SECONDS: Final = 15.0
"""About so often a comment is sent, as the standard advises, so that no proxy gives the stream
up."""
PATIENCE_BEATS: Final = 4
RETRY_MILLISECONDS: Final = 2000
"""MAGIC: after this a browser connects again."""


def event(name: str, data: Described, identifier: str = "") -> bytes:
    """One event on the wire."""
    lines = f"event: {name}\ndata: {json.dumps(data)}\n"
    if identifier:
        lines += f"id: {identifier}\n"
    return lines.encode() + b"\n"


@implementer(IPushProducer)
class EventStream:
    """The answer to one call.  ``go_on`` is called when its client can read on, ``ended`` once:
    when it is over, whoever ended it."""

    content_type = EVENTS
    head = b"retry: %d\n\n" % RETRY_MILLISECONDS
    beat = b": still here\n\n"

    def __init__(
        self,
        call: Call,
        clock: Any,
        ended: Callable[[], object],
        go_on: Callable[[], object] = lambda: None,
    ) -> None:
        self._request = call.request
        self._clock = clock
        self._ended = ended
        self._go_on = go_on
        self._is_paused = False
        self._beats_missed = 0
        self.is_over = False
        self._beat: IDelayedCall | None = clock.callLater(HEARTBEAT_SECONDS, self._send_beat)
        begin(self._request, 200, self.content_type, {"X-Accel-Buffering": "no"})
        self._request.notifyFinish().addBoth(lambda _: self._over())
        self._request.registerProducer(self, True)
        self._request.write(self.head)

    @property
    def is_read(self) -> bool:
        """Whether its client can take an event now."""
        return not (self.is_over or self._is_paused)

    def send(self, name: str, data: Described, identifier: str = "") -> None:
        """Write one event; nothing if the stream is over."""
        self.write(self.written(name, data, identifier))

    def write(self, written: bytes) -> None:
        """Write what :func:`event` has made; nothing if the stream is over."""
        if not self.is_over:
            self._request.write(written)

    def written(self, name: str, data: Described, identifier: str) -> bytes:
        """The bytes of one event."""
        return event(name, data, identifier)

    def fail(self, failure: Failure) -> None:
        """Tell of an error, and end."""
        error = failure.value
        if isinstance(error, KadtwistedError):
            self.send("error", of_error(error))
        self.close()

    def close(self) -> None:
        """End the answer."""
        if not self.is_over:
            self._request.unregisterProducer()
            self._request.finish()

    def _over(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        beat, self._beat = self._beat, None
        if beat is not None and beat.active():
            beat.cancel()
        self._ended()

    def _send_beat(self) -> None:
        self._beat = self._clock.callLater(HEARTBEAT_SECONDS, self._send_beat)
        if not self._is_paused:
            self._beats_missed = 0
            self._request.write(self.beat)
            return
        self._beats_missed += 1
        if self._beats_missed >= PATIENCE_BEATS:
            self._request.channel.cut()

    # --- IPushProducer: the connection says how much it can take -------------------------------

    def pauseProducing(self) -> None:
        """What was written waits to be read."""
        self._is_paused = True

    def resumeProducing(self) -> None:
        """It was read."""
        self._is_paused = False
        self._beats_missed = 0
        if not self.is_over:
            self._go_on()

    def stopProducing(self) -> None:
        """The connection is gone; the request says so, too."""


class LineStream(EventStream):
    """The same as lines of JSON, one for each event: the names and identifiers are left out."""

    content_type = JSON
    head = b""
    beat = b"\n"

    def written(self, name: str, data: Described, identifier: str) -> bytes:
        """One line."""
        return json.dumps(data).encode() + b"\n"
