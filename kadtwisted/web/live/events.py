"""What happens at the node, as one stream for everybody who wants to hear it: ``/v1/events``.

* ``verdict``: the verdict on the node, when somebody begins to listen and at each change;
* ``own``: a record that is kept published has lost its place, or has it back, or is below its pin;
* whatever else is told to :meth:`NodeEvents.tell`.

The last :data:`KEPT` events are kept, so a client that comes back with ``Last-Event-ID`` misses
none of them.  Nothing is looked at before the first client comes.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

from kadtwisted.api import describe, describe_status
from kadtwisted.api.describe import Described
from kadtwisted.interfaces import INode
from kadtwisted.model.health import Health
from kadtwisted.model.publication import OwnRecord
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Call
from kadtwisted.web.live.lookout import Lookout
from kadtwisted.web.live.places import Places
from kadtwisted.web.live.sse import EventStream
from kadtwisted.web.live.watching import A_STREAM, SINCE_EVENT
from kadtwisted.web.routing import Route

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at the verdict: INode says that it may be asked so often."""
KEPT: Final = 256
"""MAGIC: events that are kept for those who come back."""


class Told(NamedTuple):
    """One event, and its number."""

    number: int
    name: str
    data: Described


class NodeEvents:
    """The events of one node.  ``run`` tells this run of the program from others."""

    def __init__(self, node: INode, places: Places, clock: Any, run: str) -> None:
        self._node = node
        self._places = places
        self._clock = clock
        self._run = run
        self._kept: deque[Told] = deque(maxlen=KEPT)
        self._number = 0
        self._listeners: dict[EventStream, int] = {}
        self._verdict: Health | None = None
        self._lookout = Lookout(self._look_at_verdict, LOOK_EVERY, clock)

    def routes(self) -> tuple[Route, ...]:
        """The one."""
        route = Route(
            "GET", "/v1/events", Role.READ, "What happens at the node, as it happens.", self.listen,
            gives=A_STREAM, conditions=SINCE_EVENT,
        )  # fmt: skip
        return (route,)

    def listen(self, call: Call) -> None:
        """The verdict, what was missed, and then each event."""
        self._places.take()
        self._begin()
        missed = self._after(call.header("last-event-id"))
        stream = EventStream(
            call, self._clock, lambda: self._gone(stream), lambda: self._go_on(stream)
        )
        self._listeners[stream] = missed
        if missed == self._number or missed < self._number - len(self._kept):
            # A newcomer, or one that has missed events that are not kept: maybe a verdict.
            stream.send(
                "verdict", describe_status.of_verdict(self._node.health()), self._identifier(missed)
            )
        self._go_on(stream)

    def tell(self, name: str, data: Described) -> None:
        """Tell everybody who listens."""
        self._number += 1
        self._kept.append(Told(self._number, name, data))
        for stream in list(self._listeners):
            self._go_on(stream)

    def close(self) -> None:
        """Look no more."""
        self._lookout.end()

    def _begin(self) -> None:
        if self._lookout.has_begun:
            return
        self._verdict = self._node.health()
        self._lookout.begin(self._node.watch_own(self._own))

    def _look_at_verdict(self) -> None:
        verdict = self._node.health()
        if verdict is not self._verdict:
            self._verdict = verdict
            self.tell("verdict", describe_status.of_verdict(verdict))

    def _own(self, record: OwnRecord) -> None:
        self.tell("own", describe.of_own_record(record))

    def _go_on(self, stream: EventStream) -> None:
        """Write what this client has not had, as far as it reads."""
        for each in list(self._kept):
            if each.number > self._listeners.get(stream, self._number) and stream.is_read:
                self._listeners[stream] = each.number
                stream.send(each.name, each.data, self._identifier(each.number))

    def _gone(self, stream: EventStream) -> None:
        self._listeners.pop(stream, None)
        self._places.leave()

    def _identifier(self, number: int) -> str:
        return f"{self._run}-{number}"

    def _after(self, identifier: str) -> int:
        """The number of the last event that a client has had."""
        run, _, number = identifier.rpartition("-")
        if run != self._run or not number.isdecimal() or int(number[:12]) > self._number:
            return self._number
        return int(number[:12])
