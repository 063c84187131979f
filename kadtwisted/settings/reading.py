"""From raw values, as a source holds them, to values that were read.

A source (a document, the command line, the environment) is first collected: each of its values
becomes a :class:`Raw`, and names that nobody knows are told.  Then :func:`read` has each raw value
read by its kind.  Daemons and simulated scenarios both come this way.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from kadtwisted.errors import ConfigurationError, reason_of
from kadtwisted.model.settings.value_kinds import TextList, ValueKind
from kadtwisted.settings.problems import Problems
from kadtwisted.storage.guard import read_file

TEXT_BYTES = 64 * 1024 * 1024
"""MAGIC: measured delays between a few thousand hosts fit; a larger file is a mistake."""


class Vocabulary(NamedTuple):
    """The names that a source may use.

    ``kinds`` are the kinds of values by their keys, as ``upkeep.rate``.  ``tables`` are the names
    of tables, as ``upkeep``.  ``noun`` is what people call a key: ``option``.
    """

    noun: str
    kinds: Mapping[str, ValueKind]
    tables: Collection[str]


class Raw(NamedTuple):
    """A value that was not read yet.

    ``place`` is the name by which people find it: ``--port``, ``KADTWISTED_PORT``,
    ``/etc/kademlia/node.toml: port``.  ``value`` is a text, or what TOML made of a file if
    ``of_toml``.  Relative paths in it start at ``base``.
    """

    key: str
    place: str
    value: Any
    base: Path
    of_toml: bool = False


class Given(NamedTuple):
    """A value that was read; ``place`` is that of the :class:`Raw` one."""

    key: str
    value: Any
    place: str

    @property
    def source(self) -> str:
        """The source: as ``place``, but of a value in a file the file's name alone."""
        return self.place.removesuffix(f": {self.key}")


class Argument(NamedTuple):
    """One option on the command line: as it was ``written`` (``--port``), its key and its text."""

    written: str
    key: str
    text: str


# --- Collecting ------------------------------------------------------------------------------


def text_of(path: Path) -> str:
    """The text of a file; :class:`~kadtwisted.errors.ConfigurationError` if it has none."""
    try:
        text = read_file(path, TEXT_BYTES)
        if len(text) > TEXT_BYTES:
            raise ConfigurationError(f"cannot read {path}: it is larger than 64 MiB")
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"cannot read {path}: it is not UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {reason_of(error)}") from None


def parsed(text: str) -> dict[str, Any]:
    """The TOML document of a file's text; :class:`~kadtwisted.errors.ConfigurationError`.

    Editors on Windows begin a file with a byte order mark.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        wrong = str(error)
        raise ConfigurationError(f"not valid TOML: {wrong[:1].lower()}{wrong[1:]}") from None


def of_document(
    document: Mapping[str, Any], file: str, base: Path, known: Vocabulary, problems: Problems
) -> Iterator[Raw]:
    """The values of a TOML document from a file; ``file`` may be empty, then keys are places."""
    for key, value in _flat(document, known.tables):
        place = f"{file}: {key}" if file else key
        if key in known.kinds:
            yield Raw(key, place, value, base, of_toml=True)
        elif key in known.tables:
            problems.add(place, f"expected a table, not {value!r:.60}")
        elif isinstance(value, dict):
            problems.add(place, unknown("table", key, known.tables))
        else:
            problems.add(place, unknown(known.noun, key, known.kinds))


def _flat(
    table: Mapping[str, Any], tables: Collection[str], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Keys and values of a document; a key within one of our tables has the table's name and a dot
    in front."""
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and key in tables:
            yield from _flat(value, tables, f"{key}.")
        else:
            yield key, value


def of_arguments(
    arguments: Iterable[Argument], base: Path, known: Vocabulary, problems: Problems
) -> Iterator[Raw]:
    """The values of a command line.  Of several for one key the last counts; of a list's, all."""
    last: dict[str, Argument] = {}
    for each in arguments:
        before = last.get(each.key)
        is_list = isinstance(known.kinds.get(each.key), TextList)
        text = f"{before.text},{each.text}" if before is not None and is_list else each.text
        last[each.key] = each._replace(text=text)
    for key, each in last.items():
        if key in known.kinds:
            yield Raw(key, each.written, each.text, base)
        else:
            problems.add(each.written, unknown(known.noun, key, known.kinds))


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """That there is no such name; and the one that was meant, if that can be guessed."""
    known = tuple(known)
    alike = [each for each in known if each.rpartition(".")[2] == name.rpartition(".")[2]]
    alike += get_close_matches(name, known, 1)
    return f"there is no such {noun}" + (f"; did you mean {alike[0]}?" if alike else "")


# --- Reading ---------------------------------------------------------------------------------


def read(raws: Iterable[Raw], known: Vocabulary, problems: Problems) -> dict[str, Given]:
    """The values by their keys; what a kind refuses is told and left out."""
    found: dict[str, Given] = {}
    for raw in raws:
        kind = known.kinds[raw.key]
        value = problems.of(raw.place, lambda raw=raw, kind=kind: _read(raw, kind))  # type: ignore[misc]
        if value is not None:
            found[raw.key] = Given(raw.key, value, raw.place)
    return found


def _read(raw: Raw, kind: ValueKind) -> Any:
    reading = kind.of_toml if raw.of_toml else kind.of_text
    return reading(raw.value, raw.base)
