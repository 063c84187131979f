"""How a path names what is wanted: a name, a reference ``kad:…``, or ``hex:`` and 40 digits."""

from __future__ import annotations

from typing import Any

HEX = "hex:"
REFERENCE = "kad:"


def named(text: str) -> dict[str, Any]:
    """The argument of a verb that names a key."""
    if text.startswith(HEX):
        return {"key_hex": text.removeprefix(HEX)}
    if text.startswith(REFERENCE):
        return {"reference": text}
    return {"key": text}


def key_only(text: str) -> dict[str, Any]:
    """The same for verbs that take no reference: one is taken for a name."""
    found = named(text)
    return {"key": text} if "reference" in found else found
