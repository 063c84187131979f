"""JSON that others have written, read without guessing.

Python takes NaN and the infinities, which are no JSON.  Of two members of one name it takes the
last; which one counts differs from parser to parser (RFC 8259, 4), so here neither does.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


class NameTwice(ValueError):
    """An object has two members of one name."""


def read_json(text: str | bytes) -> Any:
    """What a text says; ``ValueError`` (:class:`NameTwice` is one), or ``RecursionError``."""
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in members:
        if name in found:
            raise NameTwice(f"{name!r:.60} twice")
        found[name] = value
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"JSON has no {word}")
