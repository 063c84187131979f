"""The forms that a value has on its way: bytes and JSON, index and ETag, what a write is told.

The version of a value is its *index*: when it was published, in microseconds, or the sequence
number of a signed one.  It is in the ETag and in ``X-Kad-Index``; 0 says that nothing is there.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.api.arguments import MAX_HOLDERS, MAX_RECORDS, SEQUENCE_END
from kadtwisted.api.describe import Described
from kadtwisted.web import parameters
from kadtwisted.web.calls import BYTES, INDEX, JSON, Answer, Call
from kadtwisted.web.problems import Refused
from kadtwisted.web.routing import BINARY, OBJECT, Gives

MODE = parameters.choice(
    "mode", "first: the first one found; latest: the newest of all answers.", "first", "latest"
)
SINCE = (
    parameters.text(
        "index",
        "The index that the client has: wait until there is another one.",
        "[0-9A-Za-z]{1,64}",
        f"the {INDEX} of an answer",
    ),
    parameters.span("wait", "How long to wait for that, at most ten minutes; 30s by default."),
)
LIFETIME = parameters.number("lifetime", "Seconds that it lives; by default as long as may be.")
KEEP = parameters.truth("keep", "Publish it again before it expires, until it is deleted.")
PUT_BACK = parameters.truth("put_back", "Put it back when its place is free again.")
PIN = parameters.whole("pin", "Keep it at no fewer than so many holders.", 0, MAX_HOLDERS)
WAIT = parameters.choice(
    "wait", "quorum: answer when three quarters have stored it; all: when all have decided.",
    "quorum", "all",
)  # fmt: skip
KIND = parameters.whole("kind", "The kind of record; 1, a value, by default.", 0, 255)
PAGE = (
    parameters.whole("limit", "How many at most.", 1, MAX_RECORDS),
    parameters.text(
        "after",
        "The next of the page before, as KIND-KEY-SUB.",
        "[0-9]{1,3}-[0-9a-f]{40}-(?:[0-9a-f]{2}){0,255}",
        "a place: KIND-KEY-SUB",
    ),
)
WRITING = (LIFETIME, KEEP, PIN, WAIT)

A_VALUE = Gives((200, 304), {JSON: OBJECT, BYTES: BINARY}, has_etag=True)
A_RECEIPT = Gives((201,), has_etag=True)


def answer_of(found: Described, call: Call) -> Answer:
    """A value that was read, in the form that the client prefers."""
    headers = tags(found)
    if is_known(call.header("if-none-match"), headers["ETag"]):
        return Answer(None, 304, headers=headers)
    if call.wants_bytes:
        text = found["value_base64"]
        raw = found["raw_base64"] if text is None else text
        return Answer(b64decode(raw), 200, BYTES, headers)
    return Answer(found, 200, headers=headers)


def is_known(known: str, tag: str) -> bool:
    """Whether an ``If-None-Match`` names this ETag: a weak one does, too (RFC 9110, 13.1.2)."""
    return known.strip() == "*" or tag in [
        each.strip().removeprefix("W/") for each in known.split(",")
    ]


def receipt(told: Described) -> Answer:
    """What became of a write."""
    return Answer(told, 201, headers=tags(told))


def tags(found: Described) -> dict[str, str]:
    """The headers that tell a version."""
    index = index_of(found)
    return {"ETag": f'"{index}"', INDEX: index}


def index_of(found: Described) -> str:
    """The index of a value: its sequence number, its time in microseconds, or its key, if it cannot
    change; 0 if nothing is there."""
    if found.get("gone"):
        return "0"
    if "seq" in found:
        return str(int(found["seq"]))
    if "published_unix" in found:
        seconds: float = found["published_unix"]
        return str(round(seconds * 1_000_000))
    return str(found["key"])


def body_of(call: Call, name: str = "value") -> bytes:
    """The bytes in the body: raw, or as JSON under ``name``, as text or as base64."""
    if not call.is_json:
        return call.body
    body = call.json()
    in_base64 = f"{name}_base64"
    if set(body) == {name} and isinstance(body[name], str):
        try:
            return str(body[name]).encode()
        except UnicodeEncodeError:
            raise InvalidRequest(f"{name} has half of a surrogate pair, which is no text") from None
    if set(body) == {in_base64} and isinstance(body[in_base64], str):
        try:
            return b64decode(body[in_base64], validate=True)
        except ValueError:
            raise InvalidRequest(f"{in_base64} is no base64") from None
    raise InvalidRequest(
        f'the body is {{"{name}": "text"}} or {{"{in_base64}": "…"}}, or raw bytes with another '
        "Content-Type than JSON"
    )


def in_base64(data: bytes) -> str:
    """As verbs take bytes."""
    return b64encode(data).decode("ascii")


def condition(call: Call) -> int | None:
    """The sequence number that ``If-Match`` names; ``None`` without one."""
    tag = call.header("if-match").strip()
    if not tag:
        return None
    found = re.fullmatch(r'("?)(0|[1-9][0-9]{0,18})\1', tag)
    if found is None or int(found[2]) >= SEQUENCE_END:
        raise InvalidRequest(
            'If-Match names the ETag of a signed value as it was read: "7", its sequence number'
        )
    return int(found[2])


def unconditional(call: Call) -> None:
    """:class:`Refused` for a condition that nobody could decide on."""
    if call.header("if-match") or call.header("if-none-match"):
        raise Refused(
            400,
            "anybody may write a plain value, so no condition holds for it; PUT "
            "/v1/signed/{name}/{salt} takes If-Match",
        )


def paged(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a verb that answers page by page."""
    found = dict(asked)
    if "after" in found:
        kind, key, sub = str(found["after"]).split("-")
        found["after"] = [int(kind), key, sub]
    return found


def with_next(page: Described) -> Answer:
    """A page, whose ``next`` can be given as ``after``."""
    place = page["next"]
    return Answer({**page, "next": None if place is None else "-".join(map(str, place))})
