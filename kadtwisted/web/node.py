"""The node itself: whether it is well, its status, its routing tables, whom it finds."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.api import describe_status
from kadtwisted.api.describe import Described
from kadtwisted.api.operations import Operations
from kadtwisted.interfaces import INode
from kadtwisted.model.health import Health
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.naming import target
from kadtwisted.web.routing import Gives, Handler, Route

READY = (Health.SERVING,)
"""The verdicts with which a load balancer should send work here."""


class NodeRoutes:
    """The routes of the node."""

    def __init__(self, node: INode, operations: Operations) -> None:
        self._node = node
        self._operations = operations

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        read, write, none = Role.READ, Role.WRITE, Role.NONE
        return (
            Route("GET", "/healthz", none, "Whether the process answers.", self.healthz),
            Route(
                "GET", "/readyz", none, "Whether the node serves: its verdict.", self.readyz,
                gives=Gives((200, 503)),
            ),
            Route("GET", "/v1/node", read, "The status of the node.", self._verb("status")),
            Route("GET", "/v1/routing", read, "Its routing tables.", self._verb("routing")),
            Route("GET", "/v1/stats", read, "Its counters.", self.stats),
            Route(
                "GET", "/v1/lookup/{id}", read, "The nodes closest to an ID, and how they were "
                "found.", self.lookup,
            ),
            Route(
                "POST", "/v1/paths/{node}", write, "Open a path to a node, by its public key.",
                self.open_path,
            ),
            Route(
                "POST", "/v1/ping/{address}", write, "Ask a node whether it is there.", self.ping,
            ),
        )  # fmt: skip

    def healthz(self, _: Call) -> Answer:
        """It answers, so it lives."""
        return Answer({"status": "ok"})

    def readyz(self, _: Call) -> Answer:
        """200 while the node serves, 503 else; both with its verdict."""
        verdict = self._node.health()
        return Answer(describe_status.of_verdict(verdict), 200 if verdict in READY else 503)

    def stats(self, _: Call) -> Deferred[Answer | None]:
        """The counters alone."""
        asking = self._operations.perform("status", {})
        return asking.addCallback(lambda status: Answer(status["counters"]))

    def lookup(self, call: Call) -> Deferred[Answer | None]:
        """Whom a lookup finds, and how it went."""
        return self._perform("find-node", target(call.path["id"]))

    def open_path(self, call: Call) -> Deferred[Answer | None]:
        """Where a node answers, and who has told it of us."""
        return self._perform("open-path", {"node": call.path["node"]})

    def ping(self, call: Call) -> Deferred[Answer | None]:
        """How long it takes to answer."""
        return self._perform("ping", {"address": call.path["address"]})

    def _verb(self, verb: str) -> Handler:
        return lambda _: self._perform(verb, {})

    def _perform(self, verb: str, arguments: Described) -> Deferred[Answer | None]:
        performing: Deferred[Any] = self._operations.perform(verb, arguments)
        return performing.addCallback(Answer)
