"""The shape of OpenDHT's REST proxy, for programs that speak it: ``/key/{hash}``.

As there, a hash is 40 hexadecimal digits, and any other text stands for its SHA-1; a value is one
line of JSON with ``data`` in base64, and who listens gets a line for each change, with ``expired``
where the value is gone.  What is left out: types, owners, encryption, and several values under one
key: here the newest one stands.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.describe import Described
from kadtwisted.api.operations import Operations
from kadtwisted.web.access import Role
from kadtwisted.web.calls import JSON, Answer, Call
from kadtwisted.web.forms import index_of
from kadtwisted.web.live.sse import LineStream
from kadtwisted.web.live.watching import Shape, Watching
from kadtwisted.web.naming import target
from kadtwisted.web.routing import Body, Route

DATA = Body(
    "The value: JSON with data in base64; permanent: publish it again until it is deleted.",
    {
        JSON: {
            "type": "object",
            "properties": {
                "data": {"type": "string", "contentEncoding": "base64"},
                "permanent": {"type": ["boolean", "object"]},
            },
            "required": ["data"],
        }
    },
)


class OpenDht:
    """The aliases."""

    def __init__(self, operations: Operations, watching: Watching) -> None:
        self._operations = operations
        self._watching = watching

    def routes(self) -> tuple[Route, ...]:
        """All of them."""
        path = "/key/{hash}"
        return (
            Route("GET", path, Role.READ, "A value, as OpenDHT's proxy gives it.", self.get),
            Route(
                "GET", f"{path}/listen", Role.READ, "Its changes, a line each, as OpenDHT's proxy "
                "gives them.", self.listen,
            ),
            Route(
                "POST", path, Role.WRITE, "Store a value, as OpenDHT's proxy takes it.", self.post,
                body=DATA,
            ),
        )  # fmt: skip

    def get(self, call: Call) -> Deferred[Answer | None]:
        """The value."""
        return self._operations.perform("get", _key(call)).addCallback(_value)

    def listen(self, call: Call) -> None:
        """What is there, and each change."""
        self._watching.begin(call, _key(call), Shape(LineStream, _changed))

    def post(self, call: Call) -> Deferred[Answer | None]:
        """Store it, and say it again."""
        body = call.json()
        data, permanent = body.get("data"), body.get("permanent", False)
        if not isinstance(data, str) or not isinstance(permanent, bool | dict):
            raise InvalidRequest('the body is {"data": "…"}, with the value in base64')
        # OpenDHT's clients send an object there if they want to be woken up later.
        arguments = {**_key(call), "value_base64": data, "keep": permanent is not False}
        putting = self._operations.perform("put", arguments)
        return putting.addCallback(lambda told: _value({**told, "value_base64": data}))


def _key(call: Call) -> dict[str, Any]:
    found = target(call.path["hash"])
    return {"key_hex": found["target"]} if "target" in found else found


def _value(found: Described) -> Answer:
    """One value, on a line of its own."""
    return Answer(_line(found))


def _changed(change: Described) -> Described:
    return {**_line(change), **({"expired": True} if change["gone"] else {})}


def _line(found: Described) -> Described:
    return {"id": index_of(found), "data": found["value_base64"] or "", "type": 0}
