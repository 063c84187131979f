"""The arguments of each verb: which there are, and which values are good.

Everything that comes over the control socket passes :func:`read_arguments`, and nothing else looks
at it.  So a value of the wrong type, a number beyond all bounds, NaN or an infinity is an
:class:`InvalidRequest` with a sentence, and no operation ever sees one.

Pure.
"""

from __future__ import annotations

import math
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.constants import PROVIDERS_LIMIT
from kadtwisted.errors import InvalidInput
from kadtwisted.model.ids import NodeID, id_from_hex, id_to_bytes
from kadtwisted.model.record import StorageKey
from kadtwisted.model.reference import Reference, parse_reference
from kadtwisted.model.results import WAITS, BulkEntry

Arguments = Mapping[str, Any]

MAX_RECORDS = 32
"""MAGIC: records in one answer: with 1,151 bytes each, at most about 60 kB of JSON."""
SEQUENCE_END = 2**63
"""Sequence numbers are below this (BEP 44)."""
MAX_HOLDERS = 1024
"""MAGIC: more holders than any k asks for; the node has the last word."""
MAX_VALUES = 256
"""MAGIC: values of one request: a line of the control socket has 64 KiB; with 1,000 bytes each the
answer has at most 1.6 MB: of bytes below 32 each takes six characters of JSON."""
_ENTRY = frozenset({"key", "key_hex", "value", "value_base64", "lifetime"})
"""The fields of one value to put."""
_WANT = frozenset({"key", "key_hex", "reference"})
"""The fields that may name one value to get."""
MAX_SUB = 255
"""Bytes of the last part of a record's place; no storage takes more."""


class Field(NamedTuple):
    """One argument.

    ``read`` gives the value from its JSON form, or raises ``TypeError``, ``ValueError`` or
    ``OverflowError``; ``said`` ends the sentence "the argument 'x' is …".  An argument that is not
    given has the ``default``; a ``needed`` one has none.
    """

    read: Callable[[Any], Any]
    said: str
    default: Any = None
    needed: bool = False


def read_arguments(verb: str, given: Arguments) -> dict[str, Any]:
    """The values of all arguments of a verb; :class:`InvalidRequest`, or the more precise
    :class:`~kadtwisted.errors.InvalidInput` of a value."""
    fields = FIELDS.get(verb)
    if fields is None:
        raise InvalidRequest(f"there is no verb {verb!r:.100}; choose one of {_listed(FIELDS)}")
    for name in given:
        if name not in fields:
            known = f"its arguments are {_listed(fields)}" if fields else "it takes none"
            raise InvalidRequest(f"{verb} has no argument {name!r:.100}; {known}")
    return {name: _value(name, field, given) for name, field in fields.items()}


def _value(name: str, field: Field, given: Arguments) -> Any:
    if name not in given:
        if field.needed:
            raise InvalidRequest(f"the argument {name!r} is missing")
        return field.default
    try:
        return field.read(given[name])
    except InvalidInput:
        raise
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"the argument {name!r} is {field.said}") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


# --- Single values -----------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _id(value: Any) -> NodeID:
    return id_from_hex(_text(value))


def _key_bytes(value: Any) -> bytes:
    return id_to_bytes(_id(value))


def _bytes(value: Any) -> bytes:
    return b64decode(_text(value), validate=True)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _mode(value: Any) -> str:
    if value not in ("first", "latest"):
        raise ValueError
    return _text(value)


def _wait(value: Any) -> str:
    if value not in WAITS:
        raise ValueError
    return _text(value)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    seconds = float(value)  # of a huge integer: OverflowError
    if not math.isfinite(seconds):
        raise ValueError
    return seconds


def _whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError
    return value


def _port(value: Any) -> int | None:
    return None if value is None else _whole(value, 1, 65535)


def _count(value: Any) -> int | None:
    return None if value is None else _whole(value, 1, PROVIDERS_LIMIT)


def _pin(value: Any) -> int:
    return _whole(value, 0, MAX_HOLDERS)


def _kind(value: Any) -> int:
    return _whole(value, 0, 255)


def _sequence(value: Any) -> int | None:
    return None if value is None else _whole(value, 0, SEQUENCE_END - 1)


def _limit(value: Any) -> int:
    return _whole(value, 1, MAX_RECORDS)


def _place(value: Any) -> StorageKey | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise TypeError
    try:
        kind, key, sub = value
        place = StorageKey(_whole(kind, 0, 255), _id(key), bytes.fromhex(_text(sub)))
    except InvalidInput:
        raise ValueError from None
    if len(place.sub) > MAX_SUB:
        raise ValueError
    return place


