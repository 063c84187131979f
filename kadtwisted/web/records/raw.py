"""Records as bytes: stored as they are, collected, listed; for programs that sign by themselves."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.operations import Operations
from kadtwisted.web.access import Role
from kadtwisted.web.calls import BYTES, JSON, Answer, Call
from kadtwisted.web.forms import (
    A_RECEIPT,
    PAGE,
    PUT_BACK,
    WRITING,
    body_of,
    condition,
    in_base64,
    paged,
    receipt,
    with_next,
)
from kadtwisted.web.naming import key_only
from kadtwisted.web.parameters import whole
from kadtwisted.web.routing import BINARY, Body, Route

RECORD = Body(
    "The record, byte for byte: raw, or JSON with it in base64.",
    {
        BYTES: BINARY,
        JSON: {
            "type": "object",
            "properties": {"record_base64": {"type": "string", "contentEncoding": "base64"}},
            "required": ["record_base64"],
            "additionalProperties": False,
        },
    },
)
COLLECTED = whole("kind", "The kind of record: 1 a value, 2 immutable, 3 signed.", 0, 255)


class Raw:
    """The routes of records as bytes."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        read = Role.READ
        return (
            Route("GET", "/v1/records", read, "The records that this node stores.", self.stored,
                  PAGE),
            Route("POST", "/v1/records", Role.WRITE, "Store a record as it is.", self.put,
                  (*WRITING, PUT_BACK), RECORD, A_RECEIPT, ("If-Match",)),
            Route("GET", "/v1/records/{key}", read, "All records of one kind under a key.",
                  self.collect, (COLLECTED,)),
            Route("GET", "/v1/own", read, "The records that this node keeps published, and pins.",
                  self.own, PAGE),
        )  # fmt: skip

    def put(self, call: Call) -> Deferred[Answer | None]:
        """Store the body; with ``If-Match`` only in place of that version."""
        arguments = {**call.asked, "record_base64": in_base64(body_of(call, "record"))}
        cas = condition(call)
        if call.header("if-none-match"):
            raise InvalidRequest("a record is stored where it wins; it takes If-Match alone")
        if cas is not None:
            arguments["cas"] = cas
        return self._operations.perform("put-record", arguments).addCallback(receipt)

    def collect(self, call: Call) -> Deferred[Answer | None]:
        """What stands under a key."""
        arguments = {"kind": 1, **key_only(call.path["key"]), **call.asked}
        return self._operations.perform("collect", arguments).addCallback(Answer)

    def stored(self, call: Call) -> Deferred[Answer | None]:
        """A page of those that are stored here."""
        return self._operations.perform("records", paged(call.asked)).addCallback(with_next)

    def own(self, call: Call) -> Deferred[Answer | None]:
        """A page of the node's own."""
        return self._operations.perform("own", paged(call.asked)).addCallback(with_next)
