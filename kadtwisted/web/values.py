"""Values under a name: read, put, deleted; as JSON, or as raw bytes.

The version of a value is its *index*: when it was published, in microseconds, or the sequence
number of a signed one.  It is in the ETag and in ``X-Kad-Index``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.describe import Described
from kadtwisted.api.operations import Operations
from kadtwisted.web.access import Role
from kadtwisted.web.calls import BYTES, Answer, Call
from kadtwisted.web.naming import key_only, named
from kadtwisted.web.routing import Route

READING = {"mode": "first or latest", "index": "wait until it is another one", "wait": "seconds"}
WRITING = {
    "lifetime": "seconds",
    "keep": "true: published again until it is deleted",
    "wait": "quorum or all",
}
DELETING = {"wait": "quorum or all"}


class Values:
    """The routes of values."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        path = "/v1/values/{key}"
        return (
            Route("GET", path, Role.READ, "Read a value.", self.get),
            Route("PUT", path, Role.WRITE, "Store a value under a name.", self.put),
            Route("DELETE", path, Role.WRITE, "Delete the value under a name.", self.delete),
        )

    def get(self, call: Call) -> Deferred[Answer | None]:
        """The value, as JSON or, if that is accepted, as raw bytes."""
        asked = call.query(READING)
        arguments = named(call.path["key"])
        if "mode" in asked:
            arguments["mode"] = asked["mode"]
        reading = self._operations.perform("get", arguments)
        return reading.addCallback(lambda found: answer_of(found, call))

    def put(self, call: Call) -> Deferred[Answer | None]:
        """Store the body: raw bytes, or JSON with ``value`` or ``value_base64``."""
        arguments = {**key_only(call.path["key"]), **_options(call.query(WRITING))}
        arguments["value_base64"] = b64encode(_value(call)).decode()
        return self._operations.perform("put", arguments).addCallback(
            lambda told: Answer(told, 201)
        )

    def delete(self, call: Call) -> Deferred[Answer | None]:
        """Delete what is there."""
        arguments = {**key_only(call.path["key"]), **call.query(DELETING)}
        return self._operations.perform("delete", arguments).addCallback(Answer)


def answer_of(found: Described, call: Call) -> Answer:
    """A value that was read, in the form that the client prefers."""
    index = index_of(found)
    headers = {"ETag": f'"{index}"', "X-Kad-Index": str(index)}
    if call.header("if-none-match") == headers["ETag"]:
        return Answer(None, 304, headers=headers)
    if call.wants_bytes:
        raw = found["value_base64"] or found["raw_base64"]
        return Answer(b64decode(raw), 200, BYTES, headers)
    return Answer(found, 200, headers=headers)


def index_of(found: Described) -> int | str:
    """The index of a value: its sequence number, its time in microseconds, or its key."""
    if "seq" in found:
        return int(found["seq"])
    if "published_unix" in found:
        seconds: float = found["published_unix"]
        return round(seconds * 1_000_000)
    return str(found["key"])


def _value(call: Call) -> bytes:
    """The bytes in the body."""
    if not call.is_json:
        return call.body
    body = call.json()
    if set(body) == {"value"} and isinstance(body["value"], str):
        return str(body["value"]).encode()
    if set(body) == {"value_base64"} and isinstance(body["value_base64"], str):
        try:
            return b64decode(body["value_base64"], validate=True)
        except ValueError:
            raise InvalidRequest("value_base64 is no base64") from None
    raise InvalidRequest('the body is {"value": "text"}, {"value_base64": "…"}, or raw bytes')


def _options(asked: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = dict(asked)
    if "lifetime" in asked:
        try:
            found["lifetime"] = float(asked["lifetime"])
        except ValueError:
            raise InvalidRequest("lifetime is a number of seconds") from None
    if "keep" in asked:
        if asked["keep"] not in ("true", "false"):
            raise InvalidRequest("keep is true or false")
        found["keep"] = asked["keep"] == "true"
    return found
