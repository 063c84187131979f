"""Which handler answers which request: one table of routes, and no other way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.problems import Refused

Handler = Callable[[Call], "Answer | Deferred[Answer | None] | None"]
"""Answers a call; ``None``: it has taken the request, and writes the answer itself."""


class Route(NamedTuple):
    """``METHOD /a/{name}``: who may take it, and what it is for, in a sentence."""

    method: str
    path: str
    role: Role
    summary: str
    handler: Handler

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

    def find(self, method: str, uri: bytes) -> Found:
        """The route; :class:`Refused` with 404 or 405."""
        parts = [_decoded(each) for each in uri.partition(b"?")[0].strip(b"/").split(b"/")]
        others: list[str] = []
        for route in self.routes:
            named = _match(route.parts, parts)
            if named is None:
                continue
            if route.method == method or (method == "HEAD" and route.method == "GET"):
                return Found(route, named)
            others.append(route.method)
        if others:
            allowed = ", ".join(sorted({*others, *(["HEAD"] if "GET" in others else [])}))
            raise Refused(405, f"this takes {allowed}, not {method:.20}", {"Allow": allowed})
        raise Refused(404, "there is nothing here; GET /v1 lists what there is")


def _match(wanted: Sequence[str], given: Sequence[str]) -> dict[str, str] | None:
    if len(wanted) != len(given):
        return None
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
        raise InvalidRequest("the path is no UTF-8: write other bytes as a key, hex:…") from None
