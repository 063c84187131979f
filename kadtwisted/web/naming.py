"""How a path names what is wanted: a name, a reference ``kad:…``, or ``hex:`` and 40 digits.

A name that begins like one of the last two can be written as the ``hex:`` of its key: its SHA-1.

Pure.
"""

from __future__ import annotations

import re
from typing import Any

from kadtwisted.api.answers import InvalidRequest
from kadtwisted.model.ids import id_to_hex
from kadtwisted.model.record import Kind
from kadtwisted.model.reference import is_reference, parse_reference

HEX = "hex:"
_DIGITS = re.compile("[0-9A-Fa-f]{40}")


def named(text: str) -> dict[str, Any]:
    """The argument of a verb that names what is read."""
    if text.startswith(HEX):
        return {"key_hex": digits(text.removeprefix(HEX))}
    if is_reference(text):
        parse_reference(text)
        return {"reference": text}
    return {"key": text}


def key_only(text: str) -> dict[str, Any]:
    """The same for verbs that take a key and nothing else: of references only that of a plain value
    names one."""
    found = named(text)
    if "reference" not in found:
        return found
    reference = parse_reference(text)
    if reference.kind != Kind.VALUE:
        raise InvalidRequest(
            "this reference names a value that is not written by name: an immutable one is made by "
            "POST /v1/immutable, a signed one by PUT /v1/signed/{name}/{salt}"
        )
    return {"key_hex": id_to_hex(reference.key)}


def target(text: str) -> dict[str, Any]:
    """The argument of a lookup: an ID, with ``hex:`` or without, or a name."""
    bare = text.removeprefix(HEX)
    if bare != text or _DIGITS.fullmatch(bare):
        return {"target": digits(bare)}
    return {"key": text}


def digits(text: str) -> str:
    """40 hexadecimal digits, or :class:`InvalidRequest`."""
    if not _DIGITS.fullmatch(text):
        raise InvalidRequest(
            "a key is a name, a reference kad:…, or hex: and 40 hexadecimal digits"
        )
    return text
