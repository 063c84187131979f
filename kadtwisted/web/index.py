"""All routes of a node's gateway, and the pages that list them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kadtwisted import __version__
from kadtwisted.api.operations import Operations
from kadtwisted.interfaces import INode
from kadtwisted.state.keyring import KeyRing
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.dashboard.pages import Dashboard
from kadtwisted.web.live.activity import Activity
from kadtwisted.web.live.events import NodeEvents
from kadtwisted.web.live.places import Places
from kadtwisted.web.live.polling import Polls
from kadtwisted.web.live.watching import Watching
from kadtwisted.web.metrics.door import Metrics
from kadtwisted.web.node import NodeRoutes
from kadtwisted.web.openapi import describe_routes
from kadtwisted.web.opendht import OpenDht
from kadtwisted.web.records.announcing import Announcing
from kadtwisted.web.records.many import Many
from kadtwisted.web.records.raw import Raw
from kadtwisted.web.records.signed import Signed
from kadtwisted.web.records.values import Values
from kadtwisted.web.routing import Route
from kadtwisted.web.verbs import Verbs


@dataclass(frozen=True)
class Served:
    """What a gateway answers for: the ``node``, a ``clock`` (``IReactorTime``), the ``keys`` that
    sign for its users, if it has a state directory, and the name of this ``run``."""

    node: INode
    clock: Any
    keys: KeyRing | None = None
    run: str = "0"


class Rooms:
    """What answers for a node, and the one table of all ``routes`` to it."""

    def __init__(self, served: Served) -> None:
        node, clock = served.node, served.clock
        operations = Operations(node)
        places = Places()
        polls = Polls(operations, places, clock)
        self.metrics = Metrics(node)
        watching = Watching(operations, places, clock)
        self.events = NodeEvents(node, places, clock, served.run)
        self.activity = Activity(node, places, clock, served.run)
        rooms = (
            Dashboard(),
            NodeRoutes(node, operations),
            Values(node, operations, polls),
            Signed(node, operations, polls, served.keys),
            Raw(operations),
            Many(operations),
            Announcing(operations),
            watching,
            self.events,
            self.activity,
            OpenDht(operations, watching),
            Verbs(operations),
            self.metrics,
        )
        self.routes = (
            *(route for room in rooms for route in room.routes()),
            Route("GET", "/v1", Role.NONE, "What there is.", self._index),
            Route("GET", "/v1/openapi.json", Role.NONE, "This, for programs.", self._openapi),
        )
        # Whoever likes may ask for these, so they are written once.
        self._described = Answer(describe_routes(self.routes, __version__)).bytes()
        self._listed = Answer({"routes": [_listed(each) for each in self.routes]}).bytes()

    def close(self) -> None:
        """Look at the node no more."""
        self.events.close()
        self.activity.close()
        self.metrics.stop()

    def _index(self, _: Call) -> Answer:
        return Answer(self._listed)

    def _openapi(self, _: Call) -> Answer:
        return Answer(self._described)


def _listed(route: Route) -> dict[str, str]:
    return {
        "method": route.method,
        "path": route.path,
        "role": route.role.name.lower(),
        "summary": route.summary,
    }
