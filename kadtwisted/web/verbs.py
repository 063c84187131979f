"""The verbs of a node as the control socket has them, for ``kad --node URL``.

One route: the body has the arguments, the answer is what the verb gives, and an error has the name
of its type, so that the other side raises it again.  Programs in other languages are better served
by the routes of records and of the node.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from twisted.internet.defer import Deferred

from kadtwisted.api.operations import Operations
from kadtwisted.web.access import Role
from kadtwisted.web.calls import JSON, Answer, Call
from kadtwisted.web.problems import Refused, unauthorized
from kadtwisted.web.routing import OBJECT, Body, Route

READING: Final = frozenset(
    ("status", "routing", "find-node", "get", "get-many", "collect", "providers", "records", "own")
)
"""Verbs that change nothing and send nothing to whom the client names."""
ARGUMENTS: Final = Body(
    "The arguments of the verb, as the control socket takes them.",
    MappingProxyType({JSON: OBJECT}),
    required=False,
)


class Verbs:
    """The route of verbs."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> tuple[Route, ...]:
        """The one."""
        text = "Perform a verb, as kad --node does; all but those that read need the role write."
        return (Route("POST", "/v1/verbs/{verb}", Role.READ, text, self.perform, body=ARGUMENTS),)

    def perform(self, call: Call) -> Deferred[Answer | None]:
        """What the verb gives."""
        verb = call.path["verb"]
        if verb not in READING and call.role < Role.WRITE:
            text = (
                f"the verb {verb!r:.60} needs a token of the role write; kad takes one with "
                "--token-file"
            )
            raise Refused(403, text) if call.header("authorization") else unauthorized(text)
        return self._operations.perform(verb, call.json()).addCallback(Answer)
