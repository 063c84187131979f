"""The OpenAPI 3.1 description of a gateway, made from its table of routes.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from kadtwisted.web.access import Role
from kadtwisted.web.calls import INDEX, PROBLEM
from kadtwisted.web.routing import Route

_NAMED = re.compile(r"\{(\w+)\}")
_OF_PATHS = MappingProxyType(
    {
        "key": "A name, a reference kad:…, or hex: and 40 hexadecimal digits.",
        "id": "An ID as 40 hexadecimal digits, or a name.",
        "hash": "40 hexadecimal digits; any other text stands for its SHA-1.",
        "name": "The name of a key that signs.",
        "salt": "The salt: what tells apart the values of one key; at most 64 bytes.",
        "node": "A public key as 64 hexadecimal digits, or KEY@HOST:PORT.",
        "address": "HOST:PORT or KEY@HOST:PORT.",
    }
)
_CONDITIONS = MappingProxyType(
    {
        "If-Match": "Replace only the version with this ETag; else 412.",
        "If-None-Match": "Of a read: 304 if the version is this one. Of a write: *, only "
        "if there is none.",
        "Last-Event-ID": "Go on after this event.",
    }
)
_PROBLEM = MappingProxyType(
    {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What happened, and what to do about it."},
            "error": {"type": "string", "description": "The kind of error."},
        },
        "required": ["title", "status", "detail"],
    }
)


def describe_routes(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The description, as JSON takes it."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kadtwisted",
            "version": version,
            "description": "A Kademlia node over HTTP.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": dict(_PROBLEM)},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": _identifier(route),
        "summary": route.summary,
        "x-role": route.role.name.lower(),
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.role > Role.NONE:
        # Who may read is often let in without a token: the second choice.
        found["security"] = [{"token": []}, *([{}] if route.role == Role.READ else [])]
    if route.body is not None:
        found["requestBody"] = {
            "description": route.body.says,
            "required": route.body.required,
            "content": {kind: {"schema": dict(of)} for kind, of in route.body.content.items()},
        }
    return found


def _identifier(route: Route) -> str:
    words = re.findall(r"\w+", route.path)
    return "_".join((route.method.lower(), *words))


def _parameters(route: Route) -> list[dict[str, Any]]:
    of_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _OF_PATHS.get(name, name),
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _NAMED.findall(route.path)
    ]
    of_query = [
        {
            "name": each.name,
            "in": "query",
            "required": each.required,
            "description": each.says,
            "schema": dict(each.schema),
        }
        for each in route.query
    ]
    of_header = [
        {
            "name": name,
            "in": "header",
            "description": _CONDITIONS[name],
            "schema": {"type": "string"},
        }
        for name in route.conditions
    ]
    return [*of_path, *of_query, *of_header]


def _responses(route: Route) -> dict[str, Any]:
    gives = route.gives
    headers = {
        name: {"schema": {"type": "string"}, "description": says}
        for name, says in (
            ("ETag", "The version of the value."),
            (INDEX, "The same, as a long poll takes it."),
        )
        if gives.has_etag
    }
    found: dict[str, Any] = {}
    for status in gives.statuses:
        told: dict[str, Any] = {"description": route.summary}
        if headers:
            told["headers"] = headers
        if status != 304:
            told["content"] = {kind: {"schema": dict(of)} for kind, of in gives.content.items()}
        found[str(status)] = told
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    found["default"] = {"description": "What went wrong.", "content": {PROBLEM: problem}}
    return found
