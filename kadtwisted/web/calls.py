"""What a handler is given of a request, and what it gives back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from twisted.web.http import datetimeToString

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.strict_json import NameTwice, read_json
from kadtwisted.web.access import Role
from kadtwisted.web.site import BoundedRequest

JSON = "application/json"
PROBLEM = "application/problem+json"
BYTES = "application/octet-stream"
INDEX = "X-Kad-Index"
"""The header that tells the version of a value; 0 says that nothing is there."""
HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
"""With every answer, unless it says otherwise."""
MOST_PARTS = 16
"""MAGIC: parts of a query; no route takes half as many."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its body (bytes, or what becomes JSON), and headers beside the usual
    ones."""

    body: Any = None
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        """The body on the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Call:
    """One request: ``path`` are the values of the parts of the path that are named in its route,
    ``role`` is what its client may do, ``asked`` are the parts of the query, read."""

    request: BoundedRequest
    path: Mapping[str, str]
    role: Role
    asked: Mapping[str, Any]

    def header(self, name: str) -> str:
        """A header's value, empty if it is not there."""
        return self.request.getHeader(name) or ""

    @property
    def body(self) -> bytes:
        """All of it."""
        return self.request.kept.getvalue()

    def json(self) -> dict[str, Any]:
        """The body as a JSON object, ``{}`` if it is empty; :class:`InvalidRequest` if it is
        none."""
        if not self.body:
            return {}
        try:
            found = read_json(self.body)
        except NameTwice as error:
            raise InvalidRequest(f"the body has {error}") from None
        except (ValueError, RecursionError):
            raise InvalidRequest(
                "the body is no JSON; raw bytes need another Content-Type, as "
                "application/octet-stream"
            ) from None
        if not isinstance(found, dict):
            raise InvalidRequest('the body is a JSON object, as {"value": "text"}')
        return found

    @property
    def is_json(self) -> bool:
        """Whether the client says that its body is JSON."""
        return self.header("content-type").partition(";")[0].strip().lower() == JSON

    @property
    def wants_bytes(self) -> bool:
        """Whether the client prefers raw bytes to JSON."""
        return BYTES in self.header("accept").lower()


def parts_of_query(uri: bytes) -> list[tuple[str, str]]:
    """The parts of a query, in their order; :class:`InvalidRequest` for more than
    :data:`MOST_PARTS`, and for what is no UTF-8."""
    query = uri.partition(b"?")[2].decode("ascii", "replace")
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARTS)
    except ValueError:
        raise InvalidRequest(
            f"the query is no UTF-8, or has more than {MOST_PARTS} parts"
        ) from None


def begin(
    request: BoundedRequest, status: int, content_type: str, headers: Mapping[str, str]
) -> None:
    """The head of an answer; nothing is written before its first byte."""
    request.setResponseCode(status)
    for name, value in (*HEADERS, *headers.items()):
        request.setHeader(name, value)
    request.setHeader("Date", datetimeToString())
    request.setHeader("Content-Type", content_type)
