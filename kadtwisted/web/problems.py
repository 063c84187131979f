"""Errors as problem+json (RFC 9457): a status, a title, and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from kadtwisted.api.answers import of_error
from kadtwisted.errors import (
    CasConflict,
    ClockSkew,
    InvalidInput,
    InvalidReference,
    KadtwistedError,
    NodeStopped,
    NotConditional,
    NotFound,
    RecordTooLarge,
    RemoteError,
    RequestTimedOut,
    StorageFull,
    Superseded,
    TooManyRequests,
    Uncertain,
)
from kadtwisted.web.calls import INDEX, PROBLEM, Answer

_STATUSES: tuple[tuple[type[BaseException], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (CasConflict, HTTPStatus.PRECONDITION_FAILED),
    (NotConditional, HTTPStatus.BAD_REQUEST),
    (Superseded, HTTPStatus.CONFLICT),
    (ClockSkew, HTTPStatus.CONFLICT),
    (Uncertain, HTTPStatus.GATEWAY_TIMEOUT),
    (RecordTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (InvalidReference, HTTPStatus.BAD_REQUEST),
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
    (StorageFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (NodeStopped, HTTPStatus.SERVICE_UNAVAILABLE),
    (RequestTimedOut, HTTPStatus.GATEWAY_TIMEOUT),
    (RemoteError, HTTPStatus.SERVICE_UNAVAILABLE),
    (KadtwistedError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""The status of each error; a narrower one stands before a wider one."""


class Refused(KadtwistedError):
    """A request that is refused before anything is done: the ``status`` to answer, and
    ``headers`` that go with it."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


def unauthorized(message: str) -> Refused:
    """The refusal of a request that needs a token, or another one."""
    return Refused(401, message, {"WWW-Authenticate": "Bearer"})


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Answer:
    """A problem of one status."""
    body = {"title": HTTPStatus(status).phrase, "status": int(status), "detail": detail, **more}
    return Answer(body, status, PROBLEM, headers or {})


def problem_of(error: KadtwistedError) -> Answer:
    """The answer that tells of an error."""
    if isinstance(error, Refused):
        return problem(error.status, str(error), error.headers)
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    headers = {INDEX: "0"} if isinstance(error, NotFound) else {}
    described = of_error(error)
    # "type" is the URI of a kind of problem there (RFC 9457, 3.1.1); ours have none.
    kind, detail = described.pop("type"), described.pop("message")
    return problem(status, detail, headers, error=kind, **described)
