"""The node itself: whether it is well, its status, its routing tables, whom it finds."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.api.describe import Described
from kadtwisted.api.operations import Operations
from kadtwisted.model.health import Health
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.routing import Route

READY = (Health.SERVING.word,)
"""The verdicts with which a load balancer should send work here."""


class NodeRoutes:
    """The routes of the node."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        read = Role.READ
        return (
            Route("GET", "/healthz", Role.NONE, "Whether the process answers.", self.healthz),
            Route(
                "GET", "/readyz", Role.NONE, "Whether the node serves: its verdict.", self.readyz
            ),
            Route("GET", "/v1/node", read, "The status of the node.", self._verb("status")),
            Route("GET", "/v1/routing", read, "Its routing tables.", self._verb("routing")),
            Route("GET", "/v1/stats", read, "Its counters.", self.stats),
            Route("GET", "/v1/lookup/{id}", read, "The nodes closest to an ID.", self.lookup),
        )

    def healthz(self, _: Call) -> Answer:
        """It answers, so it lives."""
        return Answer({"status": "ok"})

    def readyz(self, _: Call) -> Deferred[Answer | None]:
        """200 while the node serves, 503 else; both with its verdict."""

        def ready(status: Described) -> Answer:
            told = {"health": status["health"], "sentence": status["health_sentence"]}
            return Answer(told, 200 if status["health"] in READY else 503)

        return self._operations.perform("status", {}).addCallback(ready)

    def stats(self, _: Call) -> Deferred[Answer | None]:
        """The counters alone."""
        asking = self._operations.perform("status", {})
        return asking.addCallback(lambda status: Answer(status["counters"]))

    def lookup(self, call: Call) -> Deferred[Answer | None]:
        """Whom a lookup finds, and how it went."""
        looking = self._operations.perform("find-node", {"target": call.path["id"]})
        return looking.addCallback(Answer)

    def _verb(self, verb: str) -> Any:
        return partial(self._perform, verb)

    def _perform(self, verb: str, _: Call) -> Deferred[Answer | None]:
        return self._operations.perform(verb, {}).addCallback(Answer)
