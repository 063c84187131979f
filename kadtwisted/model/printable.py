"""Text from others as one line that forges nothing.

Others are other nodes, other processes, files and users.  What they say is shown on terminals, in
logs and by service managers.  There a control character moves the cursor, a line feed begins a line
that seems to be ours, and a bidirectional override turns the order of the words round.

Rules: whatever writes such text calls :func:`printable`, or :func:`shown` for a whole JSON value.
Each character that is not plainly visible becomes an escape as in a Python literal.  A long text is
cut.  Visible characters of all alphabets stay as they are.  Doing this twice changes nothing.

Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

LIMIT = 1000
"""MAGIC: characters of one piece of text; a path, or a sentence with an error of another node."""
LINE_LIMIT = 8000
"""MAGIC: characters of one line; several pieces, and a few sentences of ours around them."""

_CUT = "..."
_DELETE, _DELETE_ESCAPED = "\x7f", "\\u007f"

_INVISIBLE = (
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164"
    "\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that ``str.isprintable`` takes for visible although nobody sees them: the default
ignorable code points (Unicode, DerivedCoreProperties) that are letters or marks, and the blank
pattern of Braille.  The module ``re`` compiles it when a text is first looked at, and keeps it: a
short command may never look at one."""


def printable(text: str, limit: int = LIMIT) -> str:
    """The text as one line of at most ``limit`` characters (at least 3).

    Control characters (C0, DEL, C1; so also line feeds, tabs and ESC), line and paragraph
    separators, bidirectional overrides, lone surrogates, characters without width and all blanks
    but the space become escapes such as ``\\n``, ``\\x1b`` and ``\\u202e``.  A backslash stays, so
    the escapes are for people, and cannot be read back.
    """
    if len(text) <= limit and _is_plain(text):
        return text
    # No escape is shorter than its character: more characters than these are never needed.
    whole = "".join(map(_visible, text[: limit + 1]))
    return whole if len(whole) <= limit else whole[: limit - len(_CUT)] + _CUT


def shown(value: Any, limit: int = LIMIT) -> Any:
    """A JSON value with all its texts, also the names in objects, made :func:`printable`."""
    if isinstance(value, str):
        return printable(value, limit)
    if isinstance(value, Mapping):
        return {printable(str(name), limit): shown(each, limit) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown(each, limit) for each in value]
    return value


def typed(value: Any) -> str:
    """What a value is, to end a sentence, as ``a str``: for a value that may be a secret."""
    name = printable(type(value).__name__, 100)
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


def described(value: Any) -> str:
    """A value to end a sentence that refuses it: numbers as they are, all else by type alone."""
    if value is None or isinstance(value, int | float):
        return _number(value)
    if isinstance(value, tuple | list) and value:
        return f"{typed(value)} of {printable(type(value[0]).__name__, 100)}"
    return typed(value)


def json_line(value: Any) -> str:
    """A JSON value as one line of visible ASCII, without its end; JSON escapes all others.

    Fails as :func:`json.dumps` does.
    """
    return json.dumps(value).replace(_DELETE, _DELETE_ESCAPED)


def _number(value: float | None) -> str:
    try:
        return printable(repr(value), 100)
    except ValueError:  # CPython writes no integers of more than 4,300 digits
        return "an integer beyond all bounds"


def _is_plain(text: str) -> bool:
    return text.isprintable() and re.search(_INVISIBLE, text) is None


def _visible(character: str) -> str:
    if _is_plain(character):
        return character
    return character.encode("unicode_escape").decode("ascii")