def _several(value: Any, read: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
        raise ValueError
    return [read(each) for each in value]


def _entries(value: Any) -> list[BulkEntry]:
    return _several(value, read_entry)


def read_entry(value: Any) -> BulkEntry:
    """One of many values to put, from an object; ``TypeError``, ``ValueError`` or
    ``OverflowError``."""
    if not isinstance(value, dict) or not value.keys() <= _ENTRY:
        raise TypeError
    key = _one_of(value, {"key": _text, "key_hex": _key_bytes})
    data = _one_of(value, {"value": lambda text: _text(text).encode(), "value_base64": _bytes})
    return BulkEntry(key, data, _seconds(value.get("lifetime")))


def _wanted(value: Any) -> list[str | bytes | Reference]:
    return _several(value, read_want)


def read_want(value: Any) -> str | bytes | Reference:
    """One of many values to get, from a name or an object; errors as of :func:`read_entry`, or
    :class:`InvalidInput`."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not value.keys() <= _WANT:
        raise TypeError
    readers = {"key": _text, "key_hex": _key_bytes, "reference": parse_reference}
    found: str | bytes | Reference = _one_of(value, readers)
    return found


def _one_of(value: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]) -> Any:
    """The value of just one of these fields."""
    named = [each for each in readers if each in value]
    if len(named) != 1:
        raise ValueError
    return readers[named[0]](value[named[0]])


_KEY = MappingProxyType(
    {
        "key": Field(_text, "a name"),
        "key_hex": Field(_key_bytes, "40 hexadecimal digits"),
    }
)
"""A key: a name, or its 20 bytes."""

_WAIT = MappingProxyType({"wait": Field(_wait, "quorum or all", "quorum")})
"""Until when a write is waited for."""

_PAGE = MappingProxyType(
    {
        "limit": Field(_limit, f"a number from 1 to {MAX_RECORDS}", MAX_RECORDS),
        "after": Field(_place, "[KIND, KEY_HEX, SUB_HEX]"),
    }
)
"""A page of records, in the order of their places."""

FIELDS: Mapping[str, Mapping[str, Field]] = MappingProxyType(
    {
        "status": {},
        "routing": {},
        "ping": {"address": Field(_text, "an address HOST:PORT", needed=True)},
        "open-path": {"node": Field(_text, "a public key, or KEY@HOST:PORT", needed=True)},
        "find-node": {
            "target": Field(_id, "40 hexadecimal digits"),
            "key": Field(_text, "a name"),
        },
        "get": {
            **_KEY,
            "reference": Field(parse_reference, "a reference, kad:…"),
            "mode": Field(_mode, "first or latest"),
        },
        "put": {
            **_KEY,
            "value_base64": Field(_bytes, "bytes in base64", needed=True),
            "lifetime": Field(_seconds, "a number of seconds"),
            "keep": Field(_truth, "true or false", False),
            "put_back": Field(_truth, "true or false", False),
            "pin": Field(_pin, "a number of holders", 0),
            **_WAIT,
        },
        "pin": {
            **_KEY,
            "reference": Field(parse_reference, "a reference, kad:…"),
            "kind": Field(_kind, "a number from 0 to 255"),
            "holders": Field(_pin, "a number of holders", needed=True),
        },
        "unpin": {
            **_KEY,
            "reference": Field(parse_reference, "a reference, kad:…"),
            "kind": Field(_kind, "a number from 0 to 255"),
        },
        "put-many": {
            "values": Field(
                _entries,
                f"an array of 1 to {MAX_VALUES} objects with key or key_hex, value or "
                "value_base64, and perhaps lifetime",
                needed=True,
            ),
            **_WAIT,
        },
        "get-many": {
            "keys": Field(
                _wanted,
                f"an array of 1 to {MAX_VALUES} names, or objects with key, key_hex or reference",
                needed=True,
            ),
            "mode": Field(_mode, "first or latest"),
        },
        "delete": {**_KEY, **_WAIT},
        "put-record": {
            "record_base64": Field(_bytes, "bytes in base64", needed=True),
            "lifetime": Field(_seconds, "a number of seconds"),
            "keep": Field(_truth, "true or false", False),
            "put_back": Field(_truth, "true or false", False),
            "pin": Field(_pin, "a number of holders", 0),
            "cas": Field(_sequence, "a number below 2^63"),
            **_WAIT,
        },
        "collect": {**_KEY, "kind": Field(_kind, "a number from 0 to 255", needed=True)},
        "announce": {
            **_KEY,
            "port": Field(_port, "a number from 1 to 65535"),
            "attributes_base64": Field(_bytes, "bytes in base64", b""),
            "lifetime": Field(_seconds, "a number of seconds"),
            **_WAIT,
        },
        "withdraw": {**_KEY, **_WAIT},
        "providers": {
            **_KEY,
            "limit": Field(_count, f"a number from 1 to {PROVIDERS_LIMIT}"),
        },
        "watch": {
            **_KEY,
            "reference": Field(parse_reference, "a reference, kad:…"),
            "kind": Field(_kind, "a number from 0 to 255"),
        },
        "records": _PAGE,
        "own": _PAGE,
    }
)
"""All verbs, and the arguments of each."""
