"""Many values at once: lines of JSON that are put or got, and a line of what came of each.

A body has at most 64 KiB, as any, and so many lines as a verb takes values.  Whoever has more
sends it in pieces: what lookups have found, the node remembers from one piece to the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from twisted.internet.defer import Deferred

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.arguments import MAX_VALUES, read_entry, read_want
from kadtwisted.api.describe import Described
from kadtwisted.api.operations import Operations
from kadtwisted.api.strict_json import NameTwice, read_json
from kadtwisted.errors import InvalidInput
from kadtwisted.web.access import Role
from kadtwisted.web.calls import Answer, Call
from kadtwisted.web.forms import MODE, WAIT
from kadtwisted.web.routing import BINARY, Body, Gives, Route

NDJSON: Final = "application/x-ndjson"
LINES = MappingProxyType({NDJSON: BINARY})
VALUES = Body(
    f'At most {MAX_VALUES} lines, each {{"key": NAME, "value": TEXT}}, or with key_hex, '
    "value_base64, lifetime.",
    LINES,
)
NAMES = Body(
    f'At most {MAX_VALUES} lines, each {{"key": NAME}}, or with key_hex or reference, or a name in '
    "quotes.",
    LINES,
)
RESULTS = Gives((200,), LINES)


class Many:
    """The routes of many values."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> tuple[Route, ...]:
        """Both."""
        return (
            Route("POST", "/v1/bulk/put", Role.WRITE, "Store many values, one a line.", self.put,
                  (WAIT,), VALUES, RESULTS),
            Route("POST", "/v1/bulk/get", Role.READ, "Read many values, one a line.", self.get,
                  (MODE,), NAMES, RESULTS),
        )  # fmt: skip

    def put(self, call: Call) -> Deferred[Answer | None]:
        """What came of each value: a short receipt, or its error."""
        arguments = {**call.asked, "values": lines_of(call, read_entry)}
        return self._operations.perform("put-many", arguments).addCallback(results)

    def get(self, call: Call) -> Deferred[Answer | None]:
        """Each value, or its error."""
        arguments = {**call.asked, "keys": lines_of(call, read_want)}
        return self._operations.perform("get-many", arguments).addCallback(results)


def lines_of(call: Call, check: Callable[[Any], object]) -> list[Any]:
    """The lines of a body, each as JSON that was checked; :class:`InvalidRequest` names the first
    bad one."""
    found = []
    for number, line in enumerate(call.body.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found.append(read_json(line))
            check(found[-1])
        except InvalidInput as error:
            raise InvalidRequest(f"line {number}: {error}; nothing was done") from None
        except NameTwice as error:
            raise InvalidRequest(f"line {number} has {error}; nothing was done") from None
        except (TypeError, ValueError, OverflowError, RecursionError):
            raise InvalidRequest(
                f"line {number} is not as GET /v1/openapi.json says; nothing was done"
            ) from None
    if not 1 <= len(found) <= MAX_VALUES:
        raise InvalidRequest(f"the body has 1 to {MAX_VALUES} lines, not {len(found)}")
    return found


def results(described: Described) -> Answer:
    """A line for each."""
    lines = "".join(f"{json.dumps(each)}\n" for each in described["results"])
    return Answer(lines.encode(), content_type=NDJSON)
