"""What a running node answers over its control socket, read by whoever asked.

The node is trusted, but not blindly: the length of answers is bounded, and whatever is no answer is
a ``LookupError``, ``TypeError`` or ``ValueError`` here.  Nothing here needs a reactor.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from kadtwisted import errors
from kadtwisted.api.peers import ControlRefused
from kadtwisted.errors import (
    ConfigurationProblems,
    ErrorReply,
    InvalidInput,
    KadtwistedError,
    NodeStopped,
    Unavailable,
)
from kadtwisted.model.printable import LINE_LIMIT, printable

Described = dict[str, Any]
"""An object of JSON."""

MAX_REPLY = 64 * 1024 * 1024
"""MAGIC: bytes of an answer that a client accepts; full routing tables have about 2 MB."""


class InvalidRequest(InvalidInput):
    """A request to a running node is malformed."""


class ControlUnavailable(Unavailable):
    """No running node answers at the control socket."""


class Event(NamedTuple):
    """One event of a stream."""

    described: Described


class Answer(NamedTuple):
    """An answer: to which request (``None``: to no single one), and its result, error or event."""

    identifier: Any
    outcome: Any


def answer_from(line: bytes) -> Answer:
    """The answer in a line; ``LookupError``, ``TypeError``, ``ValueError`` or ``RecursionError`` if
    no node of ours would say so."""
    answer = json.loads(line)
    if "event" in answer:
        return Answer(answer["id"], Event(answer["event"]))
    outcome = error_from(answer["error"]) if "error" in answer else answer["result"]
    return Answer(answer["id"], outcome)


def of_error(error: BaseException) -> dict[str, Any]:
    """An error: the name of its type, its sentence, and reasons of single nodes if it has any."""
    described: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, Unavailable) and error.reasons:
        described["reasons"] = dict(error.reasons)
    if isinstance(error, ErrorReply):
        described["code"] = error.code
    return described


def error_from(described: Mapping[str, Any]) -> KadtwistedError:
    """The error that :func:`of_error` described, with its own type if that
    is one of ours."""
    message = str(described["message"])
    kind = _kind_of_error(str(described["type"]))
    # Without __init__: some errors make their message from other arguments.
    error = kind.__new__(kind, message)
    if isinstance(error, Unavailable):
        reasons = dict(described.get("reasons", {}))
        error.reasons = {str(who): str(why) for who, why in reasons.items()}
    if isinstance(error, ErrorReply):
        error.code, error.text, error.retry_after = int(described.get("code", 0)), message, 0.0
    if isinstance(error, ConfigurationProblems):
        error.problems = (printable(message, LINE_LIMIT),)
    return error


def _kind_of_error(name: str) -> type[KadtwistedError]:
    kind = _OTHER_KINDS.get(name) or getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, KadtwistedError):
        return kind
    return KadtwistedError


_OTHER_KINDS: Mapping[str, type[KadtwistedError]] = MappingProxyType(
    {
        "CancelledError": NodeStopped,
        "InvalidRequest": InvalidRequest,
        "ControlRefused": ControlRefused,
    }
)
"""Those that do not stand in :mod:`kadtwisted.errors` under their names."""
