"""Announcements of this node, providers of all, and pins."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.api.arguments import MAX_HOLDERS
from kadtwisted.api.operations import Operations
from kadtwisted.constants import PROVIDERS_LIMIT
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.forms import KIND, LIFETIME, WAIT, body_of, in_base64
from kadtwisted.web.naming import key_only, named
from kadtwisted.web.parameters import whole
from kadtwisted.web.routing import Gives, Route, bytes_body

ATTRIBUTES = bytes_body(
    "attributes",
    "What the application says of what it offers, at most 400 bytes: raw, or as JSON.",
    required=False,
)
PORT = whole("port", "Where it is offered; by default the node's own UDP port.", 1, 65535)
LIMIT = whole("limit", "A fair sample of so many at most.", 1, PROVIDERS_LIMIT)
HOLDERS = whole("holders", "At no fewer than so many, at most k.", 1, MAX_HOLDERS)._replace(
    required=True
)


class Announcing:
    """The routes of announcements and pins."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        write, announced, pinned = Role.WRITE, "/v1/announcements/{key}", "/v1/pins/{key}"
        return (
            Route(
                "GET", "/v1/providers/{key}", Role.READ, "Who announces under a key.",
                self.providers, (LIMIT,),
            ),
            Route(
                "PUT", announced, write, "Announce that this node offers something.", self.announce,
                (PORT, LIFETIME, WAIT), ATTRIBUTES, Gives((201,)),
            ),
            Route("DELETE", announced, write, "Announce it no more.", self.withdraw, (WAIT,)),
            Route(
                "PUT", pinned, write, "Keep a record at no fewer than so many holders.", self.pin,
                (HOLDERS, KIND),
            ),
            Route("DELETE", pinned, write, "Count its holders no more.", self.unpin, (KIND,)),
        )  # fmt: skip

    def providers(self, call: Call) -> Deferred[Answer | None]:
        """Who announces under a key."""
        return self._perform("providers", {**key_only(call.path["key"]), **call.asked})

    def announce(self, call: Call) -> Deferred[Answer | None]:
        """Announce, with the body as attributes."""
        arguments = {**key_only(call.path["key"]), **call.asked}
        if call.body:
            arguments["attributes_base64"] = in_base64(body_of(call, "attributes"))
        return self._perform("announce", arguments, 201)

    def withdraw(self, call: Call) -> Deferred[Answer | None]:
        """Announce no more."""
        return self._perform("withdraw", {**key_only(call.path["key"]), **call.asked})

    def pin(self, call: Call) -> Deferred[Answer | None]:
        """Pin what is there."""
        return self._perform("pin", {**named(call.path["key"]), **call.asked})

    def unpin(self, call: Call) -> Deferred[Answer | None]:
        """Take the pin away."""
        return self._perform("unpin", {**named(call.path["key"]), **call.asked})

    def _perform(
        self, verb: str, arguments: dict[str, Any], status: int = 200
    ) -> Deferred[Answer | None]:
        performing = self._operations.perform(verb, arguments)
        return performing.addCallback(lambda told: Answer(told, status))
