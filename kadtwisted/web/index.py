"""All routes of a node's gateway, and the page that lists them."""

from __future__ import annotations

from kadtwisted.api.operations import Operations
from kadtwisted.interfaces import INode
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.node import NodeRoutes
from kadtwisted.web.routing import Route
from kadtwisted.web.values import Values


def routes_of(node: INode) -> tuple[Route, ...]:
    """The routes to a node."""
    operations = Operations(node)
    rooms = (NodeRoutes(operations), Values(operations))
    routes = tuple(route for room in rooms for route in room.routes())

    def index(_: Call) -> Answer:
        listed = [
            {
                "method": each.method,
                "path": each.path,
                "role": each.role.name.lower(),
                "summary": each.summary,
            }
            for each in routes
        ]
        return Answer({"routes": listed})

    return (*routes, Route("GET", "/v1", Role.NONE, "What there is.", index))
