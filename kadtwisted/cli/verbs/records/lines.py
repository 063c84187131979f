"""The lines of ``kad put --from`` and ``kad get --from``: one value, or the name of one, on each.

A value to put is an object, ``{"key": "name", "value": "text"}``.  Instead of ``key`` there may be
``key_hex`` (40 digits), instead of ``value`` there may be ``value_base64``; a ``lifetime`` in
seconds may stand beside.  A value to get is a name as it is, or an object with ``key``, ``key_hex``
or ``reference``.  Empty lines are passed over.

One line is in memory at a time.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import IO, Any, NamedTuple

from kadtwisted.api.arguments import read_entry, read_want
from kadtwisted.api.strict_json import NameTwice, read_json
from kadtwisted.cli.export_file import BadExport
from kadtwisted.constants import RECORD_LIMIT
from kadtwisted.errors import InvalidInput
from kadtwisted.model import bencode
from kadtwisted.model.ids import NodeID, id_from_bytes, key_of_name
from kadtwisted.model.reference import Reference

MAX_LINE = 32768
"""MAGIC: bytes of a line; a value of 1,000 bytes as escapes has 6,000, and names may be long.  Two
such lines still fit into one request."""
ESCAPED = 8
"""MAGIC: no line becomes longer than so many times as JSON in ASCII: a byte becomes 6 at most."""
DIGEST_BYTES = 8
TOLD = 10
"""MAGIC: bad lines that are told one by one; of the others only the number."""


class BadLines(BadExport):
    """Lines of a file are no values, or no names."""


class Line(NamedTuple):
    """One value to put or to get: its ``number`` in the file, from 1, what a request says of it,
    its key, how a person knows it, and a digest of all that the line says."""

    number: int
    request: Any
    key: NodeID
    name: str
    digest: int


Read = Callable[[int, bytes], Line]
"""Reads one line; :class:`BadLines` if it is bad."""


def read_all(stream: IO[bytes], read: Read) -> Iterator[Line]:
    """All lines; :class:`BadLines` at the first bad one."""
    for number, text in _numbered(stream):
        try:
            yield _good(read, number, text)
        except BadLines as error:
            raise BadLines(f"line {number}: {error}") from error


class Checked(NamedTuple):
    """How many lines there are, without the empty ones, and the number of the last one."""

    lines: int
    last: int


def check_all(stream: IO[bytes], read: Read, tell: Callable[[str], None]) -> Checked:
    """Check all lines, and go back to the start; how many there are.

    The first bad lines are told, each in a sentence; :class:`BadLines` if there are any.
    """
    good = bad = number = 0
    for number, text in _numbered(stream):
        try:
            _good(read, number, text)
            good += 1
        except BadLines as error:
            bad += 1
            if bad <= TOLD:
                tell(f"line {number}: {error}")
    stream.seek(0)
    if bad:
        lines = "1 line is" if bad == 1 else f"{bad:,} lines are"
        raise BadLines(f"{lines} bad, of {good + bad:,}: nothing was sent")
    return Checked(good, number)


def _numbered(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty; of one that is too long only the beginning."""
    number = 0
    while text := stream.readline(MAX_LINE + 1):
        number += 1
        begun = text if number > 1 else text.removeprefix(BOM_UTF8)
        while len(text) > MAX_LINE and not text.endswith(b"\n"):
            text = stream.readline(MAX_LINE + 1)
        if begun.strip():
            yield number, begun


def _good(read: Read, number: int, text: bytes) -> Line:
    if len(text) > MAX_LINE:
        raise BadLines(f"it has more than {MAX_LINE:,} bytes")
    line = read(number, text)
    if ESCAPED * len(text) > MAX_LINE and len(json.dumps(line.request)) > MAX_LINE:
        raise BadLines(f"it has more than {MAX_LINE:,} bytes where JSON is ASCII, as requests are")
    return line


@contextmanager
def _expected(what: str) -> Iterator[None]:
    """Whatever is wrong is told as :class:`BadLines`."""
    try:
        yield
    except BadLines:
        raise
    except InvalidInput as error:
        raise BadLines(str(error)) from error
    except UnicodeError:
        raise BadLines("it is no text in UTF-8") from None
    except NameTwice as error:
        raise BadLines(f"it has {error}") from None
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise BadLines(f"it is no {what}") from None


def to_put(number: int, text: bytes) -> Line:
    """A value to put."""
    with _expected('object like {"key": "name", "value": "text"}'):
        given = read_json(text)
        key, value, lifetime = read_entry(given)
        length = len(bencode.encode(value))
        if length > RECORD_LIMIT:
            raise BadLines(f"the value takes {length:,} bytes, and at most {RECORD_LIMIT:,} fit")
        if lifetime is not None and lifetime <= 0:
            raise BadLines("a lifetime is more than 0 seconds")
        return Line(number, given, _key_of(key), _shown(key), _digest(key, value, lifetime))


def to_get(number: int, text: bytes) -> Line:
    """A value to get."""
    with _expected('name, and no object like {"key": "name"}'):
        words = text.decode("utf-8").strip("\r\n")
        if words.lstrip().startswith("{"):
            given = read_json(words)
        else:
            given = {"reference" if words[:4].lower() == "kad:" else "key": words}
        wanted = read_want(given)
        return Line(number, given, _key_of(wanted), _shown(wanted), _digest(wanted))


def _key_of(named: str | bytes | Reference) -> NodeID:
    if isinstance(named, Reference):
        return named.key
    return key_of_name(named) if isinstance(named, str) else id_from_bytes(named)


def _shown(named: str | bytes | Reference) -> str:
    return named.hex() if isinstance(named, bytes) else str(named)


def _digest(*said: Any) -> int:
    """Of what a line says; two lines that say the same have the same."""
    return int.from_bytes(blake2b(repr(said).encode(), digest_size=DIGEST_BYTES).digest(), "big")
