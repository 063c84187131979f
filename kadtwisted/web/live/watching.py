"""Watches as streams of events: each change of a value, or of who announces, as it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.python.failure import Failure

from kadtwisted.api.describe import Described
from kadtwisted.api.operations import Operations
from kadtwisted.api.streams import Events, Pump
from kadtwisted.model.record import Kind
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Call
from kadtwisted.web.forms import index_of
from kadtwisted.web.live.places import Places
from kadtwisted.web.live.sse import EVENTS, EventStream
from kadtwisted.web.naming import key_only, named
from kadtwisted.web.routing import Gives, Route

A_STREAM = Gives(content={EVENTS: {"type": "string"}})
SINCE_EVENT = ("Last-Event-ID",)


class Shape(NamedTuple):
    """How a watch is written: as which stream, how each change is ``told``, and the index of the
    version that its client has ``seen``."""

    stream: type[EventStream] = EventStream
    told: Callable[[Described], Described] = lambda change: change
    seen: str | None = None


class Watching:
    """The routes of watches."""

    def __init__(self, operations: Operations, places: Places, clock: Any) -> None:
        self._operations = operations
        self._places = places
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        return (
            Route(
                "GET", "/v1/values/{key}/events", Role.READ, "Watch a value: each change.",
                self.value, gives=A_STREAM, conditions=SINCE_EVENT,
            ),
            Route(
                "GET", "/v1/providers/{key}/events", Role.READ, "Watch who announces under a key.",
                self.providers, gives=A_STREAM,
            ),
        )  # fmt: skip

    def value(self, call: Call) -> None:
        """What is there, unless the client has seen it, and then each change."""
        self._begin(call, named(call.path["key"]), call.header("last-event-id") or None)

    def providers(self, call: Call) -> None:
        """Each announcement that is there, and then each that comes or goes."""
        arguments = {**key_only(call.path["key"]), "kind": int(Kind.ANNOUNCEMENT)}
        self._begin(call, arguments, None)

    def _begin(self, call: Call, arguments: dict[str, Any], seen: str | None) -> None:
        self.begin(call, arguments, Shape(seen=seen))

    def begin(self, call: Call, arguments: dict[str, Any], shape: Shape) -> None:
        """Answer with the changes of a watch, for as long as its client stays."""
        self._places.take()
        try:
            events = self._operations.stream("watch", arguments)
        except BaseException:
            self._places.leave()
            raise
        _Watched(call, events, self._places, self._clock, shape)


class _Watched:
    """One watch, written to one client."""

    def __init__(
        self, call: Call, events: Events, places: Places, clock: Any, shape: Shape
    ) -> None:
        self._places = places
        self._seen = shape.seen
        self._told = shape.told
        self._pump = Pump(events, self._write, self._is_read, self._failed)
        self._stream = shape.stream(call, clock, self._over, self._pump.go)
        self._pump.go()

    def _is_read(self) -> bool:
        return self._stream.is_read

    def _write(self, change: Described) -> None:
        index, seen, self._seen = index_of(change), self._seen, None
        if index != seen:  # else the client has it, from before its connection broke
            self._stream.send("change", self._told(change), index)

    def _failed(self, _: Pump, failure: Failure) -> None:
        self._stream.fail(failure)

    def _over(self) -> None:
        self._pump.stop()
        self._places.leave()
