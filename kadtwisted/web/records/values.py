"""Values under a name: read, waited for, put, deleted; and immutable ones, under their hash."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.api import describe
from kadtwisted.api.operations import Operations
from kadtwisted.interfaces import INode
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.forms import (
    A_RECEIPT,
    A_VALUE,
    MODE,
    PUT_BACK,
    SINCE,
    WAIT,
    WRITING,
    answer_of,
    body_of,
    in_base64,
    receipt,
    unconditional,
)
from kadtwisted.web.live.polling import Polls
from kadtwisted.web.naming import key_only, named
from kadtwisted.web.routing import VALUE_BODY, Route

KEPT = ("If-None-Match",)


class Values:
    """The routes of values."""

    def __init__(self, node: INode, operations: Operations, polls: Polls) -> None:
        self._node = node
        self._operations = operations
        self._polls = polls

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        path, write = "/v1/values/{key}", Role.WRITE
        return (
            Route(
                "GET", path, Role.READ, "Read a value, or wait until it is another one.", self.get,
                (MODE, *SINCE), gives=A_VALUE, conditions=KEPT,
            ),
            Route(
                "PUT", path, write, "Store a value under a name.", self.put,
                (*WRITING, PUT_BACK), VALUE_BODY, A_RECEIPT,
            ),
            Route("DELETE", path, write, "Delete the value under a name.", self.delete, (WAIT,)),
            Route(
                "POST", "/v1/immutable", write, "Store a value under its hash.", self.immutable,
                WRITING, VALUE_BODY, A_RECEIPT,
            ),
        )  # fmt: skip

    def get(self, call: Call) -> Deferred[Answer | None]:
        """The value, as JSON or, if that is accepted, as raw bytes."""
        return read(self._operations, self._polls, named(call.path["key"]), call)

    def put(self, call: Call) -> Deferred[Answer | None]:
        """Store the body: raw bytes, or JSON with ``value`` or ``value_base64``."""
        unconditional(call)
        arguments = {**key_only(call.path["key"]), **call.asked}
        arguments["value_base64"] = in_base64(body_of(call))
        return self._operations.perform("put", arguments).addCallback(receipt)

    def delete(self, call: Call) -> Deferred[Answer | None]:
        """Delete what is there."""
        unconditional(call)
        arguments = {**key_only(call.path["key"]), **call.asked}
        return self._operations.perform("delete", arguments).addCallback(Answer)

    def immutable(self, call: Call) -> Deferred[Answer | None]:
        """Store the body under its hash; the receipt's ``reference`` finds it."""
        putting = self._node.put_immutable(body_of(call), **call.asked)
        return putting.addCallback(describe.of_receipt).addCallback(receipt)


def read(
    operations: Operations, polls: Polls, place: dict[str, Any], call: Call
) -> Deferred[Answer | None]:
    """The value at a place; with an ``index`` in the query, as soon as it has another one."""
    asked = dict(call.asked)
    index, wait = asked.pop("index", None), asked.pop("wait", None)
    if index is None:
        reading = operations.perform("get", {**place, **asked})
    else:
        reading = polls.changed(place, index, wait)
    return reading.addCallback(lambda found: answer_of(found, call))
