"""What the node does, as it does it: one stream for all who look on, ``/v1/activity/events``.

* ``hello``, once: what this client may do, how often the node is looked at, and which run of it
  this is: the numbers of lookups begin anew with each;
* ``status``, every :data:`BEAT` seconds: the status of the node;
* ``requests``, with it: the requests to other nodes that have ended since, and which lookups run;
* ``lookup``: its path so far, as it goes on, and the whole of it when it has ended.

The node is observed while somebody listens, and no longer.  A client that reads slowly misses
events: each tells the state of something, so the next one makes up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kadtwisted import __version__
from kadtwisted.api import describe, describe_status
from kadtwisted.api.describe import Described
from kadtwisted.interfaces import INode
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.observed import LookupBegan, LookupEnded, Observation
from kadtwisted.model.results import Trace
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Call
from kadtwisted.web.live.lookout import Lookout
from kadtwisted.web.live.places import Places
from kadtwisted.web.live.recent import RecentRequests
from kadtwisted.web.live.sse import EventStream, event
from kadtwisted.web.live.watching import A_STREAM
from kadtwisted.web.routing import Route

LOOK: Final = 0.5
"""MAGIC: seconds between two looks at the lookups that run: people see a lookup move."""
LOOKS_A_BEAT: Final = 4
BEAT: Final = LOOK * LOOKS_A_BEAT
"""Seconds between two statuses."""
MOST_FOLLOWED: Final = 8
"""MAGIC: lookups that are followed at the same time, those that have ended since the last look
among them: more than a reader can follow, at 20 kB a look each."""


@dataclass
class Followed:
    """A lookup that is followed: ``look`` gives its path so far, ``told`` is what was told last."""

    about: LookupBegan | LookupEnded
    look: Callable[[], Trace]
    told: Trace | None = None

    @property
    def ended(self) -> LookupEnded | None:
        """How it ended, if it has."""
        return self.about if isinstance(self.about, LookupEnded) else None


class Activity:
    """What one node does, for whoever listens."""

    def __init__(self, node: INode, places: Places, clock: Any, run: str) -> None:
        self._node = node
        self._run = run
        self._places = places
        self._clock = clock
        self._listeners: list[EventStream] = []  # each has one of the places
        self._requests = RecentRequests(clock.seconds)
        self._followed: dict[int, Followed] = {}  # at most MOST_FOLLOWED
        self._passed_over = 0
        self._looks = 0
        self._lookout = Lookout(self._look_on, LOOK, clock)

    def routes(self) -> tuple[Route, ...]:
        """The one."""
        route = Route(
            "GET", "/v1/activity/events", Role.READ, "What the node does, as it does it: its "
            "status, its requests, its lookups.", self.listen, gives=A_STREAM,
        )  # fmt: skip
        return (route,)

    def listen(self, call: Call) -> None:
        """A stream that tells of all that happens from now on."""
        self._places.take()
        self._begin()
        stream = EventStream(call, self._clock, lambda: self._gone(stream))
        self._listeners.append(stream)
        hello = {
            "role": call.role.name.lower(),
            "version": __version__,
            "beat_seconds": BEAT,
            "run": self._run,
        }
        stream.send("hello", hello)
        stream.send("status", self._status())

    def close(self) -> None:
        """Look no more."""
        self._lookout.end()
        self._followed.clear()

    def _begin(self) -> None:
        if self._lookout.has_begun:
            return
        self._requests.take()  # what was heard for those who listened before
        self._passed_over = self._looks = 0
        self._lookout.begin(self._node.observe(self._hear))

    def _gone(self, stream: EventStream) -> None:
        self._listeners.remove(stream)
        self._places.leave()
        if not self._listeners:
            self.close()

    # --- What the node tells -------------------------------------------------------------------

    def _hear(self, told: Observation) -> None:
        if isinstance(told, LookupBegan):
            self._follow(told, told.look)
        elif isinstance(told, LookupEnded):
            self._follow(told, lambda: told.trace)
        else:
            self._requests.hear(told)

    def _follow(self, about: LookupBegan | LookupEnded, look: Callable[[], Trace]) -> None:
        if not about.number:
            return  # it began before anybody looked on
        followed = self._followed.get(about.number)
        if followed is not None:
            followed.about, followed.look = about, look
        elif len(self._followed) < MOST_FOLLOWED:
            self._followed[about.number] = Followed(about, look)
        elif isinstance(about, LookupEnded):
            self._passed_over += 1

    # --- What is told --------------------------------------------------------------------------

    def _look_on(self) -> None:
        for number, each in list(self._followed.items()):
            path = each.look()
            if each.ended or each.told is None or each.told.steps != path.steps:
                each.told = path
                self._tell("lookup", _of_lookup(each, path))
            if each.ended:
                del self._followed[number]
        self._looks += 1
        if self._looks % LOOKS_A_BEAT == 0:
            self._tell("status", self._status())
            self._tell("requests", self._of_requests())

    def _of_requests(self) -> Described:
        passed_over, self._passed_over = self._passed_over, 0
        return {
            **self._requests.take(),
            "lookups_running": list(self._followed),
            "lookups_not_shown": passed_over,
        }

    def _status(self) -> Described:
        return describe_status.of_status(self._node.status())

    def _tell(self, name: str, data: Described) -> None:
        written = event(name, data)  # once, however many listen
        for each in list(self._listeners):
            if each.is_read:
                each.write(written)


def _of_lookup(followed: Followed, path: Trace) -> Described:
    about, ended = followed.about, followed.ended
    return {
        "number": about.number,
        "family": f"IPv{int(about.family)}",
        "target": id_to_hex(about.target),
        "wanted": about.wanted,
        "running": ended is None,
        "completed": None if ended is None else ended.completed,
        "trace": describe.of_trace(path),
    }
