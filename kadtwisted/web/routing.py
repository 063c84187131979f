"""Which handler answers which request: one table of routes, and no other way in.

The table is also what the OpenAPI description, the checks of roles and the tests are made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.web.access import Role
from kadtwisted.web.calls import BYTES, JSON, Answer, Call
from kadtwisted.web.parameters import Parameter
from kadtwisted.web.problems import Refused

Handler = Callable[[Call], "Answer | Deferred[Answer | None] | None"]
"""Answers a call; ``None``: it has taken the request, and writes the answer itself."""

OBJECT: Mapping[str, Any] = MappingProxyType({"type": "object"})
"""The schema of an answer, if nothing more is said of it."""
BINARY: Mapping[str, Any] = MappingProxyType({})
"""The schema of raw bytes."""


class Body(NamedTuple):
    """What a request brings: for each content type its JSON schema."""

    says: str
    content: Mapping[str, Mapping[str, Any]]
    required: bool = True


class Gives(NamedTuple):
    """What a route answers when all is well: the statuses, and the content types, each with its
    JSON schema; and whether it has an ETag."""

    statuses: tuple[int, ...] = (200,)
    content: Mapping[str, Mapping[str, Any]] = MappingProxyType({JSON: OBJECT})
    has_etag: bool = False


def bytes_body(name: str, says: str, *, required: bool = True) -> Body:
    """Bytes: raw, or JSON with them under ``name``, as text or as base64."""
    encoded = {"type": "string", "contentEncoding": "base64"}
    schemas = [
        {
            "type": "object",
            "properties": {each: schema},
            "required": [each],
            "additionalProperties": False,
        }
        for each, schema in ((name, {"type": "string"}), (f"{name}_base64", encoded))
    ]
    return Body(says, MappingProxyType({BYTES: BINARY, JSON: {"oneOf": schemas}}), required)


VALUE_BODY = bytes_body("value", "The value: raw bytes, or JSON with it as text or as base64.")


class Route(NamedTuple):
    """``METHOD /a/{name}``: who may take it, and what it is for, in a sentence.

    ``query`` are the parts of the query that it takes, read before the handler is called.
    ``conditions`` are the headers that it obeys: ``If-Match``, ``If-None-Match``,
    ``Last-Event-ID``.
    """

    method: str
    path: str
    role: Role
    summary: str
    handler: Handler
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    gives: Gives = Gives()
    conditions: tuple[str, ...] = ()

    @property
    def parts(self) -> Sequence[str]:
        """Between the slashes."""
        return self.path.strip("/").split("/")


class Found(NamedTuple):
    """The route of a request, and the values of the parts that it names."""

    route: Route
    path: dict[str, str]


class Routes:
    """The routes of a gateway."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_length: dict[int, list[tuple[Sequence[str], Route]]] = {}
        for each in self.routes:
            self._by_length.setdefault(len(each.parts), []).append((each.parts, each))

    def find(self, method: str, uri: bytes) -> Found:
        """The route; :class:`Refused` with 404 or 405."""
        path = uri.partition(b"?")[0]
        parts = [_decoded(each) for each in path.removeprefix(b"/").split(b"/")]
        others: list[str] = []
        for wanted, route in self._by_length.get(len(parts), ()):
            named = _match(wanted, parts)
            if named is None:
                continue
            if route.method == method or (method == "HEAD" and route.method == "GET"):
                return Found(route, named)
            others.append(route.method)
        if others:
            allowed = allow(others)
            raise Refused(405, f"this takes {allowed}, not {method:.20}", {"Allow": allowed})
        raise Refused(404, "there is nothing here; GET /v1 lists what there is")

    def methods(self, uri: bytes) -> str:
        """The methods that a path takes; :class:`Refused` if there is nothing."""
        try:
            self.find("", uri)
        except Refused as refused:
            if refused.status == 405:
                return refused.headers["Allow"]
            raise
        raise AssertionError("no route has an empty method")


def allow(methods: Iterable[str]) -> str:
    """The methods of routes, as a header names them."""
    found = {*methods}
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _match(wanted: Sequence[str], given: Sequence[str]) -> dict[str, str] | None:
    named: dict[str, str] = {}
    for pattern, part in zip(wanted, given, strict=True):
        if pattern.startswith("{"):
            if not part:
                return None
            named[pattern[1:-1]] = part
        elif pattern != part:
            return None
    return named


def _decoded(part: bytes) -> str:
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            "the path is no UTF-8: write a key of other bytes as hex: and 40 digits"
        ) from None
