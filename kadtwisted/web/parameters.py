"""The parts of a query: what each is for, and which values are good.

A route names those that it takes; the gateway reads them before its handler is called, and the
OpenAPI description tells of them.

Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from kadtwisted.api.answers import InvalidRequest

MOST_WAIT = 600.0
"""Seconds that a long poll may wait: as many as consul allows."""
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)?")
_UNITS = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0})


class Parameter(NamedTuple):
    """One part of a query: its ``name``, what it is for, its JSON schema, and ``read``, which gives
    its value or raises ``ValueError``."""

    name: str
    says: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    required: bool = False


def read_query(given: Iterable[tuple[str, str]], known: Iterable[Parameter]) -> dict[str, Any]:
    """The values of the parts that are there; :class:`InvalidRequest` for one that is not known,
    that comes twice or has another form, and for one that is missed."""
    parameters = {each.name: each for each in known}
    found: dict[str, Any] = {}
    for name, text in given:
        parameter = parameters.get(name)
        if parameter is None:
            named = ", ".join(parameters) or "nothing"
            raise InvalidRequest(f"the query has no {name!r:.50}; it may have {named}")
        if name in found:
            raise InvalidRequest(f"the query has {name!r} twice")
        try:
            found[name] = parameter.read(text)
        except ValueError:
            raise InvalidRequest(f"{name} in the query is {_form(parameter.schema)}") from None
    for parameter in parameters.values():
        if parameter.required and parameter.name not in found:
            form = _form(parameter.schema)
            raise InvalidRequest(f"the query lacks {parameter.name}: {form}")
    return found


def whole(name: str, says: str, least: int, most: int) -> Parameter:
    """A whole number within bounds."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,19}", text) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return Parameter(name, says, {"type": "integer", "minimum": least, "maximum": most}, read)


def number(name: str, says: str) -> Parameter:
    """A number above 0."""

    def read(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
            raise ValueError
        if not (math.isfinite(found := float(text)) and found > 0):
            raise ValueError
        return found

    return Parameter(name, says, {"type": "number", "exclusiveMinimum": 0}, read)


def truth(name: str, says: str) -> Parameter:
    """``true`` or ``false``."""

    def read(text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"

    return Parameter(name, says, {"type": "boolean"}, read)


def choice(name: str, says: str, *values: str) -> Parameter:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in values:
            raise ValueError
        return text

    return Parameter(name, says, {"type": "string", "enum": list(values)}, read)


def span(name: str, says: str) -> Parameter:
    """A time as ``30s``, ``5m`` or ``500ms``; a number alone is seconds.  What is longer than
    :data:`MOST_WAIT` is as long."""

    def read(text: str) -> float:
        found = _SPAN.fullmatch(text)
        if found is None:
            raise ValueError
        return min(float(found[1]) * _UNITS[found[2] or "s"], MOST_WAIT)

    schema = {"type": "string", "pattern": f"^{_SPAN.pattern}$", "examples": ["30s"]}
    return Parameter(name, says, schema, read)


def text(name: str, says: str, pattern: str, form: str) -> Parameter:
    """A text of one ``pattern``; ``form`` says in words which."""

    def read(given: str) -> str:
        if not re.fullmatch(pattern, given):
            raise ValueError
        return given

    schema = {"type": "string", "pattern": f"^{pattern}$", "description": form}
    return Parameter(name, says, schema, read)


def _form(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(schema["enum"])
    if "description" in schema:
        return str(schema["description"])
    if "minimum" in schema:
        return f"a whole number from {schema['minimum']} to {schema['maximum']}"
    forms = {"boolean": "true or false", "number": "a number above 0"}
    return forms.get(schema["type"], "a time as 30s, 5m or 500ms")
